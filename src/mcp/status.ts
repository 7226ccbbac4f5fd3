import { SwarmError } from '../protocol/errors.ts';
import type { Brief } from '../swarm/brief.ts';
import type { Census } from '../swarm/census.ts';
import type { Session } from './session.ts';

/** More than a model needs to see who works where. */
const MAX_RESERVATIONS_SHOWN = 30;

interface Status {
  readonly [field: string]: unknown;
  readonly me: string | null;
  readonly coordinator: string | null;
  readonly quorum: boolean;
  readonly tasks?: Record<string, number>;
  /** The same in one line. */
  readonly text: string;
}

/** How things stand: also without a quorum, when only the nodes can be asked and not the log. */
export async function statusOf(session: Session): Promise<Status> {
  const census = await session.census();
  const brief = census.quorum ? await briefOf(session) : undefined;
  const { coordinator, nodes, swarm, term } = census;
  const quorum = brief !== undefined;
  const state = nodes.map(({ id, role }) => ({ id, role }));
  const head = { swarm, me: session.name ?? null, coordinator, term, quorum, nodes: state };
  if (brief === undefined)
    return { ...head, text: `no quorum: ${nodesText(census)}; nothing can be decided` };
  const { counts, held, paused, ready, reservations } = brief;
  return {
    ...head,
    paused,
    tasks: { ...counts },
    held: held.map(({ id, fence, title }) => ({ taskId: id, fence, title })),
    ready,
    reservations: reservations.slice(-MAX_RESERVATIONS_SHOWN),
    text: textOf(census, brief),
  };
}

/** Undefined when the quorum was lost just now. */
async function briefOf(session: Session): Promise<Brief | undefined> {
  const { capabilities, name } = session;
  const holders = name === undefined ? [] : [name];
  try {
    return await session.query({ kind: 'brief', holders, capabilities, since: null });
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'NO_QUORUM') return undefined;
    throw error;
  }
}

function nodesText({ nodes }: Census): string {
  const voters = nodes.filter(({ voter }) => voter);
  return `${voters.filter(({ role }) => role !== 'down').length} of ${voters.length} voters up`;
}

function textOf(census: Census, { counts, held, paused, ready, reservations }: Brief): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  const tasks = some.map(([state, count]) => `${count} ${state}`).join(', ') || 'none';
  const parts = [
    `coordinator ${census.coordinator} in term ${census.term}`,
    nodesText(census),
    ...(paused === null ? [] : [`PAUSED${paused === '' ? '' : ` (${paused})`}`]),
    `tasks: ${tasks}`,
    `you hold ${held.map(({ id, fence }) => `${id} (fence ${fence})`).join(', ') || 'nothing'}`,
    ...(ready === null ? [] : [`ready to be taken: ${ready.id}`]),
    ...(reservations.length === 0 ? [] : [`${reservations.length} reservations`]),
  ];
  return parts.join('; ');
}
