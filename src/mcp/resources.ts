import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  ResourceTemplate,
} from '@modelcontextprotocol/server';
import { SwarmError } from '../protocol/errors.ts';
import { isFinished, type TaskJson } from '../tasks/task.ts';
import { faultOf, faultText } from './answer.ts';
import { logLines } from './log-lines.ts';
import type { Session } from './session.ts';
import { statusOf } from './status.ts';

export const STATUS_URI = 'swarm://status';
export const LOG_URI = 'swarm://log';

const LOG_LINES = 100;
/** A list is for people to choose from; any task can be read by its id. */
const MAX_LISTED = 100;
const MAX_LOOKED_THROUGH = 1_000;
const JSON_TYPE = { mimeType: 'application/json' } as const;

export function taskUri(id: string): string {
  return `swarm://tasks/${id}`;
}

/** What a client may read without a tool call, and follow. */
export function registerResources(server: McpServer, session: Session): void {
  server.registerResource(
    'status',
    STATUS_URI,
    { title: 'Swarm status', description: 'Coordinator, nodes, tasks, reservations.', ...JSON_TYPE },
    async ({ href }) => json(href, () => statusOf(session)),
  );
  server.registerResource(
    'log',
    LOG_URI,
    { title: 'Log', description: `The last ${LOG_LINES} decisions, in order.`, mimeType: 'text/plain' },
    async ({ href }) => {
      const { lines } = await orFail(() => logLines(session, { limit: LOG_LINES }));
      return { contents: [{ uri: href, mimeType: 'text/plain', text: lines.join('\n') }] };
    },
  );
  const tasks = new ResourceTemplate(taskUri('{id}'), {
    list: async () => ({ resources: (await listed(session)).map(resourceOf) }),
    complete: {
      id: async (beginning) =>
        (await listed(session)).map(({ id }) => id).filter((id) => id.startsWith(beginning)),
    },
  });
  server.registerResource(
    'task',
    tasks,
    { title: 'Task', description: 'One task with its work, notes and output.', ...JSON_TYPE },
    async ({ href }, { id }) => {
      const task = await orFail(() => session.query({ kind: 'task', id: String(id) }));
      if (task === null) throw new ResourceNotFoundError(href);
      return json(href, async () => task);
    },
  );
}

async function json(uri: string, read: () => Promise<unknown>): Promise<ReadResourceResult> {
  const text = JSON.stringify(await orFail(read), undefined, 2);
  return { contents: [{ uri, ...JSON_TYPE, text }] };
}

/** A resource has no place for an error but the protocol's own. */
async function orFail<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const fault = faultOf(error);
    throw new ProtocolError(ProtocolErrorCode.InternalError, faultText(fault), { ...fault });
  }
}

/** Open tasks first; without a swarm there are none to be listed, and the other resources say why. */
async function listed(session: Session): Promise<readonly TaskJson[]> {
  const tasks = await allTasks(session);
  const open = tasks.filter(({ state }) => !isFinished(state));
  const finished = tasks.filter(({ state }) => isFinished(state)).reverse();
  return [...open, ...finished].slice(0, MAX_LISTED);
}

/** None where they are so many that to send them all, whenever one is added, would keep the nodes busy. */
async function allTasks(session: Session): Promise<readonly TaskJson[]> {
  try {
    const { counts } = await session.query({ kind: 'overview' });
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    return total > MAX_LOOKED_THROUGH ? [] : await session.query({ kind: 'tasks' });
  } catch (error) {
    if (error instanceof SwarmError) return [];
    throw error;
  }
}

function resourceOf({ id, state, title }: TaskJson) {
  return { uri: taskUri(id), name: id, title: `${title} (${state})`, ...JSON_TYPE };
}
