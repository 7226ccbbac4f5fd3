import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { allGone, openProject } from './harness.ts';
import { standingFolder } from './swarm-view.ts';

const FIRST = nodeId('raft-manager-1');

const parsed = (stdout: string): readonly { readonly type: string; readonly [key: string]: unknown }[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('a log is read from the disk while its node is at work, after that, and when it is damaged', async () => {
  const project = openProject();
  await project.run(['up']);
  const folder = standingFolder(project);
  await project.run(['task', 'add', 'one', '--run', 'true']);
  const busy = await project.run(['log', '--raw', FIRST, '--json']);
  expect(busy).toMatchObject({ exitCode: 0, stderr: '' });
  const lines = parsed(busy.stdout);
  const [head] = lines;
  expect(head).toEqual({
    type: 'log',
    folder: folder.wal(FIRST),
    segments: 1,
    heldBy: expect.any(Number),
    durable: expect.anything(),
  });
  expect(lines.at(-1)).toMatchObject({ type: 'verdict', state: 'sound' });
  expect(lines).toContainEqual(
    expect.objectContaining({ kind: 'command', says: 'submit', crc: 'ok', file: '00000001.wal' }),
  );
  expect(await project.run(['doctor'])).toMatchObject({ exitCode: 0, stderr: '' });
  await project.run(['down']);
  await allGone(project);

  const segment = join(folder.wal(FIRST), '00000001.wal');
  const submit = lines.find(({ says }) => says === 'submit');
  const bytes = readFileSync(segment);
  const at = Number(submit?.offset) + 40;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(segment, bytes);
  const place = join(project.state, 'swarm/nodes', FIRST);
  const damaged = await project.run(['log', '--raw', place]);
  expect(damaged).toMatchObject({ exitCode: 1, stderr: '' });
  expect(damaged.stdout).toContain(
    `  ${submit?.offset}\tDAMAGED, ${submit?.bytes} bytes: the checksum does not fit`,
  );
  expect(damaged.stdout).toMatch(/mark.* is durable\n.*\nDAMAGED: .*00000001\.wal at byte \d+/);
  expect(readFileSync(segment)).toEqual(bytes);
  const examined = await project.run(['doctor', project.state, '--json']);
  expect(examined.exitCode).toBe(1);
  expect(JSON.parse(examined.stdout)).toMatchObject({
    well: false,
    instances: 3,
    findings: [{ gravity: 'wrong', about: 'damaged', instance: FIRST, path: segment }],
  });
});

test.each([
  {
    why: 'no such path, and no such instance',
    place: 'nobody',
    told: 'nobody is neither a path nor an instance of',
  },
  { why: 'a folder without a log', place: '.', told: 'holds no log' },
  { why: 'a file of something else', place: 'notes', told: 'is no segment of a log' },
])('what is no log is refused: $why', async ({ place, told }) => {
  const project = openProject();
  project.write('notes', 'hello');
  expect(await project.run(['log', '--raw', place])).toMatchObject({
    exitCode: 2,
    stdout: '',
    stderr: expect.stringContaining(told),
  });
});

test('where nothing is kept there is nothing to be looked at', async () => {
  const project = openProject();
  expect(await project.run(['doctor'])).toMatchObject({
    exitCode: 2,
    stdout: '',
    stderr: expect.stringContaining('there is no such folder'),
  });
});
