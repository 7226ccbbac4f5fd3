import type { Millis } from '../protocol/ids.ts';
import { DEFAULT_LEASE_MS } from '../protocol/limits.ts';
import type { TaskCommand } from '../tasks/command.ts';
import type { TaskEvent } from '../tasks/event.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { LATEST_LEVEL, USAGE_LEVEL } from '../tasks/member.ts';
import { type Lease, leaseOf } from '../tasks/task.ts';
import { hasLimits, limitsOf, type UsageLimits } from '../tasks/usage.ts';
import { IdleWatch } from './idle-watch.ts';

export interface CoordinatorOptions {
  readonly machine: TaskMachine;
  /** How long leases last, as the swarm was founded. */
  readonly leaseMs: Millis;
  /** What all tasks may use up, as the swarm was founded. */
  readonly budget: UsageLimits;
  /** Brings one command to the log; false when it did not get there. No retries: the next look decides anew. */
  propose(command: TaskCommand): Promise<boolean>;
  /** How long each other node has been silent, as far as the leader knows. */
  silences(): readonly { readonly id: string; readonly silentMs: Millis }[];
  /** True for whoever belongs to the swarm just now. */
  isMember(id: string): boolean;
  /** The level of commands that every member is known to understand; undefined while one has not been heard. */
  commonLevel(): number | undefined;
}

/** Sessions of clients that said nothing for so long are closed through the log. */
const SESSION_IDLE_MS = 60 * 60 * 1000;
const SWEEP_INTERVAL_MS = 500;
/** Ten heartbeats: who is silent for so long is given nothing new before it is heard again. */
const OUT_OF_REACH_MS = 1_000;
/** What a node holds that is silent for so long is given to others, and it must register again. */
const INSTANCE_SILENCE_MS = 10_000;
/** After a proposal that failed. */
const PAUSE_MS = 100;

/**
 * What the elected leader's process does besides replicating: gives ready tasks to instances, and ends
 * leases that nobody renews. Whatever it proposes is checked again when it is applied, so a coordinator
 * that was deposed without knowing it can do no harm.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  #reign: AbortController | undefined;
  #planning = false;
  #planAgain = false;
  #raising = false;
  #absent: ReadonlySet<string> = new Set();
  #wakeUp: NodeJS.Timeout | undefined;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  /** This node leads now, up to and including what it has applied. */
  begin(): void {
    this.end();
    this.#reign = new AbortController();
    this.#absent = new Set();
    const leases = new IdleWatch<number>();
    const reservations = new IdleWatch<number>();
    const sessions = new IdleWatch<number>();
    const sweep = setInterval(() => {
      this.#configureLeases();
      this.#raiseLevel();
      this.#configureBudget();
      this.#expireLeases(leases);
      this.#expireReservations(reservations);
      this.#expireSessions(sessions);
      this.#lookAround();
      this.#dismissSilent();
      this.#dismissStrangers();
    }, SWEEP_INTERVAL_MS);
    this.#reign.signal.addEventListener('abort', () => clearInterval(sweep));
    this.#configureLeases();
    this.#raiseLevel();
    this.#configureBudget();
    this.plan();
  }

  end(): void {
    this.#reign?.abort();
    this.#reign = undefined;
    clearTimeout(this.#wakeUp);
  }

  /** Something was applied: there may be work to give out. */
  onApplied(events: readonly TaskEvent[]): void {
    if (events.length > 0) this.plan();
  }

  /** Gives out what is ready, one command at a time. */
  plan(): void {
    if (this.#reign === undefined) return;
    if (this.#planning) {
      this.#planAgain = true;
      return;
    }
    clearTimeout(this.#wakeUp);
    if (this.#raising) return;
    const { machine } = this.#options;
    const now = Date.now();
    const assignments = machine.plan(now, this.#absent);
    if (assignments.length === 0) {
      const wakeUp = machine.nextWakeUp(now);
      if (wakeUp !== undefined) this.#planIn(Math.max(1, wakeUp - now));
      return;
    }
    this.#planning = true;
    void this.#assign({ kind: 'assign', assignments });
  }

  async #assign(command: TaskCommand): Promise<void> {
    const done = await this.#options.propose(command);
    this.#planning = false;
    const again = this.#planAgain;
    this.#planAgain = false;
    if (!done) this.#planIn(PAUSE_MS);
    else if (again) this.plan();
  }

  #planIn(ms: number): void {
    clearTimeout(this.#wakeUp);
    if (this.#reign !== undefined) this.#wakeUp = setTimeout(() => this.plan(), ms);
  }

  /** Until somebody has said otherwise, through the log, leases last as long as the founder wished. */
  #configureLeases(): void {
    const { machine, propose, leaseMs } = this.#options;
    if (machine.settings.leaseMs !== DEFAULT_LEASE_MS || leaseMs === DEFAULT_LEASE_MS) return;
    void propose({ kind: 'configure', leaseMs });
  }

  /** Until somebody has said otherwise, and be it that there is no limit any more, the founder's budget counts. */
  #configureBudget(): void {
    const { machine, propose, budget } = this.#options;
    const { settings, level } = machine;
    const limits = limitsOf(budget);
    const isOurs = hasLimits(limits) && !hasLimits(limitsOf(settings));
    if (isOurs && level >= USAGE_LEVEL) void propose({ kind: 'configure', ...limits });
  }

  /** New kinds of command wait until the last member of an older release is gone. */
  #raiseLevel(): void {
    const { machine, commonLevel } = this.#options;
    if (this.#raising || machine.level >= LATEST_LEVEL) return;
    const level = commonLevel();
    if (level === undefined || level <= machine.level) return;
    this.#raising = true;
    void this.#raise({ kind: 'raise-level', level });
  }

  /** What begins meanwhile would begin at the old level: nothing would be kept of its turns, and no budget held. */
  async #raise(command: TaskCommand): Promise<void> {
    await this.#options.propose(command);
    this.#raising = false;
    this.#configureBudget();
    this.plan();
  }

  #expireLeases(watch: IdleWatch<number>): void {
    const { machine, propose } = this.#options;
    const held = new Map<string, { readonly taskId: string; readonly lease: Lease }>();
    for (const record of machine.leased()) {
      const lease = leaseOf(record);
      if (lease !== undefined) held.set(`${record.id} ${lease.fence}`, { taskId: record.id, lease });
    }
    const items = [...held].map(([key, { lease }]) => {
      return { key, version: lease.renewedAt, allowedMs: lease.durationMs };
    });
    for (const key of watch.look(items, performance.now())) {
      const found = held.get(key);
      if (found === undefined) continue;
      const { taskId, lease } = found;
      void propose({ kind: 'expire', taskId, fence: lease.fence, renewedAt: lease.renewedAt });
    }
  }

  #expireReservations(watch: IdleWatch<number>): void {
    const { machine, propose } = this.#options;
    const items = [...machine.reservations.values()].map(({ id, renewedAt, durationMs }) => {
      return { key: id, version: renewedAt, allowedMs: durationMs };
    });
    for (const id of watch.look(items, performance.now())) {
      const reservation = machine.reservations.get(id);
      if (reservation === undefined) continue;
      const { fence, renewedAt } = reservation;
      void propose({ kind: 'expire-reservation', reservationId: id, fence, renewedAt });
    }
  }

  #expireSessions(watch: IdleWatch<number>): void {
    const { machine, propose } = this.#options;
    const items = [...machine.sessions.values()].map(({ id, lastIndex }) => {
      return { key: id, version: lastIndex, allowedMs: SESSION_IDLE_MS };
    });
    for (const id of watch.look(items, performance.now())) {
      const session = machine.sessions.get(id);
      if (session === undefined) continue;
      void propose({ kind: 'session-expire', sessionId: id, lastIndex: session.lastIndex });
    }
  }

  /** Whoever is heard again may have been the only one who is able to do what waits. */
  #lookAround(): void {
    const before = this.#absent;
    const silent = this.#options.silences().filter(({ silentMs }) => silentMs >= OUT_OF_REACH_MS);
    this.#absent = new Set(silent.map(({ id }) => id));
    if ([...before].some((id) => !this.#absent.has(id))) this.plan();
  }

  /** Work must not wait for somebody who is gone. Whoever comes back registers again. */
  #dismissSilent(): void {
    const { machine, propose, silences } = this.#options;
    for (const { id, silentMs } of silences()) {
      const instance = machine.instances.get(id);
      if (instance === undefined || silentMs < INSTANCE_SILENCE_MS) continue;
      void propose({ kind: 'unregister', instanceId: id, life: instance.life, cause: 'lost' });
    }
  }

  /** Who was removed follows the log no longer, and would be given work for ever. */
  #dismissStrangers(): void {
    const { machine, propose, isMember } = this.#options;
    for (const { id, life } of [...machine.instances.values()]) {
      if (!isMember(id)) void propose({ kind: 'unregister', instanceId: id, life, cause: 'lost' });
    }
  }
}
