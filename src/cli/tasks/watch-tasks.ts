import { SwarmClient } from '../../swarm/client.ts';
import { isSettled, type TaskJson } from '../../tasks/task.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { runLine } from '../view/run-lines.ts';
import { RunProgress } from '../view/run-progress.ts';
import { recordOf } from './records.ts';

/** Follows one task to its end, or all of them until somebody has seen enough. */
export async function watchTasks(id: string | undefined, options: ReachOptions): Promise<void> {
  const progress = new RunProgress({ swarm: '', startedAt: Date.now() });
  let settle: (task: TaskJson | undefined) => void = () => undefined;
  const settled = new Promise<TaskJson | undefined>((resolve) => {
    settle = resolve;
  });
  const look = (tasks: readonly TaskJson[]): void => {
    const task = tasks.find((one) => one.id === id);
    if (task !== undefined && isSettled(task.state)) settle(task);
  };
  const client: SwarmClient = new SwarmClient({
    folder: await reachableFolder(options),
    name: `watch-${process.pid}`,
    version: packageVersion(),
    onNotice(notice) {
      for (const event of progress.take(notice)) {
        const isOurs = id === undefined || ('taskId' in event && event.taskId === id);
        if (isOurs && options.json) printJson(event);
        else if (isOurs) printLine(runLine(event));
      }
      if (notice.type === 'applied') look(notice.tasks);
    },
    // Notices may have been missed: the record knows how the task stands.
    onRelinked: () => {
      if (id !== undefined) void recordOf(client, id, options).then((task) => look([task]));
    },
  });
  process.once('SIGINT', () => settle(undefined));
  try {
    await client.watch(options.timeout);
    if (id !== undefined) look([await recordOf(client, id, options)]);
    const task = await settled;
    if (task !== undefined && task.state !== 'completed') process.exitCode = EXIT.failed;
  } finally {
    await client.close();
  }
}
