import type { NodeStatus, PeerStatus } from '../../node/port.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { members } from '../../protocol/state.ts';
import { type Observation, SUSPECT_PHI } from './observation.ts';
import { PhiAccrual } from './phi-accrual.ts';

/** What is known of a member beside its link. */
export interface Facts {
  readonly writeMs?: Millis | undefined;
  readonly uptimeMs?: Millis | undefined;
  readonly domain?: string | undefined;
  readonly transient: boolean;
  readonly weight: number;
}

export interface Senses {
  /** Between two heartbeats. */
  readonly heartbeatMs: Millis;
  /** A link that carried nothing both ways for longer is not in reach, however irregular it was before. */
  readonly freshMs: Millis;
  /** Entries that a member may lack and still count as one that keeps up. */
  readonly maxLag: number;
}

/** Losses of a link are forgotten after this. */
const FLAP_WINDOW_MS = 600_000;

interface Link {
  phi: PhiAccrual;
  beat: number;
  /** For how long the one that looks had not been there when that was heard. */
  missedMs: Millis;
  /** Since when it is in reach without a break; undefined while it is not. */
  reachableSince: Millis | undefined;
  /** When it was lost. */
  losses: readonly Millis[];
}

/**
 * What one leader sees of the others, from its election on. Told the time; looks as often as there are heartbeats.
 *
 * Whoever did not look for longer than a link may be silent was not there itself (it was stopped, or its event loop was):
 * what it has not heard meanwhile says nothing of the others. That time is no silence of theirs, and what is steady is for
 * it to see anew.
 */
export class Watch {
  readonly #senses: Senses;
  readonly #links = new Map<NodeId, Link>();
  /** Since when it has looked without a break. */
  #since: Millis | undefined;
  /** For how long in all it was not there. */
  #missedMs: Millis = 0;
  #lookedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(senses: Senses) {
    this.#senses = senses;
  }

  /** For how long it has looked without a break. */
  watchedMs(now: Millis): Millis {
    return now - (this.#since ?? now);
  }

  /** Everybody who belongs to the swarm, as of now. */
  look(status: NodeStatus, factsOf: (id: NodeId) => Facts, now: Millis): readonly Observation[] {
    const { configuration, id: self, peers } = status;
    const pauseMs = now - this.#lookedAt;
    if (this.#since === undefined) this.#since = now;
    else if (pauseMs > this.#senses.freshMs) this.#comeBack(pauseMs, now);
    this.#lookedAt = now;
    const everybody = members(configuration);
    for (const id of this.#links.keys()) if (!everybody.includes(id)) this.#links.delete(id);
    return everybody.map((id): Observation => {
      const facts = factsOf(id);
      const voter = configuration.voters.includes(id);
      if (id === self) return { ...ownView(status, facts), id, voter };
      const peer = peers.find((one) => one.id === id);
      return { ...blank(facts), ...(peer === undefined ? {} : this.#see(peer, now)), id, voter };
    });
  }

  #comeBack(pauseMs: Millis, now: Millis): void {
    this.#since = now;
    this.#missedMs += pauseMs;
    for (const link of this.#links.values()) {
      link.phi = new PhiAccrual(this.#senses.heartbeatMs);
      link.reachableSince = undefined;
    }
  }

  #see(peer: PeerStatus, now: Millis) {
    const { freshMs, heartbeatMs, maxLag } = this.#senses;
    const { aliveMs, beat, id, lag, mode, roundTripMs, silentMs, standing } = peer;
    const link = this.#links.get(id) ?? newLink(heartbeatMs, this.#missedMs);
    this.#links.set(id, link);
    if (beat !== link.beat) {
      const heardAt = now - silentMs;
      link.beat = beat;
      // Heard before it went away, and seen only now: what it has missed since is still to come.
      link.missedMs = this.#missedMs - Math.max(0, (this.#since ?? now) - heardAt);
      link.phi.hear(heardAt);
    }
    const phi = beat === 0 ? 0 : link.phi.ofSilence(silentMs);
    const reachable = beat > 0 && phi < SUSPECT_PHI && aliveMs <= freshMs;
    if (!reachable && link.reachableSince !== undefined) link.losses = [...link.losses, now];
    link.reachableSince = reachable ? (link.reachableSince ?? now) : undefined;
    link.losses = link.losses.filter((at) => now - at < FLAP_WINDOW_MS);
    return {
      reachable,
      phi,
      silentMs: Math.max(0, silentMs - (this.#missedMs - link.missedMs)),
      steadyMs: link.reachableSince === undefined ? 0 : now - link.reachableSince,
      flaps: link.losses.length,
      lag,
      keepsUp: mode === 'replicate' && lag <= maxLag,
      standing,
      roundTripMs,
    };
  }
}

function newLink(heartbeatMs: Millis, missedMs: Millis): Link {
  return { phi: new PhiAccrual(heartbeatMs), beat: 0, missedMs, reachableSince: undefined, losses: [] };
}

/** Of somebody whom the leader keeps no book of yet. */
function blank({ domain, transient, uptimeMs, weight, writeMs }: Facts) {
  return {
    isLeader: false,
    reachable: false,
    phi: 0,
    silentMs: 0,
    steadyMs: 0,
    flaps: 0,
    lag: 0,
    keepsUp: false,
    standing: undefined,
    roundTripMs: undefined,
    ...{ domain, transient, uptimeMs, weight, writeMs },
  };
}

function ownView({ role, writeMs }: NodeStatus, facts: Facts) {
  const isLeader = role === 'leader';
  return {
    ...blank(facts),
    isLeader,
    reachable: isLeader,
    keepsUp: isLeader,
    writeMs,
    roundTripMs: undefined,
  };
}
