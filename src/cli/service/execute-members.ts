import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { type Configuration, isVoter, majority, members } from '../../protocol/state.ts';
import { type MembershipChange, MembershipError, nextConfiguration } from '../../raft/membership.ts';
import type { Census } from '../../swarm/census.ts';
import type { ReachOptions } from '../options.ts';
import { printJson, printLine } from '../reach.ts';
import { paintFor } from '../view/paint.ts';
import { type Column, table } from '../view/table.ts';
import { atCoordinator } from './at-coordinator.ts';

export interface ChangeOptions extends ReachOptions {
  readonly force?: true;
}

interface MemberRow {
  readonly id: string;
  readonly part: 'voter' | 'learner' | 'joining' | 'leaving' | 'none';
  readonly role: string;
  readonly mode: string | null;
  readonly matchIndex: number | null;
  readonly lag: number | null;
  readonly url: string | null;
}

/** Entries that a learner may lack and still be made a voter without being forced. */
const MAX_PROMOTION_LAG = 1_000;

const COLUMNS: readonly Column<MemberRow>[] = [
  { title: 'MEMBER', value: ({ id }) => id, least: 12 },
  { title: 'PART', value: ({ part }) => part },
  { title: 'ROLE', value: ({ role }) => role, style: ({ role }) => (role === 'down' ? 'red' : undefined) },
  { title: 'MODE', value: ({ mode }) => mode ?? '-' },
  { title: 'MATCH', value: ({ matchIndex }) => String(matchIndex ?? '-'), align: 'right' },
  { title: 'LAG', value: ({ lag }) => String(lag ?? '-'), align: 'right' },
  { title: 'URL', value: ({ url }) => url ?? '-' },
];

export async function listMembers(options: ReachOptions): Promise<void> {
  await atCoordinator(options, async (_client, census) => show(census, options));
}

/** Changes who belongs to the swarm, all of it in one step. What is so already is no error. */
export async function changeMembers(
  wanted: readonly { readonly type: MembershipChange['type']; readonly id: string }[],
  options: ChangeOptions,
): Promise<void> {
  const { voters, learners } = await atCoordinator(options, async (client, census) => {
    const changes = wanted.map(({ type, id }) => ({ type, id: known(id, census) }));
    const next = nextConfiguration(census.configuration, changes);
    if (next instanceof MembershipError) {
      const code = next.code === 'JOINT_PHASE' ? 'CHANGE_IN_FLIGHT' : next.code;
      throw new SwarmError(code, next.message);
    }
    if (options.force !== true) checkDanger(next, census);
    return client.changeMembership(changes, options.timeout);
  });
  const removed = wanted.filter(({ type }) => type === 'remove').map(({ id }) => id);
  await retire(removed, options);
  if (options.json) printJson({ voters, learners });
  else printLine(`voters ${voters.join(', ')}; learners ${learners.join(', ') || 'none'}`);
}

/** What they worked on goes back to the queue. Through whoever coordinates now: it may be another. */
async function retire(ids: readonly string[], options: ReachOptions): Promise<void> {
  if (ids.length === 0) return;
  await atCoordinator(options, async (client) => {
    for (const memberId of ids) {
      await client.execute({ kind: 'retire', memberId }, { timeoutMs: options.timeout });
    }
  });
}

/** @throws SwarmError UNKNOWN_NODE naming the nodes that there are. */
function known(id: string, { nodes }: Census): NodeId {
  if (nodes.some((node) => node.id === id)) return id as NodeId;
  const ids = nodes.map((node) => node.id).join(', ');
  throw new SwarmError('UNKNOWN_NODE', `there is no node ${id}; there are ${ids}`);
}

/** @throws SwarmError NOT_READY saying what would be lost, and what to do about it. */
function checkDanger(next: Configuration, census: Census): void {
  const isUp = (id: NodeId): boolean => census.nodes.some((node) => node.id === id && node.role !== 'down');
  const down = next.voters.filter((id) => !isUp(id));
  if (next.voters.length - down.length < majority(next.voters.length)) {
    throw new SwarmError(
      'NOT_READY',
      `of the voters ${next.voters.join(', ')} too many are down: ${down.join(', ')}. Start them first, or use --force`,
    );
  }
  for (const { id, lag } of census.nodes) {
    const isNew = isVoter(next, id as NodeId) && !isVoter(census.configuration, id as NodeId);
    if (!isNew || lag <= MAX_PROMOTION_LAG) continue;
    throw new SwarmError(
      'NOT_READY',
      `${id} lacks ${lag} entries, and would hold up every decision. Wait until it has caught up, or use --force`,
    );
  }
}

function show({ configuration, nodes, coordinator, term }: Census, { json }: ReachOptions): void {
  const rows = nodes.map(({ id, role, progress, url }): MemberRow => {
    const { mode = null, matchIndex = null, lag = null } = progress ?? {};
    return { id, part: partOf(id as NodeId, configuration), role, mode, matchIndex, lag, url };
  });
  if (json) {
    printJson({ coordinator, term, configuration, members: rows });
    return;
  }
  const { columns } = process.stdout;
  const paint = paintFor({ isTTY: process.stdout.isTTY === true, env: process.env });
  for (const line of table(rows, COLUMNS, { paint, ...(columns === undefined ? {} : { columns }) })) {
    printLine(line);
  }
}

function partOf(id: NodeId, config: Configuration): MemberRow['part'] {
  const { voters, votersOutgoing } = config;
  if (voters.includes(id))
    return votersOutgoing.length > 0 && !votersOutgoing.includes(id) ? 'joining' : 'voter';
  if (votersOutgoing.includes(id)) return 'leaving';
  return members(config).includes(id) ? 'learner' : 'none';
}
