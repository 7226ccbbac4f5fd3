import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex, Millis, NodeId } from '../protocol/ids.ts';
import { type Configuration, isJoint, members } from '../protocol/state.ts';
import type { Core } from '../raft/core.ts';
import type { MembershipReply } from '../raft/effects.ts';
import { leaderOf } from './status.ts';

type Done = (outcome: Outcome<Configuration>) => void;

interface WatchOptions {
  readonly core: Core;
  /** Whom links shall lead to from now on. */
  onPeers(peers: readonly NodeId[]): void;
  /** This node belongs to the cluster no longer, and that is committed. Once. */
  onRemoved(): void;
}

/** Follows who belongs to the cluster: keeps the links in step, and tells who asked for a change what became of it. */
export class MembershipWatch {
  readonly #options: WatchOptions;
  #waiting: { readonly index: LogIndex; readonly deadline: Millis; readonly done: Done }[] = [];
  #seen:
    | { readonly latest: Configuration; readonly committed: Configuration; readonly peers: number }
    | undefined;
  /** No members as far as is known here, but let in: they may know better. */
  readonly #guests = new Set<NodeId>();
  #standing: 'outside' | 'member' | 'removed' = 'outside';

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** After every step. */
  look(): void {
    const { core, onPeers } = this.#options;
    const { configurations, log, role } = core;
    const latest = configurations.latest;
    const committed = configurations.at(log.commitIndex);
    const peers = role.kind === 'leader' ? role.progress.size : 0;
    if (latest === this.#seen?.latest && committed === this.#seen.committed && peers === this.#seen.peers)
      return;
    if (latest !== this.#seen?.latest) this.#guests.clear();
    this.#seen = { latest, committed, peers };
    onPeers(this.#peers());
    if (latest !== committed || isJoint(latest)) return;
    this.#settle(latest);
    this.#noteStanding(latest);
  }

  /**
   * Somebody who is no member here wants a link. As long as nobody leads this node, or its log has not come to the
   * time in which it is a member itself, it may be that the members are others by now: then it lets them in, and
   * hears what they have to say. So it does with the one who leads it.
   */
  admitGuest(peer: NodeId, now: Millis): boolean {
    const { core } = this.#options;
    const isAtHome = members(core.configurations.latest).includes(core.id);
    if (isAtHome && isLed(core, now) && leaderOf(core) !== peer) return false;
    this.#guests.add(peer);
    this.#options.onPeers(this.#peers());
    return true;
  }

  /** Members now, those of a change under way, guests, and whoever leads. */
  #peers(): readonly NodeId[] {
    const { core } = this.#options;
    const { configurations, log, role, id } = core;
    const leader = leaderOf(core);
    const known = new Set([
      ...members(configurations.latest),
      ...members(configurations.at(log.commitIndex)),
      ...this.#guests,
    ]);
    if (role.kind === 'leader') for (const peer of role.progress.keys()) known.add(peer);
    // A newcomer reads of times in which its leader was no member.
    if (leader !== undefined) known.add(leader);
    known.delete(id);
    return [...known];
  }

  begin(reply: MembershipReply, deadline: Millis, done: Done): void {
    if (reply.kind === 'refused') done({ ok: false, error: new SwarmError(reply.code, reply.reason) });
    else if (reply.kind === 'unchanged') done({ ok: true, value: reply.configuration });
    else this.#waiting.push({ index: reply.index, deadline, done });
  }

  /** Another leader brings to its end what this one began, or has never heard of it. */
  onLeadershipLost(): void {
    this.fail(
      new SwarmError(
        'OUTCOME_UNKNOWN',
        'leadership changed before the change was committed; look at the members',
      ),
    );
  }

  deadline(): Millis {
    return this.#waiting[0]?.deadline ?? Number.POSITIVE_INFINITY;
  }

  expire(now: Millis): void {
    const late = this.#waiting.filter(({ deadline }) => deadline <= now);
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
    const error = new SwarmError(
      'OUTCOME_UNKNOWN',
      'the change was not committed in time; is a majority up?',
    );
    for (const { done } of late) done({ ok: false, error });
  }

  fail(error: SwarmError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done({ ok: false, error });
  }

  #settle(configuration: Configuration): void {
    const at = this.#options.core.configurations.latestIndex;
    const settled = this.#waiting.filter(({ index }) => index <= at);
    this.#waiting = this.#waiting.filter(({ index }) => index > at);
    for (const { done } of settled) done({ ok: true, value: configuration });
  }

  /** A newcomer reads of times before its own; only who was a member can be removed. */
  #noteStanding(configuration: Configuration): void {
    const isMember = members(configuration).includes(this.#options.core.id);
    if (isMember) this.#standing = 'member';
    else if (this.#standing === 'member') {
      this.#standing = 'removed';
      this.#options.onRemoved();
    }
  }
}

/** True while a leader is heard, or this node is one. `now`: the core of an idle learner sees no time pass. */
function isLed({ role, config }: Core, now: Millis): boolean {
  if (role.kind === 'leader') return true;
  if (role.kind !== 'follower' || role.leaderContactAt === undefined) return false;
  return now - role.leaderContactAt < config.electionTimeoutMaxMs;
}
