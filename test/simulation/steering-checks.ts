import type { NodeStatus } from '../../src/node/port.ts';
import type { Millis, NodeId } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import { majority } from '../../src/protocol/state.ts';
import type { Order } from '../../src/siblings/quorum-manager/pilot.ts';
import type { SteeringPlan } from './plan.ts';
import type { SimulatedSwarm } from './swarm.ts';
import { Violation } from './violation.ts';
import type { VirtualTime } from './virtual-time.ts';

interface ChecksOptions {
  readonly steering: SteeringPlan;
  readonly time: VirtualTime;
  readonly swarm: SimulatedSwarm;
}

/** A change of membership at the moment at which it is ordered. */
interface Ordered {
  readonly id: NodeId;
  /** When the process began that orders it. */
  readonly since: Millis;
  readonly order: Extract<Order, { readonly kind: 'change' }>;
  readonly status: NodeStatus;
}

/** Clocks run at most 3 % apart. */
const DRIFT = 1.04;

/**
 * Holds every change that is ordered against what is so, which whoever orders it cannot know: it goes by words that were
 * under way. So a node counts as there when it was alive, and heard by the leader, within as long as the leader may rely on.
 */
export class SteeringChecks {
  readonly #options: ChecksOptions;
  /** From whom to whom, and when last. */
  readonly #sent = new Map<string, Millis>();
  readonly #heard = new Map<string, Millis>();
  /** When it was ordered last that somebody votes no more. */
  readonly #ordered = new Map<NodeId, Millis>();
  readonly #demoted = new Map<NodeId, readonly Millis[]>();

  constructor(options: ChecksOptions) {
    this.#options = options;
  }

  onWord({ from, to }: Message, what: 'sent' | 'heard'): void {
    const log = what === 'sent' ? this.#sent : this.#heard;
    log.set(`${from} ${to}`, this.#options.time.now);
  }

  /** That is committed; whoever holds the log has known it since it was ordered. */
  onDemoted(id: NodeId): void {
    this.#demoted.set(id, [...(this.#demoted.get(id) ?? []), this.#ordered.get(id) ?? 0]);
  }

  check(ordered: Ordered): void {
    const { order, status } = ordered;
    for (const id of status.configuration.voters) {
      if (!order.voters.includes(id)) this.#ordered.set(id, this.#options.time.now);
    }
    this.#checkQuorum(ordered);
    this.#checkNewcomers(ordered);
  }

  #checkQuorum({ id, order, status }: Ordered): void {
    const { policy, senses } = this.#options.steering;
    const { voters } = status.configuration;
    const patienceMs = DRIFT * (senses.freshMs + senses.heartbeatMs);
    const there = order.voters.filter((one) => one === id || this.#isThere(one, id, patienceMs));
    const spare = there.length - majority(order.voters.length);
    const told = `${id} makes ${order.voters.join()} of ${voters.join()} (${order.why})`;
    if (spare < 0) {
      throw new Violation('Quorum kept', `${told}, of whom ${there.join()} are there: no majority`);
    }
    const soundMs = 2 * senses.heartbeatMs;
    const before = voters.filter((one) => one === id || this.#isSound(one, id, status, soundMs));
    const spareBefore = before.length - majority(voters.length);
    if (spare >= Math.min(policy.survive, spareBefore)) return;
    throw new Violation(
      'Strength kept',
      `${told}, which bears ${spare} losses (${there.join()} are there) instead of ${spareBefore} (${before.join()})`,
    );
  }

  #checkNewcomers({ id, order, since, status }: Ordered): void {
    const { steering, swarm, time } = this.#options;
    for (const one of order.voters) {
      if (status.configuration.voters.includes(one)) continue;
      const held = swarm.disk(one).durable.lastIndex;
      if (held < status.commitIndex - steering.senses.maxLag) {
        throw new Violation(
          'Caught up',
          `${id} lets ${one} vote, which holds ${held} of ${status.commitIndex}`,
        );
      }
      // A process knows of those alone that it has seen itself.
      const demoted = (this.#demoted.get(one) ?? []).filter((at) => at > since);
      const agoMs = time.now - (demoted.at(-1) ?? Number.NEGATIVE_INFINITY);
      const pauseMs = steering.policy.coolDownMs * 2 ** (demoted.length - 1);
      if (agoMs < pauseMs / DRIFT - 4 * steering.senses.heartbeatMs) {
        throw new Violation('No to and fro', `${id} lets ${one} vote ${agoMs} ms after it was demoted`);
      }
    }
  }

  #isThere(one: NodeId, leader: NodeId, patienceMs: Millis): boolean {
    const { time } = this.#options;
    const last = (log: ReadonlyMap<string, Millis>): Millis =>
      log.get(`${one} ${leader}`) ?? Number.NEGATIVE_INFINITY;
    return time.now - last(this.#sent) <= patienceMs && time.now - last(this.#heard) <= patienceMs;
  }

  /** Beyond doubt: there, and as far as the leader. */
  #isSound(one: NodeId, leader: NodeId, status: NodeStatus, patienceMs: Millis): boolean {
    const peer = status.peers.find(({ id }) => id === one);
    const { maxLag } = this.#options.steering.senses;
    if (peer === undefined || peer.mode !== 'replicate' || peer.lag > maxLag) return false;
    return this.#isThere(one, leader, patienceMs) && peer.aliveMs <= patienceMs;
  }
}
