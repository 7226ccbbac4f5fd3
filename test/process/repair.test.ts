import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { eventually, openProject } from './harness.ts';
import { bringUp, killEverything, submitTo } from './submissions.ts';

/** A bit of the oldest segment changes, in the middle of what was durable. */
function rot(wal: string): void {
  const [name = ''] = readdirSync(wal)
    .filter((one) => one.endsWith('.wal'))
    .sort();
  const bytes = readFileSync(join(wal, name));
  bytes[1_000] = (bytes[1_000] ?? 0) ^ 0x10;
  writeFileSync(join(wal, name), bytes);
}

test('a log that rotted is repaired from the others, and nothing that was acknowledged is missing', async () => {
  const project = openProject();
  const folder = await bringUp(project);
  const submitters = submitTo(folder);
  await eventually('the first acknowledgements', () => submitters.acknowledged.length >= 20);
  await killEverything(project);
  await submitters.stop();
  const victim = loadRoster(folder).nodes[0]?.id as NodeId;
  rot(folder.wal(victim));
  await bringUp(project);
  const log = (): string => readFileSync(folder.nodeLog(victim), 'utf8');
  await eventually('the repair', () => log().includes('has all of its log again'));
  expect(log()).toMatch(
    /wal at byte \d+: .* does not vote until others have sent it the log up to entry \d+/,
  );
  expect(readdirSync(folder.wal(victim)).filter((name) => name.endsWith('.wal.damaged-1'))).not.toEqual([]);
  const tasks = await eventually('every task to be completed', async () => {
    const { stdout } = await project.run(['task', 'list', '--json']);
    const all = JSON.parse(stdout) as { readonly id: string; readonly state: string }[];
    return all.every(({ state }) => state === 'completed') && all.map(({ id }) => id);
  });
  expect(tasks).toEqual(expect.arrayContaining([...submitters.acknowledged]));
  const { nodes } = JSON.parse((await project.run(['status', '--json'])).stdout) as {
    readonly nodes: readonly { readonly id: string; readonly repairing: unknown }[];
  };
  expect(nodes.find(({ id }) => id.startsWith(victim))).toMatchObject({ repairing: null });
  expect(await project.run(['verify'])).toMatchObject({ exitCode: 0 });
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
});
