import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import type { TaskEvent } from '../tasks/event.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { leaseOf, type TaskRecord } from '../tasks/task.ts';
import type { AttemptEnd, AttemptRunner } from './attempt.ts';
import type { CommandSession } from './session.ts';

export interface WorkerOptions {
  readonly instanceId: string;
  readonly agent: string;
  readonly capabilities: readonly string[];
  /** Unique per start of the process. */
  readonly life: string;
  readonly machine: TaskMachine;
  readonly session: CommandSession;
  readonly leaseMs: Millis;
  readonly runAttempt: AttemptRunner;
  /** For the operator's log. */
  onTrouble(error: unknown): void;
}

interface Held {
  readonly taskId: string;
  readonly abort: AbortController;
  readonly finished: Promise<void>;
}

/** Tasks an instance works on at once. */
const CAPACITY = 1;
/** How long the end of an attempt is worth reporting. */
const REPORT_TIMEOUT_MS = 60_000;
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
  #renewedAt: Millis = 0;
  #renewal: NodeJS.Timeout | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Makes this instance known; whatever its earlier life held is given back. */
  async join(): Promise<void> {
    const { instanceId, agent, capabilities, life, session, leaseMs } = this.#options;
    const command = { kind: 'register', instanceId, agent, capabilities, capacity: CAPACITY, life } as const;
    while (this.#phase === 'joining' && !(await this.#settle(session.execute(command)))) {
      // No quorum yet: an instance has nothing better to do than to go on asking.
    }
    if (this.#phase === 'leaving') return;
    this.#renewedAt = performance.now();
    clearInterval(this.#renewal);
    this.#renewal = setInterval(() => void this.#renew(), leaseMs / RENEWALS_PER_LEASE);
  }

  onApplied(events: readonly TaskEvent[]): void {
    for (const event of events) {
      if (event.type === 'instance') this.#onInstance(event.instanceId);
      if (event.type === 'task') this.#onTask(event.taskId);
    }
  }

  /** Hands back what is unfinished and leaves the swarm. */
  async leave(): Promise<void> {
    this.#phase = 'leaving';
    clearInterval(this.#renewal);
    const running = [...this.#held.values()];
    for (const { abort } of running) abort.abort('stopping');
    await Promise.all(running.map(({ finished }) => finished));
    const { instanceId, life, session } = this.#options;
    await this.#settle(
      session.execute(
        { kind: 'unregister', instanceId, life, cause: 'stopped' },
        { timeoutMs: FAREWELL_TIMEOUT_MS },
      ),
    );
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

  #onTask(taskId: string): void {
    const { machine, instanceId } = this.#options;
    const record = machine.tasks.get(taskId);
    const lease = record === undefined ? undefined : leaseOf(record);
    for (const [fence, held] of this.#held) {
      if (held.taskId === taskId && fence !== lease?.fence) held.abort.abort('lost');
    }
    if (record === undefined || lease?.holder !== instanceId || this.#phase !== 'working') return;
    if (record.phase.state !== 'assigned' || this.#held.has(lease.fence)) return;
    this.#begin(record, lease.fence);
  }

  #begin(record: TaskRecord, fence: number): void {
    const abort = new AbortController();
    const finished = this.#work(record, fence, abort.signal).catch(this.#options.onTrouble);
    this.#held.set(fence, { taskId: record.id, abort, finished });
    void finished.finally(() => this.#held.delete(fence));
  }

  async #work(record: TaskRecord, fence: number, signal: AbortSignal): Promise<void> {
    const { session, runAttempt } = this.#options;
    const held = { taskId: record.id, fence };
    await session.execute({ kind: 'start', ...held });
    const end = await runAttempt({ record, fence, signal });
    await this.#report(held, end);
  }

  async #report(held: { readonly taskId: string; readonly fence: number }, end: AttemptEnd): Promise<void> {
    const { session } = this.#options;
    const patience = { timeoutMs: REPORT_TIMEOUT_MS };
    switch (end.kind) {
      case 'completed':
        await session.execute({ kind: 'complete', ...held, ...end.result }, patience);
        return;
      case 'failed':
        await session.execute(
          { kind: 'fail', ...held, ...end.result, reason: end.reason, next: end.next },
          patience,
        );
        return;
      case 'handed-back':
        await session.execute(
          { kind: 'release', ...held, reason: end.reason },
          { timeoutMs: FAREWELL_TIMEOUT_MS },
        );
        return;
      case 'lost':
        // The lease is somebody else's by now; what was done under it is not recorded.
        return;
    }
  }

  /** Renews every lease in one command. Without a renewal for a whole lease, we must assume to have lost them. */
  async #renew(): Promise<void> {
    const { session, leaseMs } = this.#options;
    const tasks = [...this.#held].map(([fence, { taskId }]) => ({ taskId, fence }));
    if (tasks.length === 0) {
      this.#renewedAt = performance.now();
      return;
    }
    const renewed = await this.#settle(session.execute({ kind: 'renew', tasks, reservations: [] }));
    if (renewed) this.#renewedAt = performance.now();
    else if (performance.now() - this.#renewedAt > leaseMs) {
      for (const { abort } of this.#held.values()) abort.abort('lost');
    }
  }

  async #settle(work: Promise<unknown>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      this.#options.onTrouble(error);
      return false;
    }
  }
}
