import { systemClock } from '../../node/clock.ts';
import type { Census } from '../../swarm/census.ts';
import type { Notice } from '../../swarm/port.ts';
import type { SupervisorEvent } from '../../swarm/supervisor.ts';
import type { TaskJson } from '../../tasks/task.ts';
import { LiveScreen } from '../view/live-screen.ts';
import { displayMode, paintFor } from '../view/paint.ts';
import { runFrame } from '../view/run-frame.ts';
import { runLine } from '../view/run-lines.ts';
import { RunProgress } from '../view/run-progress.ts';
import { plain } from '../view/text.ts';

interface DisplayOptions {
  readonly swarm: string;
  /** Wall clock in ms. */
  readonly startedAt: number;
  /** Nothing on stdout: the JSON report comes there. */
  readonly quiet: boolean;
}

/** Shows a run while it is under way: drawn on a terminal, told line by line elsewhere. */
export interface RunDisplay {
  readonly elections: number;
  /** True when somebody looks at lag and roles of the nodes. */
  readonly wantsCensus: boolean;
  onNotice(notice: Notice): void;
  onTasks(tasks: readonly TaskJson[]): void;
  onSupervisor(event: SupervisorEvent): void;
  readonly onCensus: (census: Census) => void;
  onStopping(): void;
  close(): void;
}

export function openRunDisplay({ swarm, startedAt, quiet }: DisplayOptions): RunDisplay {
  const progress = new RunProgress({ swarm, startedAt });
  const surroundings = { isTTY: process.stdout.isTTY === true, env: process.env };
  const screen =
    quiet || displayMode(surroundings) === 'lines' ? undefined : openScreen(progress, surroundings);
  const tell = (line: string): void => {
    if (quiet) return;
    if (screen === undefined) process.stdout.write(`${line}\n`);
    else screen.print([line]);
  };
  const warn = (line: string): void => {
    if (screen === undefined) process.stderr.write(`raft-manager: ${line}\n`);
    else screen.print([line]);
  };
  return {
    get elections() {
      return progress.view(Date.now()).elections;
    },
    wantsCensus: screen !== undefined,
    onNotice(notice) {
      const events = progress.take(notice);
      if (screen === undefined) for (const event of events) tell(runLine(event));
      else screen.changed();
    },
    onTasks(tasks) {
      progress.setTasks(tasks);
      screen?.changed();
    },
    onSupervisor(event) {
      if (event.type === 'exited') warn(`instance ${event.id} ended (${event.how}); it is restarted`);
      if (event.type === 'gave-up') warn(`instance ${event.id} stays down: ${plain(event.reason)}`);
      if (event.type === 'removed') warn(`instance ${event.id} was removed from the swarm`);
    },
    onCensus({ nodes }) {
      progress.setNodes(nodes.map(({ id, role, lag }) => ({ id, role, lag })));
      screen?.changed();
    },
    onStopping() {
      progress.stopping();
      if (screen === undefined) tell(runLine({ type: 'stopping' }));
      else screen.changed();
    },
    close() {
      screen?.close();
    },
  };
}

function openScreen(progress: RunProgress, surroundings: Parameters<typeof paintFor>[0]): LiveScreen {
  const paint = paintFor(surroundings);
  return new LiveScreen({
    terminal: process.stdout,
    clock: systemClock,
    render: (size) => runFrame(progress.view(Date.now()), size, paint),
  });
}
