import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import type { AttemptResult, TaskFence } from '../tasks/command.ts';
import type { TaskEvent } from '../tasks/event.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { levelOf, USAGE_LEVEL } from '../tasks/member.ts';
import { type Lease, leaseOf, type TaskRecord } from '../tasks/task.ts';
import type { AttemptEnd, AttemptRunner } from './attempt.ts';
import type { AttemptDesk } from './attempt-desk.ts';
import type { CommandSession } from './session.ts';

export interface WorkerOptions {
  readonly instanceId: string;
  readonly agent: string;
  readonly capabilities: readonly string[];
  /** Tasks it is given at once; 0: it takes what it wants by itself. */
  readonly capacity: number;
  /** Unique per start of the process. */
  readonly life: string;
  readonly machine: TaskMachine;
  readonly session: Pick<CommandSession, 'execute'>;
  readonly runAttempt: AttemptRunner;
  openDesk(task: TaskFence): AttemptDesk;
  /** For the operator's log. */
  onTrouble(error: unknown): void;
}

interface Held {
  readonly taskId: string;
  readonly abort: AbortController;
  readonly finished: Promise<void>;
  readonly durationMs: Millis;
  /** When we asked for the renewal that was granted last; before the first one, when we began. */
  renewedAt: Millis;
}

/** How long the end of an attempt is worth reporting. */
const REPORT_TIMEOUT_MS = 60_000;
const JOIN_PAUSE_MS: Millis = 100;
/** Whoever leaves may be one of many: there may be no quorum left to take note. */
const FAREWELL_TIMEOUT_MS = 2_000;
const RENEWALS_PER_LEASE = 4;

/**
 * One instance at work: starts what the log assigns to it, stops what the log takes away, renews what
 * it holds. It follows its own node's log and never asks the coordinator.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #held = new Map<number, Held>();
  #phase: 'joining' | 'working' | 'leaving' = 'joining';
  #renewal: NodeJS.Timeout | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Makes this instance known; whatever its earlier life held is given back. Ends with its node, too. */
  async join(): Promise<void> {
    const { instanceId, agent, capabilities, capacity, life, machine, session } = this.#options;
    const command = { kind: 'register', instanceId, agent, capabilities, capacity, life } as const;
    // Some member may not know such an instance yet: it is let in when the level says that all do.
    if (levelOf(command) > machine.level && capacity === 0) return;
    while (this.#phase === 'joining' && !(await this.#settle(session.execute(command)))) {
      // No quorum yet: an instance has nothing better to do than to go on asking. Never at once, though: what is
      // refused without a look at the clock would be asked for ever, and nothing else would have its turn.
      await delay(JOIN_PAUSE_MS);
    }
  }

  onApplied(events: readonly TaskEvent[]): void {
    for (const event of events) {
      if (event.type === 'instance') this.#onInstance(event.instanceId);
      if (event.type === 'level') this.#onLevel();
      if (event.type === 'task') this.#onTask(event.taskId);
    }
  }

  /** A snapshot took the place of the state: what was given and taken meanwhile was never told. */
  onRestored(): void {
    const { machine, instanceId } = this.#options;
    this.#onInstance(instanceId);
    this.#onLevel();
    const touched = [...this.#held.values()].map(({ taskId }) => taskId);
    for (const taskId of [...touched, ...machine.heldBy(instanceId)]) this.#onTask(taskId);
  }

  /** The swarm goes on without this instance: its work is somebody else's by now, and nobody waits for its word. */
  async dismiss(): Promise<void> {
    await this.#abandon('lost');
  }

  /** Hands back what is unfinished and leaves the swarm. */
  async leave(): Promise<void> {
    await this.#abandon('stopping');
    const { instanceId, life, session } = this.#options;
    await this.#settle(
      session.execute(
        { kind: 'unregister', instanceId, life, cause: 'stopped' },
        { timeoutMs: FAREWELL_TIMEOUT_MS },
      ),
    );
  }

  async #abandon(reason: 'lost' | 'stopping'): Promise<void> {
    this.#phase = 'leaving';
    clearTimeout(this.#renewal);
    const running = [...this.#held.values()];
    for (const { abort } of running) abort.abort(reason);
    await Promise.all(running.map(({ finished }) => finished));
  }

  /**
   * Our own registration is in the log: what is assigned from here on is for this life. Or it is not any
   * more, because we were silent for too long: what we held is somebody else's, and we ask to be let in again.
   */
  #onInstance(instanceId: string): void {
    const { machine, life } = this.#options;
    if (instanceId !== this.#options.instanceId) return;
    const isRegistered = machine.instances.get(instanceId)?.life === life;
    if (isRegistered && this.#phase === 'joining') this.#phase = 'working';
    if (isRegistered || this.#phase !== 'working') return;
    this.#phase = 'joining';
    for (const { abort } of this.#held.values()) abort.abort('lost');
    this.join().catch(this.#options.onTrouble);
  }

  #onLevel(): void {
    if (this.#phase !== 'joining' || this.#options.capacity > 0) return;
    this.join().catch(this.#options.onTrouble);
  }

  #onTask(taskId: string): void {
    const { machine, instanceId } = this.#options;
    const record = machine.tasks.get(taskId);
    const lease = record === undefined ? undefined : leaseOf(record);
    for (const [fence, held] of this.#held) {
      if (held.taskId === taskId && fence !== lease?.fence) held.abort.abort('lost');
    }
    if (record === undefined || lease?.holder !== instanceId || this.#phase !== 'working') return;
    if (record.phase.state !== 'assigned' || this.#held.has(lease.fence)) return;
    this.#begin(record, lease);
  }

  #begin(record: TaskRecord, { fence, durationMs }: Lease): void {
    const abort = new AbortController();
    const finished = this.#work(record, fence, abort.signal).catch(this.#options.onTrouble);
    this.#held.set(fence, { taskId: record.id, abort, finished, durationMs, renewedAt: performance.now() });
    void finished.finally(() => this.#held.delete(fence));
    this.#scheduleRenewal();
  }

  async #work(record: TaskRecord, fence: number, signal: AbortSignal): Promise<void> {
    const { session, runAttempt, openDesk } = this.#options;
    const held = { taskId: record.id, fence };
    await session.execute({ kind: 'start', ...held });
    const desk = openDesk(held);
    const end = await runAttempt({ record, fence, signal, desk });
    await this.#report(held, end);
  }

  async #report(held: TaskFence, end: AttemptEnd): Promise<void> {
    const { session } = this.#options;
    const patience = { timeoutMs: REPORT_TIMEOUT_MS };
    switch (end.kind) {
      case 'completed':
        await session.execute({ kind: 'complete', ...held, ...this.#understood(end.result) }, patience);
        return;
      case 'failed': {
        const { reason, next, code } = end;
        const named = code === undefined ? {} : this.#understood({ code });
        const fail = {
          kind: 'fail',
          ...held,
          ...this.#understood(end.result),
          reason,
          next,
          ...named,
        } as const;
        await session.execute(fail, patience);
        return;
      }
      case 'handed-back': {
        const { reason, usage } = end;
        const measured = usage === undefined ? {} : this.#understood({ usage });
        const release = { kind: 'release', ...held, reason, ...measured } as const;
        await session.execute(release, { timeoutMs: FAREWELL_TIMEOUT_MS });
        return;
      }
      case 'lost':
        // The lease is somebody else's by now; what was done under it is not recorded.
        return;
    }
  }

  /** Without what some member of the swarm does not know yet: the end of an attempt must be told in any case. */
  #understood<T extends Partial<AttemptResult> & { readonly code?: string }>(
    said: T,
  ): Omit<T, 'usage' | 'code'> | T {
    if (this.#options.machine.level >= USAGE_LEVEL) return said;
    const { usage: _usage, code: _code, ...rest } = said;
    return rest;
  }

  #scheduleRenewal(): void {
    clearTimeout(this.#renewal);
    if (this.#held.size === 0 || this.#phase === 'leaving') return;
    this.#renewal = setTimeout(() => void this.#renew(), this.#shortestLease() / RENEWALS_PER_LEASE);
  }

  #shortestLease(): Millis {
    return Math.min(...[...this.#held.values()].map(({ durationMs }) => durationMs));
  }

  /** Renews every lease in one command. Without a renewal for a whole lease, we must assume to have lost it. */
  async #renew(): Promise<void> {
    if (this.#held.size === 0) return;
    const held = [...this.#held];
    const tasks = held.map(([fence, { taskId }]) => ({ taskId, fence }));
    const asked = performance.now();
    const renewal = this.#options.session.execute(
      { kind: 'renew', tasks, reservations: this.#reservationsUnder(tasks) },
      { timeoutMs: this.#shortestLease() },
    );
    const renewed = await this.#settle(renewal);
    for (const [, lease] of held) {
      if (renewed) lease.renewedAt = asked;
      else if (performance.now() - lease.renewedAt > lease.durationMs) lease.abort.abort('lost');
    }
    this.#scheduleRenewal();
  }

  /** What was reserved under a lease ends with it, but not while it is held. */
  #reservationsUnder(tasks: readonly TaskFence[]): { reservationId: string; fence: number }[] {
    const fences = new Set(tasks.map(({ fence }) => fence));
    return [...this.#options.machine.reservations.values()]
      .filter(({ task }) => task !== undefined && fences.has(task.fence))
      .map(({ id, fence }) => ({ reservationId: id, fence }));
  }

  async #settle(work: Promise<unknown>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      // The own node has stopped, and nobody takes anything from this instance any more.
      if (error.code === 'STOPPED') this.#phase = 'leaving';
      this.#options.onTrouble(error);
      return false;
    }
  }
}
