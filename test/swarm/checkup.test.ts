import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadAgentFile } from '../../src/agents/load.ts';
import { PACKAGE_AGENTS } from '../../src/agents/registry.ts';
import { clusterId, nodeId } from '../../src/protocol/ids.ts';
import { openWal } from '../../src/storage/wal.ts';
import { examine } from '../../src/swarm/checkup/examine.ts';
import { checkRuntime } from '../../src/swarm/checkup/machine-check.ts';
import { planSwarm } from '../../src/swarm/founding.ts';
import { confirmIdentity } from '../../src/swarm/identity.ts';
import { locateProject, prepareStateFolder, type SwarmFolder } from '../../src/swarm/layout.ts';
import { createSwarm, loadRoster, updateRoster } from '../../src/swarm/roster.ts';
import { entries, hardState, startWriter } from '../storage/log-writes.ts';

const FIRST = nodeId('raft-manager-1');
const SECOND = nodeId('raft-manager-2');
const RUNTIME = { version: '20.19.0', range: '>=20.19' };
const NOBODY = 2 ** 22 + 1;

/** A swarm of two instances that has been up once, and is down. */
async function stoppedSwarm(): Promise<{ readonly state: string; readonly folder: SwarmFolder }> {
  const state = join(mkdtempSync(join(tmpdir(), 'raft-manager-checkup-')), 'state');
  onTestFinished(() => rmSync(join(state, '..'), { recursive: true, force: true }));
  const definition = await loadAgentFile(resolve(PACKAGE_AGENTS, 'raft-manager.md'));
  const roster = planSwarm({
    name: 'test',
    definitions: [definition],
    instances: 2,
    port: 0,
    workspace: state,
    requireHooks: false,
    leaseMs: 60_000,
    work: { executor: 'command' },
  });
  prepareStateFolder(state);
  const folder = createSwarm(join(state, 'swarm'), roster);
  for (const { id } of roster.nodes) {
    const name = nodeId(id);
    const owner = { clusterId: clusterId(roster.clusterId), nodeId: name };
    const writer = startWriter(await openWal({ folder: folder.wal(name), ...owner }));
    await writer.write({ hardState: hardState(1), entries: entries(1, 3) });
    await writer.storage.close();
    confirmIdentity(folder, name, name);
  }
  return { state, folder };
}

const checkup = (state: string) => examine(locateProject(state, {}, state), RUNTIME);

/** Lines of the log of an instance, as it writes them. */
const logged = (line: object): string => `${JSON.stringify({ level: 60, time: 1, ...line })}\n`;

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')), { mode: 0o600 });
}

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(path, bytes);
}

describe('a data folder', () => {
  test('that is well has nothing to be said of', async () => {
    const { state } = await stoppedSwarm();
    expect(await checkup(state)).toEqual({ state, swarms: 1, instances: 2, findings: [] });
  });

  test.each<{
    readonly why: string;
    readonly harm: (folder: SwarmFolder) => void;
    readonly gravity?: 'note';
    readonly about: string;
    readonly path: (folder: SwarmFolder) => string;
    readonly what: RegExp;
    readonly instance?: string;
  }>([
    {
      why: 'a folder is open to others',
      harm: ({ root }) => chmodSync(root, 0o755),
      about: 'permissions',
      path: ({ root }) => root,
      what: /its mode is 0755, and should be 0700$/,
    },
    {
      why: 'the token is open to others',
      harm: ({ token }) => chmodSync(token, 0o640),
      about: 'permissions',
      path: ({ token }) => token,
      what: /its mode is 0640, and should be 0600$/,
    },
    {
      why: 'the token is gone',
      harm: ({ token }) => rmSync(token),
      about: 'missing',
      path: ({ token }) => token,
      what: /the secret of the swarm is missing/,
    },
    {
      why: 'the roster is no JSON',
      harm: ({ roster }) => edit(roster, (text) => text.replace('"format": 1,', '"format": 1')),
      about: 'roster',
      path: ({ roster }) => roster,
      what: /swarm\.json:3:3 is not a roster of this version: this is not JSON: comma expected/,
    },
    {
      why: 'the roster says what no roster says',
      harm: ({ roster }) => edit(roster, (text) => text.replace('"voter": true', '"voter": 7')),
      about: 'roster',
      path: ({ roster }) => roster,
      what: /swarm\.json:\d+:\d+ .*nodes\.0\.voter .*expected boolean/,
    },
    {
      why: 'the roster is gone',
      harm: ({ roster }) => rmSync(roster),
      about: 'roster',
      path: ({ roster }) => roster,
      what: /there is no swarm in/,
    },
    {
      why: 'an identity is torn',
      harm: (folder) => writeFileSync(folder.identity(FIRST), '{"memberId":', { mode: 0o600 }),
      about: 'identity',
      path: (folder) => folder.identity(FIRST),
      what: /identity\.json:1:13 does not say who this instance is/,
      instance: FIRST,
    },
    {
      why: 'a log is damaged',
      harm: (folder) => flipByte(segmentOf(folder), 200),
      about: 'damaged',
      path: segmentOf,
      what: /00000001\.wal at byte \d+: /,
      instance: FIRST,
    },
    {
      why: 'a snapshot is damaged',
      harm: (folder) => writeFileSync(snapshotOf(folder), 'not a snapshot', { mode: 0o600 }),
      about: 'damaged',
      path: snapshotOf,
      what: /snapshot at byte 0: /,
      instance: FIRST,
    },
    {
      why: 'the log is of another cluster',
      harm: (folder) => updateRoster(folder, { ...loadRoster(folder), clusterId: 'other' }),
      about: 'foreign',
      path: segmentOf,
      what: /is in the data folder of node raft-manager-1 of cluster .*of other asks for it/,
      instance: FIRST,
    },
    {
      why: 'it was killed',
      harm: (folder) => {
        const holder = { pid: NOBODY, begun: 'long ago' };
        writeFileSync(join(folder.wal(FIRST), 'lock-9'), JSON.stringify(holder), { mode: 0o600 });
      },
      gravity: 'note',
      about: 'stale-lock',
      path: (folder) => folder.wal(FIRST),
      what: new RegExp(`process ${NOBODY}, which had it, was killed`),
      instance: FIRST,
    },
    {
      why: 'the data of one that does not vote are gone',
      harm: (folder) => rmSync(folder.wal(SECOND), { recursive: true }),
      gravity: 'note',
      about: 'missing',
      path: (folder) => folder.wal(SECOND),
      what: /its data are gone; it was raft-manager-2/,
      instance: SECOND,
    },
    {
      why: 'a snapshot was half made',
      harm: (folder) => writeFileSync(join(folder.wal(FIRST), 'snapshot-1.tmp'), '', { mode: 0o600 }),
      gravity: 'note',
      about: 'leftover',
      path: (folder) => join(folder.wal(FIRST), 'snapshot-1.tmp'),
      what: /half made/,
    },
    {
      why: 'damage was put aside',
      harm: (folder) => mkdirSync(join(folder.wal(FIRST), 'damaged'), { mode: 0o700 }),
      gravity: 'note',
      about: 'leftover',
      path: (folder) => join(folder.wal(FIRST), 'damaged'),
      what: /found damaged/,
    },
    {
      why: 'it was removed from the swarm',
      harm: (folder) => writeFileSync(folder.removed(FIRST), 'now\n', { mode: 0o600 }),
      gravity: 'note',
      about: 'removed',
      path: (folder) => folder.removed(FIRST),
      what: /removed from the swarm/,
      instance: FIRST,
    },
    {
      why: 'it ended by itself',
      harm: (folder) =>
        writeFileSync(
          folder.nodeLog(FIRST),
          `not of ours\n${logged({ msg: 'ready' })}${logged({ msg: 'stopped by itself: oops', exitCode: 74 })}`,
          { mode: 0o600 },
        ),
      about: 'exit',
      path: (folder) => folder.nodeLog(FIRST),
      what: /ended with exit code 74: stopped by itself: oops/,
      instance: FIRST,
    },
  ])('is told of when $why', async ({ harm, gravity = 'wrong', about, path, what, instance = null }) => {
    const { state, folder } = await stoppedSwarm();
    harm(folder);
    const { findings } = await checkup(state);
    const expected = { gravity, about, instance, path: path(folder), what: expect.stringMatching(what) };
    expect(findings).toContainEqual({ ...expected, advice: expect.stringMatching(/./) });
    expect(new Set(findings.map((finding) => finding.gravity))).toEqual(new Set([gravity]));
  });

  test('names what to do when the data of so many voters are gone that nobody can let them in again', async () => {
    const { state, folder } = await stoppedSwarm();
    rmSync(folder.wal(FIRST), { recursive: true });
    expect((await checkup(state)).findings).toMatchObject([
      {
        gravity: 'wrong',
        about: 'majority',
        path: folder.root,
        instance: null,
        what: expect.stringContaining(
          'the data of raft-manager-1 are gone, and no majority of this machine’s voters (1) is left',
        ),
        advice: expect.stringContaining('"raft-manager recover"'),
      },
      { gravity: 'note', about: 'missing', instance: FIRST },
    ]);
  });

  test('forgets how an instance ended once it has come up again', async () => {
    const { state, folder } = await stoppedSwarm();
    const lines = [logged({ msg: 'cannot start: oops', exitCode: 73 }), logged({ msg: 'ready' })];
    writeFileSync(folder.nodeLog(FIRST), lines.join(''), { mode: 0o600 });
    expect((await checkup(state)).findings).toEqual([]);
    appendFileSync(folder.nodeLog(FIRST), lines[0] ?? '');
    expect((await checkup(state)).findings).toHaveLength(1);
  });

  test('says that the port of an instance which is down is taken', async () => {
    const { state, folder } = await stoppedSwarm();
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const roster = loadRoster(folder);
    const nodes = roster.nodes.map((node) => ({ ...node, port: node.id === FIRST ? port : 0 }));
    updateRoster(folder, { ...roster, nodes });
    expect((await checkup(state)).findings).toMatchObject([
      { gravity: 'wrong', about: 'port', instance: FIRST, what: expect.stringContaining('EADDRINUSE') },
    ]);
  });

  test('is looked at whole: runs, and what joined swarms elsewhere', async () => {
    const { state, folder } = await stoppedSwarm();
    mkdirSync(join(state, 'joined'), { mode: 0o700 });
    renameSync(folder.root, join(state, 'joined', 'far'));
    expect(await checkup(state)).toMatchObject({ swarms: 1, instances: 2, findings: [] });
    expect(await checkup(join(state, 'joined', 'far'))).toMatchObject({ swarms: 1, instances: 2 });
  });

  test('that is not there is a mistake of whoever asks', async () => {
    await expect(checkup(join(tmpdir(), 'no-such-state-of-anybody'))).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('there is no such folder'),
    });
  });
});

function segmentOf(folder: SwarmFolder): string {
  return join(folder.wal(FIRST), '00000001.wal');
}

function snapshotOf(folder: SwarmFolder): string {
  return join(folder.wal(FIRST), `${'9'.padStart(16, '0')}-1.snapshot`);
}

describe('the version of Node', () => {
  test.each([
    { version: '20.19.0', fits: true, why: 'the least' },
    { version: '24.0.1', fits: true, why: 'a later one' },
    { version: '20.100.0', fits: true, why: 'numbers, not text' },
    { version: '20.9.9', fits: false, why: 'numbers, not text' },
    { version: '18.20.4', fits: false, why: 'a former one' },
  ])('$version: $why', ({ version, fits }) => {
    expect(checkRuntime({ version, range: '>=20.19' }).length === 0).toBe(fits);
  });
});
