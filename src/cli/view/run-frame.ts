import { usdText } from '../../tasks/usage.ts';
import { type Paint, paintLine, type Span } from './paint.ts';
import type { RunView } from './run-view.ts';
import { cut, elapsed, pad, plain, width } from './text.ts';

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

/** Running tasks and lines of output shown when there is room for all. */
const MAX_RUNNING = 10;
const MAX_OUTPUT = 6;

/** Below this, numbers say more than a bar. */
const MIN_BAR_COLUMNS = 10;
const MAX_BAR_COLUMNS = 40;

/**
 * The view as lines, none wider than the terminal and one row fewer than it has: the cursor needs one.
 * What does not fit is left out from the bottom of its section.
 */
export function runFrame(view: RunView, size: FrameSize, paint: Paint): string[] {
  const head = [headLine(view), progressLine(view, size.columns), nodesLine(view)];
  const room = Math.max(0, size.rows - 1 - head.length);
  const running = runningLines(view, Math.min(MAX_RUNNING, room));
  const output = outputLines(view, Math.min(MAX_OUTPUT, room - running.length - 1));
  return [...head, ...running, ...output]
    .slice(0, Math.max(1, size.rows - 1))
    .map((spans) => paintLine(spans, size.columns, paint));
}

function headLine({
  swarm,
  coordinator,
  term,
  elections,
  elapsedMs,
  phase,
  usage,
}: RunView): readonly Span[] {
  const who: readonly Span[] =
    coordinator === undefined
      ? [{ text: 'electing a coordinator', style: 'yellow' }]
      : ['coordinator ', { text: plain(coordinator), style: 'cyan' }];
  const stopping: readonly Span[] =
    phase === 'working' ? [] : [{ text: ' · stopping, Ctrl-C again to stop at once', style: 'yellow' }];
  const count = elections === 1 ? '1 election' : `${elections} elections`;
  return [
    { text: plain(swarm), style: 'bold' },
    ' · ',
    ...who,
    { text: ` · term ${term}, ${count} · ${elapsed(elapsedMs)}`, style: 'dim' },
    usage.costMicros === 0 ? '' : ` · ${usdText(usage.costMicros)}`,
    ...stopping,
  ];
}

function progressLine({ counts }: RunView, columns: number): readonly Span[] {
  const { completed } = counts;
  const bad = counts.failed + counts.cancelled + counts.blocked + counts.parked;
  const waiting = counts.queued + counts.assigned;
  const total = completed + bad + waiting + counts.running;
  const numbers: Span[] = [`${completed}/${total} done`];
  if (counts.running > 0) numbers.push(` · ${counts.running} running`);
  if (waiting > 0) numbers.push(` · ${waiting} waiting`);
  for (const state of ['failed', 'blocked', 'parked', 'cancelled'] as const) {
    if (counts[state] > 0) numbers.push(' · ', { text: `${counts[state]} ${state}`, style: 'red' });
  }
  const taken = numbers.reduce((sum, span) => sum + width(typeof span === 'string' ? span : span.text), 1);
  const cells = Math.min(MAX_BAR_COLUMNS, columns - taken);
  return cells < MIN_BAR_COLUMNS || total === 0
    ? numbers
    : [...bar({ completed, bad, total }, cells), ' ', ...numbers];
}

/** A part that is not nothing has a cell, and a bar is full only when all is done. */
function bar(
  { completed, bad, total }: { readonly completed: number; readonly bad: number; readonly total: number },
  cells: number,
): readonly Span[] {
  const red = bad === 0 ? 0 : Math.max(1, Math.floor((bad / total) * cells));
  const green = Math.min(cells - red, Math.floor((completed / total) * cells));
  return [
    { text: '█'.repeat(green), style: 'green' },
    { text: '█'.repeat(red), style: 'red' },
    { text: '░'.repeat(cells - green - red), style: 'dim' },
  ];
}

function nodesLine({ nodes }: RunView): readonly Span[] {
  return nodes.flatMap(({ id, role, lag }, index): Span[] => {
    const behind = role !== 'down' && lag > 0 ? ` -${lag}` : '';
    const style = role === 'down' ? 'red' : role === 'leader' ? 'cyan' : 'dim';
    return [index === 0 ? '' : '  ', plain(id), ' ', { text: `${role}${behind}`, style }];
  });
}

function runningLines({ running }: RunView, room: number): readonly (readonly Span[])[] {
  const shown = running.length <= room ? running : running.slice(0, Math.max(0, room - 1));
  const rows = shown.map((task) => ({ ...task, id: plain(task.taskId), agent: plain(task.agent) }));
  const idWidth = Math.min(28, Math.max(0, ...rows.map(({ id }) => width(id))));
  const agentWidth = Math.min(20, Math.max(0, ...rows.map(({ agent }) => width(agent))));
  const lines = rows.map(({ id, agent, title, elapsedMs }): readonly Span[] => [
    { text: '▸ ', style: 'cyan' },
    pad(id, idWidth),
    { text: `  ${pad(agent, agentWidth)}  ${pad(elapsed(elapsedMs), 7, 'right')}`, style: 'dim' },
    title === id ? '' : `  ${plain(title)}`,
  ]);
  const hidden = running.length - shown.length;
  return hidden > 0 && room > 0 ? [...lines, [{ text: `  and ${hidden} more`, style: 'dim' }]] : lines;
}

function outputLines({ output }: RunView, room: number): readonly (readonly Span[])[] {
  if (room <= 0 || output.length === 0) return [];
  const shown = output.slice(-room);
  return [
    [''],
    ...shown.map(({ taskId, text }): readonly Span[] => [
      { text: `${cut(plain(taskId), 28)} │ `, style: 'dim' },
      plain(text),
    ]),
  ];
}
