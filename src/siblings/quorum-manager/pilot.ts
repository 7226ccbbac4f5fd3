import type { NodeStatus } from '../../node/port.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { type Configuration, isJoint } from '../../protocol/state.ts';
import type { MembershipChange } from '../../swarm/member-change.ts';
import { isSame, isSound, type Observation, votersIn } from './observation.ts';
import { plan } from './plan.ts';
import type { Policy } from './policy.ts';
import { refusalOf, wayBack } from './safety.ts';
import { type Facts, type Senses, Watch } from './watch.ts';

/** What the swarm is to do now. Whoever carries it out says with `settled` how it went. */
export type Order =
  | {
      readonly kind: 'change';
      readonly changes: readonly MembershipChange[];
      /** Who votes after it. */
      readonly voters: readonly NodeId[];
      readonly why: string;
    }
  | { readonly kind: 'transfer'; readonly target: NodeId; readonly why: string };

/** What the pilot sees of the world, at one moment. */
export interface Sight {
  readonly status: NodeStatus;
  readonly policy: Policy;
  factsOf(id: NodeId): Facts;
}

/** A change that is committed and must show that it was one for the better. */
interface Trial {
  readonly began: Millis;
  readonly newcomers: readonly NodeId[];
  readonly before: Configuration;
  /** Who votes by it. */
  readonly voters: readonly NodeId[];
}

/** For a new voter to be seen as sound. */
export const TRIAL_MS = 5_000;

/** Nobody is kept away for longer than this after it was demoted, nor is it remembered for longer. */
const LONGEST_PENANCE_MS = 3_600_000;

/** Leadership moves only to a node that weighs so much more: votes of confidence that are nearly equal move nothing. */
const CLEARLY_HEAVIER = 1.25;

/**
 * Decides, while this node leads, what becomes of the voters: one order at a time, and none before the last one has
 * proved itself. Told the time and everything it judges by, so that the same code works in an instance and in the simulator.
 */
export class Pilot {
  readonly #senses: Senses;
  #watch: Watch;
  #observations: readonly Observation[] = [];
  #leads = false;
  #isBusy = false;
  #pauses = 0;
  #trial: Trial | undefined;
  #seen: Configuration | undefined;
  /** When the voters changed last, by whomever. */
  #changedAt: Millis = Number.NEGATIVE_INFINITY;
  /** How often, and when last, each node stopped voting. */
  readonly #demotions = new Map<NodeId, { readonly times: number; readonly at: Millis }>();
  /** How often, and when last, this node gave leadership away for the sake of a weight, or tried to. */
  #transfers = { times: 0, at: Number.NEGATIVE_INFINITY };

  constructor(senses: Senses) {
    this.#senses = senses;
    this.#watch = new Watch(senses);
  }

  /** As of the last look; empty before. */
  get observations(): readonly Observation[] {
    return this.#observations;
  }

  /** This node leads now: nothing is known of the others yet. */
  begin(): void {
    this.#watch = new Watch(this.#senses);
    this.#observations = [];
    this.#leads = true;
    this.#isBusy = false;
    this.#trial = undefined;
  }

  end(): void {
    this.#leads = false;
    this.#observations = [];
    this.#trial = undefined;
    this.#isBusy = false;
  }

  /**
   * The log says now that these belong to the swarm. Every node follows this, so that whoever leads next knows who has just
   * been moved; one that was restarted takes what it reads again for news, and waits longer than it had to.
   */
  noteConfiguration(configuration: Configuration, now: Millis): void {
    const before = this.#seen;
    this.#seen = configuration;
    if (before === undefined) return;
    const gone = before.voters.filter((id) => !configuration.voters.includes(id));
    const come = configuration.voters.filter((id) => !before.voters.includes(id));
    if (gone.length + come.length > 0) this.#changedAt = now;
    for (const id of gone) this.#demotions.set(id, { times: this.#timesDemoted(id, now) + 1, at: now });
  }

  /** Somebody else changes the members: nothing is ordered before the returned function is called. */
  pause(): () => void {
    this.#pauses += 1;
    return () => {
      this.#pauses -= 1;
    };
  }

  /** What was ordered has come to its end; `done`: as it was ordered. */
  settled(order: Order, { done, now }: { readonly done: boolean; readonly now: Millis }): void {
    this.#isBusy = false;
    // It has as long as any other from the moment at which it is committed.
    if (done && this.#trial !== undefined) this.#trial = { ...this.#trial, began: now };
    // One that was done counts, too: should this node lead again, leadership did not stay where it was put.
    if (order.kind === 'transfer') this.#transfers = { times: this.#timesTransferred(now) + 1, at: now };
    // A pause begins when the change is over. What has not been committed in time may still be: the log will tell.
    if (order.kind === 'change') this.#changedAt = now;
  }

  /** Looks around; returns what is to be done, if anything is. Undefined on a node that does not lead. */
  look(sight: Sight, now: Millis): Order | undefined {
    const { policy, status } = sight;
    if (!this.#leads || status.role !== 'leader') return undefined;
    this.#observations = this.#watch.look(status, (id) => sight.factsOf(id), now);
    const { configuration } = status;
    if (this.#isBusy || this.#pauses > 0 || isJoint(configuration)) return undefined;
    const order = this.#trial === undefined ? this.#next(policy, now) : this.#judge(this.#trial, policy, now);
    if (order === undefined) return undefined;
    this.#isBusy = true;
    this.#trial = order.kind === 'change' ? trialOf(order, configuration, now) : undefined;
    return order;
  }

  /** Who may not be promoted now, because it was demoted lately: the longer, the oftener that has happened. */
  barred({ coolDownMs }: Policy, now: Millis): ReadonlySet<NodeId> {
    const ids = [...this.#demotions].filter(([id, { at }]) => {
      const penanceMs = Math.min(LONGEST_PENANCE_MS, coolDownMs * 2 ** (this.#timesDemoted(id, now) - 1));
      return this.#timesDemoted(id, now) > 0 && now - at < penanceMs;
    });
    return new Set(ids.map(([id]) => id));
  }

  #timesDemoted(id: NodeId, now: Millis): number {
    const demoted = this.#demotions.get(id);
    return demoted === undefined || now - demoted.at > LONGEST_PENANCE_MS ? 0 : demoted.times;
  }

  #timesTransferred(now: Millis): number {
    const { at, times } = this.#transfers;
    return now - at > LONGEST_PENANCE_MS ? 0 : times;
  }

  #next(policy: Policy, now: Millis): Order | undefined {
    if (now - this.#changedAt < policy.coolDownMs) return undefined;
    return (policy.auto ? this.#change(policy, now) : undefined) ?? this.#place(policy, now);
  }

  #change(policy: Policy, now: Millis): Order | undefined {
    // Whoever has not been heard yet would be the first to go where fewer are wanted.
    if (this.#watch.watchedMs(now) < policy.stableMs) return undefined;
    const [step] = plan(this.#observations, policy, this.barred(policy, now)).steps;
    if (step === undefined || refusalOf(step.voters, this.#observations, policy) !== undefined)
      return undefined;
    return { kind: 'change', ...step };
  }

  /** Leadership goes to a voter that weighs clearly more, has been there for a while and holds the log. */
  #place({ coolDownMs, stableMs }: Policy, now: Millis): Order | undefined {
    const pauseMs = Math.min(LONGEST_PENANCE_MS, coolDownMs * 2 ** (this.#timesTransferred(now) - 1));
    if (now - this.#transfers.at < pauseMs) return undefined;
    const own = this.#observations.find(({ isLeader }) => isLeader)?.weight ?? 1;
    const [best] = this.#observations
      .filter((one) => one.voter && !one.isLeader && one.standing === 'eligible')
      .filter((one) => isSound(one) && one.steadyMs >= stableMs)
      .sort((a, b) => b.weight - a.weight);
    if (best === undefined || best.weight < own * CLEARLY_HEAVIER) return undefined;
    return { kind: 'transfer', target: best.id, why: `${best.id} weighs ${best.weight}, the leader ${own}` };
  }

  /** Nothing more is ordered before the new voters are sound; when they do not become so, what was before is put back. */
  #judge({ began, before, newcomers, voters }: Trial, policy: Policy, now: Millis): Order | undefined {
    const isStill = isSame(votersIn(this.#observations), voters);
    // It came to nothing, or somebody else has let others vote: that is not to be taken back.
    const isProven = newcomers.every((id) => this.#observations.some((one) => one.id === id && isSound(one)));
    if (isStill && !isProven && now - began < TRIAL_MS) return undefined;
    this.#trial = undefined;
    if (isProven || !isStill) return undefined;
    const back = wayBack(before, this.#observations, policy);
    if (back === undefined) return undefined;
    const why = `${newcomers.join(', ')} did not keep up: what was before is put back`;
    return { kind: 'change', ...back, why };
  }
}

function trialOf(
  { changes, voters }: Extract<Order, { readonly kind: 'change' }>,
  before: Configuration,
  began: Millis,
): Trial {
  const newcomers = changes.flatMap(({ id, type }) => (type === 'add-voter' ? [id] : []));
  return { began, newcomers, before, voters };
}
