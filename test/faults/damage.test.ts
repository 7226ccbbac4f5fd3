import { readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { readWitness } from '../../src/storage/wal-witness.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { type Ended, eventually, openProject } from '../process/harness.ts';
import { bringUp, killEverything, submitTo } from '../process/submissions.ts';

type Harm = (wal: string) => void | Promise<void>;

const lastSegment = (wal: string): string =>
  join(
    wal,
    readdirSync(wal)
      .filter((name) => name.endsWith('.wal'))
      .sort()
      .at(-1) ?? '',
  );

const HARMS: readonly { readonly why: string; readonly harm: Harm }[] = [
  {
    why: 'the end is gone',
    async harm(wal) {
      truncateSync(lastSegment(wal), ((await readWitness(wal))?.bytes ?? 0) - 1);
    },
  },
  { why: 'the file is gone', harm: (wal) => rmSync(lastSegment(wal)) },
];

describe('a minority is damaged after all were killed: nothing that was acknowledged is missing, and it is told', () => {
  test.each(HARMS)('$why', async ({ harm }) => {
    const project = openProject();
    const folder = await bringUp(project);
    const submitters = submitTo(folder);
    await eventually('the first acknowledgements', () => submitters.acknowledged.length >= 20);
    await killEverything(project);
    await submitters.stop();
    const victim = instancesOf(folder)[0] ?? ('' as NodeId);
    await harm(folder.wal(victim));
    await bringUp(project);
    const log = (): string => readFileSync(join(folder.supervisor, 'supervisor.log'), 'utf8');
    await eventually('the report', () => log().includes(`instance ${victim} stays down`));
    expect(log()).toMatch(/wal at byte \d+: /);
    expect(readFileSync(folder.nodeLog(victim), 'utf8')).toContain('"exitCode":65');
    const ids = await eventually('every task to be completed', () => allCompleted(project.run(LIST)));
    expect(ids).toEqual(expect.arrayContaining([...submitters.acknowledged]));
    expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
  });
});

const LIST = ['task', 'list', '--json'];

async function allCompleted(list: Promise<Ended>): Promise<readonly string[] | false> {
  const { exitCode, stdout } = await list;
  expect(exitCode).toBe(0);
  const tasks = JSON.parse(stdout) as { readonly id: string; readonly state: string }[];
  return tasks.every(({ state }) => state === 'completed') && tasks.map(({ id }) => id);
}

function instancesOf(folder: SwarmFolder): readonly NodeId[] {
  return loadRoster(folder).nodes.map(({ id }) => id as NodeId);
}
