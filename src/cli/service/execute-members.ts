import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { type Configuration, members } from '../../protocol/state.ts';
import type { Census } from '../../swarm/census.ts';
import { changesFor, checkDanger, type MembershipChange, type Wish } from '../../swarm/member-change.ts';
import { letBackIn } from '../../swarm/removal.ts';
import type { ReachOptions } from '../options.ts';
import { printJson, printLine, reachableFolder, tableOptions, withSwarm } from '../reach.ts';
import { type Column, table } from '../view/table.ts';
import { atCoordinator } from './at-coordinator.ts';

export interface ChangeOptions extends ReachOptions {
  readonly force?: true;
  readonly voter?: true;
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

/** What has become of a wish. */
interface Changed {
  readonly changes: readonly MembershipChange[];
  readonly configuration: Configuration;
}

const COLUMNS: readonly Column<MemberRow>[] = [
  { title: 'MEMBER', value: ({ id }) => id, least: 12 },
  { title: 'PART', value: ({ part }) => part },
  { title: 'ROLE', value: ({ role }) => role, style: ({ role }) => (role === 'down' ? 'red' : undefined) },
  { title: 'MODE', value: ({ mode }) => mode ?? '-' },
  { title: 'MATCH', value: ({ matchIndex }) => String(matchIndex ?? '-'), align: 'right' },
  { title: 'LAG', value: ({ lag }) => String(lag ?? '-'), align: 'right' },
  { title: 'URL', value: ({ url }) => url ?? '-' },
];

/** A node that was let in lacks the log: to look more often helps nobody. */
const LOOK_AGAIN_MS = 200;

export async function listMembers(options: ReachOptions): Promise<void> {
  await atCoordinator(options, async (_client, census) => showMembers(census, options));
}

/** Changes who belongs to the swarm, all of it in one step. What is so already is no error. */
export async function changeMembers(wish: Wish, options: ChangeOptions): Promise<void> {
  const changed = await carryOut(wish, options);
  if (wish.kind === 'add' && options.voter === true) {
    const promoted = await promoteOnceReady(wish.ids, options);
    tell({ ...promoted, changes: [...changed.changes, ...promoted.changes] }, options);
  } else tell(changed, options);
}

async function carryOut(wish: Wish, options: ChangeOptions): Promise<Changed> {
  let attempted: readonly MembershipChange[] | undefined;
  const changed = await atCoordinator(options, async (client, census): Promise<Changed> => {
    // Asked again after the answer was lost: it may be so by now, and a node that left is not known any more.
    const changes = attempted ?? changesFor(wish, census);
    if (changes.length === 0) return { changes, configuration: census.configuration };
    if (attempted === undefined && options.force !== true) checkDanger(changes, census);
    attempted = changes;
    return { changes, configuration: await client.changeMembership(changes, options.timeout) };
  });
  await settle(wish, options);
  return changed;
}

/**
 * What is not Raft's business: whose work is taken back, and which process may start again. Also when everything
 * was so already: whoever asked before may not have come so far.
 */
async function settle(wish: Wish, options: ChangeOptions): Promise<void> {
  const { coming, leaving } = whoMoves(wish);
  const folder = await reachableFolder(options);
  for (const id of coming) letBackIn(folder, id);
  if (leaving.length === 0) return;
  await withSwarm(options, async (client) => {
    for (const memberId of leaving)
      await client.execute({ kind: 'retire', memberId }, { timeoutMs: options.timeout });
  });
}

function whoMoves(wish: Wish): { readonly coming: readonly string[]; readonly leaving: readonly string[] } {
  if (wish.kind === 'replace') return { coming: [wish.next], leaving: [wish.former] };
  return {
    coming: wish.kind === 'add' ? wish.ids : [],
    leaving: wish.kind === 'remove' ? wish.ids : [],
  };
}

/** @throws SwarmError TIMEOUT when they have not caught up within `--timeout`; they are members then all the same. */
async function promoteOnceReady(ids: readonly string[], options: ChangeOptions): Promise<Changed> {
  for (const deadline = performance.now() + options.timeout; ; await delay(LOOK_AGAIN_MS)) {
    try {
      return await carryOut({ kind: 'promote', ids }, options);
    } catch (error) {
      if (!(error instanceof SwarmError) || error.code !== 'UNSAFE_CHANGE') throw error;
      if (performance.now() < deadline) continue;
      const message = `${ids.join(', ')} learn now, and do not vote yet: ${error.message}`;
      throw new SwarmError('TIMEOUT', message);
    }
  }
}

function tell({ changes, configuration }: Changed, { json }: ChangeOptions): void {
  const { voters, learners } = configuration;
  const isChanged = changes.length > 0;
  if (json) {
    printJson({ changed: isChanged, voters, learners });
    return;
  }
  const already = isChanged ? '' : 'already so: ';
  printLine(`${already}voters ${voters.join(', ')}; learners ${learners.join(', ') || 'none'}`);
  if (voters.length === 2) printLine('two voters do not survive the loss of one');
}

function showMembers({ configuration, nodes, coordinator, term }: Census, { json }: ReachOptions): void {
  const rows = nodes.map(({ id, role, progress, url }): MemberRow => {
    const { mode = null, matchIndex = null, lag = null } = progress ?? {};
    return { id, part: partOf(id as NodeId, configuration), role, mode, matchIndex, lag, url };
  });
  if (json) printJson({ coordinator, term, configuration, members: rows });
  else for (const line of table(rows, COLUMNS, tableOptions())) printLine(line);
}

function partOf(id: NodeId, config: Configuration): MemberRow['part'] {
  const { voters, votersOutgoing } = config;
  const isJoining = votersOutgoing.length > 0 && !votersOutgoing.includes(id);
  if (voters.includes(id)) return isJoining ? 'joining' : 'voter';
  if (votersOutgoing.includes(id)) return 'leaving';
  return members(config).includes(id) ? 'learner' : 'none';
}
