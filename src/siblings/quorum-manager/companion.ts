import { type ErrorCode, SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { isJoint, members } from '../../protocol/state.ts';
import type { Companion, CompanionFactory, CompanionHost } from '../../swarm/companion.ts';
import { REQUEST } from '../../swarm/wire.ts';
import { Desk } from './desk.ts';
import { ownDomain } from './domain.ts';
import { domainIn, isOurs, noteAdjustment, policyIn, weightIn } from './notebook.ts';
import { type Order, Pilot } from './pilot.ts';
import { rankShiftOf } from './policy.ts';
import { Reports } from './reports.ts';
import type { Facts } from './watch.ts';

/** As often as the leader's heartbeats leave. */
const LOOK_EVERY_MS: Millis = 100;
/** Disks and uptimes change slowly, and each round of questions is a link to every member. */
const ASK_EVERY_MS: Millis = 15_000;

/** Ten heartbeats without a word in both directions; and what a follower lacks amid a burst of entries. */
const SENSES = { heartbeatMs: LOOK_EVERY_MS, freshMs: 1_000, maxLag: 1_000 } as const;

/** Nobody leads any more, or another change came between: whoever looks next knows more. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set([
  'NOT_LEADER',
  'NOT_READY',
  'CHANGE_IN_FLIGHT',
  'OUTCOME_UNKNOWN',
  'TRANSFER_IN_PROGRESS',
  'TRANSFER_FAILED',
  'STOPPED',
]);

export const createQuorumManager: CompanionFactory = (host) => new QuorumManager(host);

/** The quorum manager inside one instance: watches while that leads, and carries out what the pilot orders. */
class QuorumManager implements Companion {
  readonly requests: Companion['requests'] & {};
  readonly #host: CompanionHost;
  readonly #pilot = new Pilot(SENSES);
  readonly #reports: Reports;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #askAt: Millis = 0;

  constructor(host: CompanionHost) {
    this.#host = host;
    this.#reports = new Reports(host);
    const desk = new Desk({
      host,
      pilot: this.#pilot,
      report: () => ({
        writeMs: host.status().writeMs ?? null,
        uptimeMs: this.#uptimeMs(),
        domain: ownDomain(),
      }),
      refresh: (maxAgeMs) => this.#reports.refresh(members(host.status().configuration), maxAgeMs),
      lookNow: () => this.#lookAndAct(),
    });
    this.requests = new Map([[REQUEST.quorum, (body) => desk.answer(body)]]);
  }

  start(): void {
    this.#pilot.noteConfiguration(this.#host.status().configuration, performance.now());
    this.#heed();
  }

  begin(): void {
    this.end();
    this.#pilot.begin();
    this.#askAt = performance.now();
    this.#timer = setInterval(() => this.#goOn(), LOOK_EVERY_MS);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#pilot.end();
  }

  onConfiguration(): void {
    this.#pilot.noteConfiguration(this.#host.status().configuration, performance.now());
  }

  onApplied(_index: number, events: Parameters<NonNullable<Companion['onApplied']>>[1]): void {
    if (events.some(isOurs)) this.#heed();
  }

  onRestored(): void {
    this.onConfiguration();
    this.#heed();
  }

  async stop(): Promise<void> {
    this.end();
  }

  /** What the log says of this node's own weight. */
  #heed(): void {
    const { id, machine, shiftRank } = this.#host;
    shiftRank(rankShiftOf(weightIn(machine.records, id)));
  }

  #goOn(): void {
    const now = performance.now();
    if (now >= this.#askAt) {
      this.#askAt = now + ASK_EVERY_MS;
      const ids = members(this.#host.status().configuration);
      this.#reports.refresh(ids, ASK_EVERY_MS / 2).catch((error) => this.#host.onTrouble(error));
    }
    this.#lookAndAct();
  }

  #lookAndAct(): void {
    const order = this.#look();
    if (order !== undefined) void this.#carryOut(order);
  }

  #look(): Order | undefined {
    const { machine, status } = this.#host;
    const now = status();
    const policy = policyIn(machine.records, now.configuration).value;
    const sight = { status: now, policy, factsOf: (id: NodeId) => this.#factsOf(id) };
    return this.#pilot.look(sight, performance.now());
  }

  #factsOf(id: NodeId): Facts {
    const { machine, id: self } = this.#host;
    const isSelf = id === self;
    const report = this.#reports.of(id);
    const domain = domainIn(machine.records, id) ?? (isSelf ? ownDomain() : report?.domain);
    return {
      domain,
      writeMs: report?.writeMs ?? undefined,
      uptimeMs: isSelf ? this.#uptimeMs() : report?.uptimeMs,
      // Who takes what it wants by itself works for somebody's session, and goes with it.
      transient: (machine.instances.get(id)?.capacity ?? 0) === 0,
      weight: weightIn(machine.records, id),
    };
  }

  #uptimeMs(): Millis {
    return performance.now() - this.#startedAt;
  }

  async #carryOut(order: Order): Promise<void> {
    const { changeMembership, id, machine, onTrouble, status, transfer } = this.#host;
    let done = false;
    try {
      if (isJoint(status().configuration)) return;
      if (order.kind === 'transfer') await transfer(order.target);
      else await changeMembership(order.changes);
      done = true;
    } catch (error) {
      const isExpected = error instanceof SwarmError && EXPECTED.has(error.code);
      if (!isExpected) onTrouble(error);
    } finally {
      this.#pilot.settled(order, { done, now: performance.now() });
    }
    if (!done || order.kind === 'transfer') return;
    const adjustment = {
      at: Date.now(),
      by: 'auto',
      leader: id,
      why: order.why,
      voters: [...order.voters],
    } as const;
    await noteAdjustment(this.#host, { ...adjustment, outcome: 'done' }, machine.records).catch(onTrouble);
  }
}
