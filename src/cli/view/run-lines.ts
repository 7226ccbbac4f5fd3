import type { RunEvent } from './run-view.ts';
import { elapsed, plain } from './text.ts';

/** One event as one line without colours, for logs, pipes and CI. */
export function runLine(event: RunEvent): string {
  switch (event.type) {
    case 'elected':
      return `elected    ${plain(event.coordinator)} is the coordinator in term ${event.term}`;
    case 'node':
      return event.change === 'registered'
        ? `joined     ${plain(event.id)} is ready to work`
        : `left       ${plain(event.id)} has gone`;
    case 'output':
      return `output     ${plain(event.taskId)} ${event.source} | ${plain(event.text)}`;
    case 'paused':
      return `paused     no new assignments: ${plain(event.reason)}`;
    case 'budget':
      return event.exhausted === undefined
        ? 'budget     there is some again, tasks are assigned'
        : `budget     used up, no new assignments: ${plain(event.exhausted)}`;
    case 'resumed':
      return 'resumed    tasks are assigned again';
    case 'stopping':
      return 'stopping   running tasks are brought to an end; Ctrl-C again to stop at once';
    default:
      return taskLine(event);
  }
}

type TaskRunEvent = Extract<RunEvent, { readonly title: string }>;

function taskLine(event: TaskRunEvent): string {
  const { type, taskId, title, agent } = event;
  const what = title === taskId ? plain(taskId) : `${plain(taskId)} (${plain(title)})`;
  const who = agent === '' ? '' : `, ${plain(agent)}`;
  if ('reason' in event) {
    const why = event.reason === '' ? '' : `: ${plain(event.reason)}`;
    return `${VERBS[type].padEnd(10)} ${what}${who}${why}`;
  }
  const time = event.elapsedMs === undefined ? '' : `, ${elapsed(event.elapsedMs)}`;
  return `${VERBS[type].padEnd(10)} ${what}${who}${time}`;
}

const VERBS: Readonly<Record<TaskRunEvent['type'], string>> = {
  assigned: 'assigned',
  running: 'running',
  finished: 'completed',
  cancelled: 'cancelled',
  failed: 'failed',
  retry: 'retry',
  returned: 'returned',
  blocked: 'blocked',
  parked: 'parked',
};
