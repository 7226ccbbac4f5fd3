import { SwarmClient } from '../../swarm/client.ts';
import { isSettled, type TaskJson } from '../../tasks/task.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { runLine } from '../view/run-lines.ts';
import { endEvents, RunProgress } from '../view/run-progress.ts';
import type { RunEvent } from '../view/run-view.ts';
import { recordOf } from './records.ts';

/** Follows one task to its end, or all of them until somebody has seen enough. */
export async function watchTasks(id: string | undefined, options: ReachOptions): Promise<void> {
  const progress = new RunProgress({ swarm: '', startedAt: Date.now() });
  let end: (task: TaskJson | undefined) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const ended = new Promise<TaskJson | undefined>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  let isOver = false;
  const look = (task: TaskJson | undefined): void => {
    if (task === undefined || !isSettled(task.state)) return;
    isOver = true;
    end(task);
  };
  const tell = (event: RunEvent): void => {
    if (options.json) printJson(event);
    else printLine(runLine(event));
  };
  /** It had ended before anybody watched. */
  const lookBack = (task: TaskJson): void => {
    if (!isOver && isSettled(task.state)) for (const event of endEvents(task)) tell(event);
    look(task);
  };
  const client: SwarmClient = new SwarmClient({
    folder: await reachableFolder(options),
    name: `watch-${process.pid}`,
    version: packageVersion(),
    onNotice(notice) {
      if (isOver) return;
      for (const event of progress.take(notice)) {
        if (id === undefined || ('taskId' in event && event.taskId === id)) tell(event);
      }
      if (notice.type === 'applied') look(notice.tasks.find((task) => task.id === id));
    },
    // The task may have ended before this link was there: its record knows.
    onRelinked() {
      if (id !== undefined) recordOf(client, id, options).then(lookBack, fail);
    },
  });
  process.once('SIGINT', () => end(undefined));
  try {
    await client.watch(options.timeout);
    const task = await ended;
    if (task !== undefined && task.state !== 'completed') process.exitCode = EXIT.failed;
  } finally {
    await client.close();
  }
}
