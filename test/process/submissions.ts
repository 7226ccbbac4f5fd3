import { expect } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { parseCommand } from '../../src/tasks/schema.ts';
import { allGone, eventually, kill, openProject, type Project } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { coordinatorOf, standingFolder } from './swarm-view.ts';

const SUBMITTERS = 4;
/** A submitter whose command is not answered within this does not count it. */
const ANSWER_MS = 2_000;

export interface Submitters {
  /** Ids of the tasks whose submission was acknowledged. */
  readonly acknowledged: readonly string[];
  /** Says no more, and waits for what is on its way. */
  stop(): Promise<void>;
}

/** Clients that submit one small task after the other. */
export function submitTo(folder: SwarmFolder): Submitters {
  const acknowledged: string[] = [];
  const over = new AbortController();
  const client = new SwarmClient({ folder, name: 'submitters', version: 'test' });
  const submitters = Array.from({ length: SUBMITTERS }, async (_, number) => {
    for (let count = 1; !over.signal.aborted; count += 1) {
      const id = `task-${number}-${count}`;
      const submit = parseCommand({ kind: 'submit', key: id, tasks: [{ id, run: 'true' }] });
      try {
        await client.execute(submit, { timeoutMs: ANSWER_MS });
        acknowledged.push(id);
      } catch (error) {
        // Not acknowledged: it may be in the log or not.
        if (!(error instanceof SwarmError)) throw error;
      }
    }
  });
  return {
    acknowledged,
    async stop() {
      over.abort();
      await Promise.all(submitters);
      await client.close();
    },
  };
}

/** Kills the coordinator while tasks are submitted: all that was acknowledged is there and done once. */
export async function killCoordinatorWhileSubmitting(): Promise<void> {
  const project = openProject();
  const folder = await bringUp(project);
  const submitters = submitTo(folder);
  await eventually('the first acknowledgements', () => submitters.acknowledged.length >= 10);
  const killed = await coordinatorOf(folder);
  kill(killed.pid, 'SIGKILL');
  await coordinatorOf(folder, killed.id);
  const before = submitters.acknowledged.length;
  await eventually(
    'acknowledgements by the new coordinator',
    () => submitters.acknowledged.length >= before + 10,
  );
  await submitters.stop();
  await expectAcknowledged(project, submitters);
}

/** Kills every process of the swarm while tasks are submitted, and brings it up again. */
export async function killEverythingWhileSubmitting(): Promise<void> {
  const project = openProject();
  const folder = await bringUp(project);
  const submitters = submitTo(folder);
  await eventually('the first acknowledgements', () => submitters.acknowledged.length >= 20);
  await killEverything(project);
  await submitters.stop();
  await bringUp(project);
  await expectAcknowledged(project, submitters);
}

export async function bringUp(project: Project): Promise<SwarmFolder> {
  const { exitCode, stderr } = await project.run(['up', '--json']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return standingFolder(project);
}

/** Not one after the other in order: the way a machine that loses its power ends. */
export async function killEverything(project: Project): Promise<void> {
  await eventually('nothing to be left to kill', () => {
    const pids = project.processes();
    for (const pid of pids) kill(pid, 'SIGKILL');
    return pids.length === 0;
  });
}

export async function expectAcknowledged(project: Project, { acknowledged }: Submitters): Promise<void> {
  const ids = await eventually('every task to be completed', async () => {
    const { exitCode, stdout, stderr } = await project.run(['task', 'list', '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const tasks = JSON.parse(stdout) as { readonly id: string; readonly state: string }[];
    return tasks.every(({ state }) => state === 'completed') && tasks.map(({ id }) => id);
  });
  expect(ids).toEqual(expect.arrayContaining([...acknowledged]));
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0, stderr: '' });
  await allGone(project);
  expectEachCompletedOnce(await readHistory(standingFolder(project)), ids);
}
