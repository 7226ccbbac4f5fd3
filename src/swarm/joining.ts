import { setTimeout as delay } from 'node:timers/promises';
import type { NodeStatus } from '../node/port.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import { isVoter, members } from '../protocol/state.ts';
import { nextStep, type Wanted } from './admission.ts';
import { SwarmClient } from './client.ts';
import { adoptIdentity, noteAdmission, noteVote, type PendingAdmission, standingOf } from './identity.ts';
import { insist } from './insist.ts';
import type { SwarmFolder } from './layout.ts';
import type { MemberJson } from './port.ts';
import { whereaboutsBeside, whereaboutsIn } from './whereabouts.ts';

export interface Newcomer {
  readonly folder: SwarmFolder;
  readonly name: NodeId;
  readonly version: string;
}

/** A swarm that is just starting has no leader yet, and may not have raised its level. */
const PATIENCE_MS: Millis = 60_000;
const PAUSE_MS: Millis = 200;
const SOON = { patienceMs: PATIENCE_MS };

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
    insist(() => client.execute({ kind: 'enrol', name }, { timeoutMs: PATIENCE_MS }), SOON),
  ).then((enrolled) => enrolled.memberId as NodeId);
  adoptIdentity(folder, name, { memberId, former });
  return { memberId, admission: { former, votes: false } };
}

/** Where all members are to be found, as the log says. */
export function askMembers(newcomer: Newcomer): Promise<readonly MemberJson[]> {
  return withClient(newcomer, undefined, (client) =>
    insist(() => client.query({ kind: 'members' }, { timeoutMs: PATIENCE_MS }), SOON),
  );
}

export interface Admission extends Newcomer, PendingAdmission {
  readonly memberId: NodeId;
  readonly url: string;
  /** It shall vote as soon as it has caught up, also if `former` did not. */
  readonly shallVote: boolean;
  /** The instance stops; what is left to be done is done when it comes up again. */
  readonly signal: AbortSignal;
  /** Why it is not done yet. */
  onRefused(error: unknown): void;
}

/**
 * Says where a member is to be found, through whoever answers, for as long as it takes: before it is found, its own
 * node has no log to say it through.
 */
export async function announceMember(admission: Omit<Admission, keyof PendingAdmission>): Promise<void> {
  const { memberId, url } = admission;
  await insist(
    () =>
      withClient(admission, undefined, (client) =>
        client.execute({ kind: 'announce', memberId, url }, { timeoutMs: PATIENCE_MS }),
      ),
    admission,
  );
}

/**
 * Sees to it that a node belongs to the swarm: says where it is, asks the leader to take it in as a learner, in
 * the place of `former` if that is given, and to let it vote once it has caught up, if it shall. It goes on until that
 * is so, or somebody has taken the node out meanwhile.
 *
 * @throws SwarmError of what cannot pass; AbortError when told to stop.
 */
export async function admitMember(admission: Admission): Promise<void> {
  await announceMember(admission);
  const { folder, name, signal } = admission;
  let wanted: Wanted = { ...admission, shallVote: isToVote(admission), wasIn: false, hasRetired: false };
  for (;;) {
    const taken = await insist(() => takeStep(admission, wanted), admission);
    if (taken === 'superseded') return;
    if (taken === 'done') break;
    wanted = taken;
    await delay(PAUSE_MS, undefined, { signal });
  }
  await insist(async () => noteAdmission(folder, name), admission);
}

function isToVote({ shallVote, votes }: Admission): boolean {
  return shallVote || votes;
}

/** Takes the next step; returns what is wanted after it. */
async function takeStep(admission: Admission, wanted: Wanted): Promise<Wanted | 'done' | 'superseded'> {
  const { folder, name, former } = admission;
  return atLeader(admission, async (client, status) => {
    const step = nextStep(status, wanted);
    switch (step.kind) {
      case 'done':
      case 'superseded':
        return step.kind;
      case 'wait':
        return wanted;
      case 'retire':
        if (former !== undefined) await client.execute({ kind: 'retire', memberId: former });
        return { ...wanted, hasRetired: true };
      case 'change': {
        // Once `former` is out, nobody knows any more that it voted.
        const votes = former !== undefined && isVoter(status.configuration, former);
        if (votes) noteVote(folder, name);
        await client.changeMembership(step.changes);
        return { ...wanted, shallVote: wanted.shallVote || votes, wasIn: true };
      }
    }
  });
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
  await insist(() => atLeader(asker, leave), { patienceMs });
}

type Asker = Newcomer & { readonly signal?: AbortSignal };

/** Lets `work` talk to whoever leads. */
async function atLeader<T>(
  newcomer: Asker,
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
  { folder, name, version, signal }: Asker,
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
  const close = (): void => void client.close();
  signal?.addEventListener('abort', close);
  try {
    return await work(client);
  } finally {
    signal?.removeEventListener('abort', close);
    await client.close();
  }
}

function urlOf(folder: SwarmFolder, memberId: NodeId): string | undefined {
  const here = [...whereaboutsIn(folder), ...whereaboutsBeside(folder)];
  return here.find((one) => one.memberId === memberId)?.url;
}
