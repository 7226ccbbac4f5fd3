import { expect } from 'vitest';
import { openProject, type Project } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { coordinatorOf, runFolder, withClient } from './swarm-view.ts';

/** Beyond it more voters only make every decision slower. */
const MOST_VOTERS = 7;

/**
 * Runs a swarm of `agents` instances on one task each, which ends when all of them are at work. Expects that few
 * vote, all others learn, and everybody works.
 */
export async function runMany(agents: number): Promise<void> {
  const project = openProject();
  const ids = Array.from({ length: agents }, (_, at) => `task-${at + 1}`);
  const run = project.start([
    'run',
    oneForEach(project, ids),
    '--agents',
    String(agents),
    '--json',
    '--keep',
  ]);
  const folder = await runFolder(project);
  const { id: coordinator } = await coordinatorOf(folder);
  const { configuration } = await withClient(folder, coordinator, (client) =>
    client.query({ kind: 'status' }),
  );
  const { voters, learners } = configuration;
  expect(voters.length).toBeGreaterThanOrEqual(5);
  expect(voters.length).toBeLessThanOrEqual(MOST_VOTERS);
  expect(new Set([...voters, ...learners]).size).toBe(agents);

  const { exitCode, stdout, stderr } = await run.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(JSON.parse(stdout).summary).toMatchObject({ completed: agents, failed: 0, cancelled: 0 });
  const workers = project.read('workers').split('\n').slice(0, -1);
  expect(workers.sort()).toEqual([...voters, ...learners].sort());
  expectEachCompletedOnce(await readHistory(folder), ids);
}

function oneForEach(project: Project, ids: readonly string[]): string {
  const script = `echo "$AGENT_ID" >>workers; until [ "$(wc -l <workers)" -ge ${ids.length} ]; do sleep 0.3; done`;
  return project.write(
    'tasks.yaml',
    `tasks:\n${ids.map((id) => `  - { id: ${id}, run: '${script}' }\n`).join('')}`,
  );
}
