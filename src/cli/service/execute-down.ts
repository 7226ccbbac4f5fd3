import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import { supervisorOf } from '../../swarm/launch.ts';
import { locateProject, swarmFolder } from '../../swarm/layout.ts';
import type { PlaceOptions } from '../options.ts';
import { printLine } from '../reach.ts';

const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 25;

/** Asks the supervisor to stop everything in order, and waits until it has. */
export async function executeDown({ dir }: PlaceOptions): Promise<void> {
  const folder = swarmFolder(locateProject(dir, process.env, process.cwd()).standing);
  const pid = supervisorOf(folder);
  if (pid === undefined) throw new SwarmError('NOT_RUNNING', `no swarm is up in ${folder.root}`);
  process.kill(pid, 'SIGTERM');
  for (const deadline = performance.now() + STOP_TIMEOUT_MS; supervisorOf(folder) === pid; ) {
    if (performance.now() > deadline) {
      throw new SwarmError(
        'TIMEOUT',
        `process ${pid} did not stop within ${STOP_TIMEOUT_MS / 1_000} s; see ${folder.supervisor}/supervisor.log`,
      );
    }
    await delay(POLL_MS);
  }
  printLine(`down: ${folder.root} keeps the task log`);
}
