import { setTimeout as delay } from 'node:timers/promises';
import type { NodeStatus, PeerStatus } from '../node/port.ts';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import { isVoter, members } from '../protocol/state.ts';
import type { MembershipChange } from '../raft/membership.ts';
import { SwarmClient } from './client.ts';
import { adoptIdentity, noteAdmission, type PendingAdmission, standingOf } from './identity.ts';
import type { SwarmFolder } from './layout.ts';
import type { MemberJson } from './port.ts';
import { whereaboutsBeside, whereaboutsIn } from './whereabouts.ts';

export interface Newcomer {
  readonly folder: SwarmFolder;
  readonly name: NodeId;
  readonly version: string;
}

/** A swarm that is just starting has no leader yet, and may not have raised its level. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 200;
/** Entries that a learner may lack and still be made a voter: fewer than come in during one round trip. */
const NEARLY_NOTHING = 100;

/** Nothing has changed, or it is not known: look again, and ask again. */
const WORTH_ASKING_AGAIN: ReadonlySet<ErrorCode> = new Set([
  'NOT_LEADER',
  'NOT_READY',
  'CHANGE_IN_FLIGHT',
  'TRANSFER_IN_PROGRESS',
  'OUTCOME_UNKNOWN',
  'NOT_RUNNING',
  'NO_QUORUM',
  'MALFORMED',
  'LEVEL_TOO_LOW',
  'STOPPED',
  'BUSY',
]);

export interface ComingUp {
  readonly memberId: NodeId;
  /** What is left to be done once the node runs. */
  readonly admission: PendingAdmission | undefined;
}

/**
 * Settles under which id an instance comes up. One that never was a member, or has lost its data and with it
 * what it promised, has the swarm give it an id that nobody had before.
 *
 * @throws SwarmError NO_QUORUM, NOT_RUNNING when the swarm that must give the id cannot be reached; LEVEL_TOO_LOW,
 *   MALFORMED when some member is of a release that knows no newcomers.
 */
export async function comeUpAs(
  newcomer: Newcomer,
  { isFounder }: { readonly isFounder: boolean },
): Promise<ComingUp> {
  const { folder, name } = newcomer;
  const standing = standingOf(folder, name, { isFounder });
  if (standing.kind === 'member') return standing;
  const former = standing.kind === 'forgotten' ? standing.former : undefined;
  const memberId = await withClient(newcomer, undefined, (client) =>
    patiently(() => client.execute({ kind: 'enrol', name }, { timeoutMs: PATIENCE_MS })),
  ).then((enrolled) => enrolled.memberId as NodeId);
  adoptIdentity(folder, name, { memberId, former });
  return { memberId, admission: { former } };
}

/** Where all members are to be found, as the log says. */
export function askMembers(newcomer: Newcomer): Promise<readonly MemberJson[]> {
  return withClient(newcomer, undefined, (client) =>
    client.query({ kind: 'members' }, { timeoutMs: PATIENCE_MS }),
  );
}

export interface Admission extends Newcomer, PendingAdmission {
  readonly memberId: NodeId;
  readonly url: string;
  /** It shall vote as soon as it has caught up, also if `former` did not. */
  readonly shallVote: boolean;
}

/**
 * Says where a member is to be found, through whoever answers: before it is found, its own node has no log to say
 * it through.
 */
export async function announceMember(
  newcomer: Newcomer & Pick<Admission, 'memberId' | 'url'>,
): Promise<void> {
  const { memberId, url } = newcomer;
  await withClient(newcomer, undefined, (client) =>
    patiently(() => client.execute({ kind: 'announce', memberId, url }, { timeoutMs: PATIENCE_MS })),
  );
}

/**
 * Sees to it that a node belongs to the swarm: says where it is, asks the leader to take it in as a learner, in
 * the place of `former` if that is given, and to let it vote once it has caught up, if it shall.
 */
export async function admitMember(admission: Admission): Promise<void> {
  const { former } = admission;
  await announceMember(admission);
  const shallVote = await patiently(() =>
    atLeader(admission, (client, status) => enter(client, status, admission)),
  );
  if (former !== undefined) {
    await withClient(admission, undefined, (client) => client.execute({ kind: 'retire', memberId: former }));
  }
  if (shallVote) await promote(admission);
  noteAdmission(admission.folder, admission.name);
}

/**
 * Takes a member out of the swarm for good, if it is in: nobody counts on it any more, and what it holds is given back.
 * `asker`: whoever knows the swarm.
 *
 * @throws SwarmError NO_QUORUM, NOT_RUNNING and what else the swarm says when it cannot be done in time.
 */
export async function dismissMember(asker: Newcomer, memberId: NodeId, patienceMs: Millis): Promise<void> {
  const leave = async (client: SwarmClient, { configuration }: NodeStatus): Promise<void> => {
    if (members(configuration).includes(memberId)) {
      await client.changeMembership([{ type: 'remove', id: memberId }], patienceMs);
    }
    await client.execute({ kind: 'retire', memberId }, { timeoutMs: patienceMs });
  };
  await patiently(() => atLeader(asker, leave), patienceMs);
}

/** Returns whether the newcomer shall vote. */
async function enter(
  client: SwarmClient,
  { configuration }: NodeStatus,
  { memberId, former, shallVote }: Admission,
): Promise<boolean> {
  const didVote = former !== undefined && isVoter(configuration, former);
  const changes: MembershipChange[] = [];
  if (former !== undefined) changes.push({ type: 'remove', id: former });
  if (!members(configuration).includes(memberId)) changes.push({ type: 'add-learner', id: memberId });
  if (changes.length > 0) await client.changeMembership(changes);
  return shallVote || didVote;
}

/** For as long as it takes: a learner that is far behind must not slow down what voters decide. */
async function promote(admission: Admission): Promise<void> {
  const { memberId } = admission;
  for (let done = false; !done; ) {
    await delay(PAUSE_MS);
    done = await patiently(() =>
      atLeader(admission, async (client, { configuration, peers }) => {
        if (isVoter(configuration, memberId)) return true;
        if (!hasCaughtUp(peers.find(({ id }) => id === memberId))) return false;
        await client.changeMembership([{ type: 'add-voter', id: memberId }]);
        return true;
      }),
    );
  }
}

function hasCaughtUp(peer: PeerStatus | undefined): boolean {
  return peer !== undefined && peer.mode === 'replicate' && peer.lag < NEARLY_NOTHING;
}

/** Lets `work` talk to whoever leads. */
async function atLeader<T>(
  newcomer: Newcomer,
  work: (client: SwarmClient, status: NodeStatus) => Promise<T>,
): Promise<T> {
  const url = await withClient(newcomer, undefined, async (client) => {
    const { leaderId } = await client.query({ kind: 'status' });
    if (leaderId === undefined) throw new SwarmError('NO_QUORUM', 'the swarm has no coordinator just now');
    const book = await client.query({ kind: 'members' });
    return urlOf(newcomer.folder, leaderId) ?? book.find(({ id }) => id === leaderId)?.url ?? undefined;
  });
  if (url === undefined) throw new SwarmError('NOT_RUNNING', 'the coordinator has not said yet where it is');
  return withClient(newcomer, url, async (client) => work(client, await client.query({ kind: 'status' })));
}

async function withClient<T>(
  { folder, name, version }: Newcomer,
  url: string | undefined,
  work: (client: SwarmClient) => Promise<T>,
): Promise<T> {
  const client = new SwarmClient({
    folder,
    name: `join-${process.pid}`,
    version,
    except: name,
    ...(url === undefined ? {} : { url }),
  });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

function urlOf(folder: SwarmFolder, memberId: NodeId): string | undefined {
  const here = [...whereaboutsIn(folder), ...whereaboutsBeside(folder)];
  return here.find((one) => one.memberId === memberId)?.url;
}

async function patiently<T>(work: () => Promise<T>, patienceMs: Millis = PATIENCE_MS): Promise<T> {
  for (const deadline = performance.now() + patienceMs; ; ) {
    try {
      return await work();
    } catch (error) {
      const again = error instanceof SwarmError && WORTH_ASKING_AGAIN.has(error.code);
      if (!again || performance.now() > deadline) throw error;
    }
    await delay(PAUSE_MS);
  }
}
