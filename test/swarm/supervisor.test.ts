import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { nodeId } from '../../src/protocol/ids.ts';
import { InvariantError } from '../../src/protocol/invariant.ts';
import { lockFolder } from '../../src/storage/folder-lock.ts';
import { INSTANCE_EXIT, instanceExitCode, named } from '../../src/swarm/exit-code.ts';
import { swarmFolder } from '../../src/swarm/layout.ts';
import { Supervisor, type SupervisorEvent } from '../../src/swarm/supervisor.ts';

const root = mkdtempSync(join(tmpdir(), 'raft-manager-supervisor-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const id = nodeId('n1');
let swarms = 0;

/** A supervisor of one process that runs `script`, and what it says until `isLast`. */
async function supervise(script: string, isLast: (event: SupervisorEvent) => boolean) {
  swarms += 1;
  const folder = swarmFolder(join(root, String(swarms)));
  mkdirSync(folder.wal(id), { recursive: true });
  const events: SupervisorEvent[] = [];
  let onLast: () => void = () => undefined;
  const last = new Promise<void>((resolve) => {
    onLast = resolve;
  });
  const supervisor = new Supervisor({
    folder,
    ids: [id],
    command: () => [process.execPath, '-e', script, folder.wal(id)],
    onEvent(event) {
      events.push(event);
      if (isLast(event)) onLast();
    },
  });
  const failure = await supervisor.start().then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure === undefined) await last;
  await supervisor.stop();
  return { failure, types: events.map(({ type }) => type), last: events.at(-1) };
}

const READY = "process.send({ type: 'ready', url: '' }, () => EXIT);";
const readyThen = (exit: string): string => READY.replace('EXIT', exit);

describe('an instance that ends so is reported and left down, not started again', () => {
  test.each([
    { why: 'its disk failed', code: INSTANCE_EXIT.diskFailed },
    { why: 'its data are damaged', code: INSTANCE_EXIT.damaged },
    { why: 'its certificate was revoked', code: INSTANCE_EXIT.revoked },
    { why: 'it is not set up to work', code: INSTANCE_EXIT.misconfigured },
  ])('$why ($code)', async ({ why, code }) => {
    const { failure, types, last } = await supervise(
      readyThen(`process.exit(${code})`),
      ({ type }) => type === 'gave-up',
    );
    expect(failure).toBeUndefined();
    expect(types).toEqual(['started', 'ready', 'gave-up']);
    expect(last).toMatchObject({ reason: expect.stringContaining(`${why} (exit code ${code}); see `) });
  });
});

test('its own last word is what is reported', async () => {
  const word = "{ type: 'unfit', code: 'DISK_FAILED', message: 'EIO on sda1' }";
  const { last } = await supervise(
    readyThen(`process.send(${word}, () => process.exit(74))`),
    ({ type }) => type === 'gave-up',
  );
  expect(last).toMatchObject({ type: 'gave-up', reason: 'EIO on sda1' });
});

test('one that broke an invariant is started again: it may have been a matter of the moment', async () => {
  const { types } = await supervise(
    readyThen(`process.exit(${INSTANCE_EXIT.bug})`),
    ({ type }) => type === 'exited',
  );
  expect(types).toEqual(['started', 'ready', 'exited']);
});

test('one whose folder was removed is started again though it calls that a failed disk: it comes as another', async () => {
  const { types } = await supervise(
    `require('node:fs').rmSync(process.argv[1], { recursive: true }); ${readyThen('process.exit(74)')}`,
    ({ type }) => type === 'exited',
  );
  expect(types).toEqual(['started', 'ready', 'exited']);
});

describe('one that is kept from its work by what passes is tried again after a pause, and not counted as crashed', () => {
  const word = (code: string, exit: number): string =>
    readyThen(`process.send({ type: 'unfit', code: '${code}', message: 'no' }, () => process.exit(${exit}))`);
  test.each([
    { why: 'no room', script: readyThen('process.exit(73)'), how: 'exit code 73: disk full' },
    {
      why: 'another process in its folder',
      script: readyThen('process.exit(75)'),
      how: 'exit code 75: its folder or its port is in use',
    },
    { why: 'nobody to take it in', script: word('NO_QUORUM', 1), how: 'exit code 1: no' },
    { why: 'nobody answers', script: word('NOT_RUNNING', 1), how: 'exit code 1: no' },
    { why: 'somebody is not heard', script: word('LEVEL_TOO_LOW', 1), how: 'exit code 1: no' },
    { why: 'as many as there may be', script: word('LIMIT_EXCEEDED', 1), how: 'exit code 1: no' },
  ])('$why', async ({ script, how }) => {
    const { last } = await supervise(script, ({ type }) => type === 'exited' || type === 'gave-up');
    expect(last).toEqual({ type: 'exited', id, how, restartInMs: 5_000 });
  });
});

test('a folder that is still held by a process of an earlier supervisor is waited for', async () => {
  swarms += 1;
  const folder = swarmFolder(join(root, String(swarms)));
  const wal = folder.wal(id);
  mkdirSync(wal, { recursive: true });
  const giveBack = lockFolder(wal);
  const events: string[] = [];
  const supervisor = new Supervisor({
    folder,
    ids: [id],
    command: () => [process.execPath, '-e', readyThen("process.on('message', () => process.exit(0))")],
    onEvent: ({ type }) => events.push(type),
  });
  const started = supervisor.start();
  const next = new Promise((resolve) => setTimeout(resolve, 200));
  await next;
  expect(events).toEqual([]);
  giveBack();
  await started;
  expect(events).toEqual(['started', 'ready']);
  await supervisor.halt();
});

describe('of three instances', () => {
  const READY_FOR_GOOD = readyThen("process.on('message', () => process.exit(0))");
  const unfit = (code: string, exit: number): string =>
    `process.send({ type: 'unfit', code: '${code}', message: 'as it says' }, () => process.exit(${exit}))`;

  /** How a swarm comes up whose first instances run `script`, and the others as they should. */
  async function start(script: string, count: number) {
    swarms += 1;
    const ids = ['a', 'b', 'c'].map(nodeId);
    const gaveUp: string[] = [];
    const supervisor = new Supervisor({
      folder: swarmFolder(join(root, String(swarms))),
      ids,
      command: (of) => [process.execPath, '-e', ids.indexOf(of) < count ? script : READY_FOR_GOOD],
      onEvent: (event) => event.type === 'gave-up' && gaveUp.push(event.id),
    });
    const outcome = await supervisor.start().then(
      () => 'up',
      (error: unknown) => (error instanceof SwarmError ? error.code : String(error)),
    );
    await supervisor.halt();
    return { outcome, gaveUp };
  }

  test.each([
    { why: 'the others are a majority', code: 'DATA_DAMAGED', count: 1, outcome: 'up' },
    { why: 'the disk is of one alone', code: 'DISK_FAILED', count: 1, outcome: 'up' },
    { why: 'nobody took it in yet', code: 'NO_QUORUM', count: 1, exit: 1, outcome: 'up' },
    { why: 'the others are no majority', code: 'DATA_DAMAGED', count: 2, outcome: 'DATA_DAMAGED' },
    { why: 'a mistake of whoever starts it', code: 'BAD_INPUT', count: 1, outcome: 'BAD_INPUT' },
  ])('$count with $code: $why', async ({ code, count, outcome, exit = 65 }) => {
    const started = await start(unfit(code, exit), count);
    expect(started.outcome).toBe(outcome);
    expect(started.gaveUp).toHaveLength(count);
  });
});

describe('of three instances with a log, on a machine with two processors', () => {
  const ids = ['a', 'b', 'c'].map(nodeId);

  /** What is told until all are up; `told` is asked after each word. */
  async function startInTurn(script: string, told: (events: readonly string[], folder: string) => void) {
    swarms += 1;
    const folder = swarmFolder(join(root, String(swarms)));
    for (const one of ids) mkdirSync(folder.wal(one), { recursive: true });
    const events: string[] = [];
    const supervisor = new Supervisor({
      folder,
      ids,
      atOnce: 2,
      command: (of) => [process.execPath, '-e', script, folder.root, of],
      onEvent({ type, id: of }) {
        events.push(`${of} ${type}`);
        // What it does about it, it does at once.
        setImmediate(() => told(events, folder.root));
      },
    });
    await supervisor.start();
    await supervisor.halt();
    return events;
  }

  const UNTIL_TOLD = "process.on('message', () => process.exit(0));";
  const ONCE_IT_MAY = `const look = setInterval(() => {
    if (!require('node:fs').existsSync(process.argv[1] + '/serve')) return;
    clearInterval(look);
    process.send({ type: 'caught-up' });
  }, 5);`;

  test('a majority goes first, and the other one when these serve', async () => {
    let seen: readonly string[] = [];
    const events = await startInTurn(
      `${readyThen('undefined')} ${ONCE_IT_MAY} ${UNTIL_TOLD}`,
      (so, folder) => {
        if (so.length !== 4) return;
        seen = [...so];
        writeFileSync(join(folder, 'serve'), '');
      },
    );
    expect([...seen].sort()).toEqual(['a ready', 'a started', 'b ready', 'b started']);
    expect(events.slice(4)).toEqual(['c started', 'c ready']);
  });

  test('nobody waits for a majority of which one does not work', async () => {
    const word = "process.send({ type: 'unfit', code: 'DATA_DAMAGED', message: '' }, () => process.exit(65))";
    const script = `if (process.argv[2] === 'a') ${word}; else { ${readyThen('undefined')} } ${UNTIL_TOLD}`;
    const events = await startInTurn(script, () => undefined);
    expect(events.indexOf('c started')).toBe(events.indexOf('a gave-up') + 1);
  });
});

test('of many instances a few start at a time', async () => {
  swarms += 1;
  let starting = 0;
  let most = 0;
  const supervisor = new Supervisor({
    folder: swarmFolder(join(root, String(swarms))),
    ids: Array.from({ length: 12 }, (_, at) => nodeId(`n${at + 1}`)),
    atOnce: 1,
    command: () => [
      process.execPath,
      '-e',
      `${readyThen('undefined')} process.on('message', () => process.exit(0));`,
    ],
    onEvent({ type }) {
      starting += type === 'started' ? 1 : -1;
      most = Math.max(most, starting);
    },
  });
  await supervisor.start();
  expect(most).toBe(4);
  await supervisor.halt();
});

test('what an instance says of the room on its disk is known until it says otherwise', async () => {
  swarms += 1;
  const say = (shortage: string): string => `process.send({ type: 'room', shortage: ${shortage} });`;
  const afterOrder = `process.on('message', () => process.exit(0));`;
  const supervisor = (script: string): Supervisor =>
    new Supervisor({
      folder: swarmFolder(join(root, `${swarms}-${script.length}`)),
      ids: [id],
      command: () => [process.execPath, '-e', `${script} ${readyThen('undefined')} ${afterOrder}`],
      onEvent: () => undefined,
    });
  const short = supervisor(say("'no room'"));
  const ample = supervisor(`${say("'no room'")} ${say('null')}`);
  await Promise.all([short.start(), ample.start()]);
  expect(short.shortage).toBe('no room');
  expect(ample.shortage).toBeUndefined();
  await Promise.all([short.halt(), ample.halt()]);
});

test('a swarm that does not come up for lack of room says so instead of waiting', async () => {
  const word = "{ type: 'unfit', code: 'DISK_FULL', message: 'no room' }";
  const { failure } = await supervise(
    `process.send(${word}, () => process.exit(73))`,
    ({ type }) => type === 'gave-up',
  );
  expect(failure).toMatchObject({ code: 'DISK_FULL', message: 'no room' });
});

test.each([
  { why: 'disk', error: new SwarmError('DISK_FAILED', ''), code: 74 },
  { why: 'room', error: new SwarmError('DISK_FULL', ''), code: 73 },
  { why: 'damage', error: new SwarmError('DATA_DAMAGED', ''), code: 65 },
  { why: 'another process has the folder', error: new SwarmError('DATA_LOCKED', ''), code: 75 },
  { why: 'another process has the port', error: new SwarmError('PORT_IN_USE', ''), code: 75 },
  { why: 'the folder is of another node', error: new SwarmError('DATA_FOREIGN', ''), code: 78 },
  { why: 'no room for a file', error: Object.assign(new Error('no room'), { code: 'ENOSPC' }), code: 73 },
  { why: 'a broken promise', error: new InvariantError('x'), code: 70 },
  { why: 'a bug', error: new TypeError('x'), code: 1 },
])('an instance ends with $code: $why', ({ error, code }) => {
  expect(instanceExitCode(named(error))).toBe(code);
});

test('every exit code is in the table that tells people what to do', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  for (const code of Object.values(INSTANCE_EXIT)) expect(page).toMatch(new RegExp(`^\\| ${code} \\|`, 'm'));
});
