import { SwarmError } from '../../protocol/errors.ts';
import { majority } from '../../protocol/state.ts';
import type { SwarmClient } from '../../swarm/client.ts';
import type { Notice } from '../../swarm/port.ts';
import type { RunOrder } from '../../swarm/run-folder.ts';
import type { SupervisorEvent } from '../../swarm/supervisor.ts';
import { isSettled, type TaskJson, type TaskState } from '../../tasks/task.ts';
import { hasLimits, type UsageLimits } from '../../tasks/usage.ts';
import type { RunDisplay } from './run-display.ts';

interface RunSessionOptions {
  readonly client: Pick<SwarmClient, 'execute' | 'query' | 'watch'>;
  readonly order: RunOrder;
  readonly display: RunDisplay;
  readonly voters: readonly string[];
  /** Counts from now on; what is absent stays as it was. */
  readonly budget?: UsageLimits;
}

/** A cold swarm on a busy machine may take its time to elect. */
const PATIENCE_MS = 60_000;
/** After Ctrl-C running tasks may come to their end within this; then they are handed back. */
const WIND_DOWN_MS = 5_000;

/** One run's dealings with the log: submit once, follow, bring to an end. */
export class RunSession {
  /**
   * Resolves when every task has come to an end, good or bad. Rejects with NO_QUORUM when that cannot
   * happen any more: too many instances stay down.
   */
  readonly settled: Promise<void>;
  readonly #options: RunSessionOptions;
  readonly #states = new Map<string, TaskState>();
  readonly #down = new Set<string>();
  /** Of each list that is asked for just now: what was heard since. */
  readonly #heardSince = new Set<TaskJson[]>();
  #phase: 'beginning' | 'following' = 'beginning';
  #resolveSettled: () => void = () => undefined;
  #rejectSettled: (error: unknown) => void = () => undefined;
  #idle: (() => void) | undefined;
  #exhausted: string | undefined;

  constructor(options: RunSessionOptions) {
    this.#options = options;
    this.settled = new Promise((resolve, reject) => {
      this.#resolveSettled = resolve;
      this.#rejectSettled = reject;
    });
    // Whoever waits hears of it; before that it must not count as unhandled.
    this.settled.catch(() => undefined);
  }

  /** Submits the tasks; a run that goes on submits them again under the same key, which changes nothing. */
  async begin(): Promise<void> {
    const { client, order, budget = {} } = this.#options;
    await client.watch(PATIENCE_MS);
    const patience = { timeoutMs: PATIENCE_MS };
    await client.execute({ kind: 'resume' }, patience);
    // Before there is anything to spend it on.
    if (hasLimits(budget)) await client.execute({ kind: 'configure', ...budget }, patience);
    const { repeated } = await client.execute(
      { kind: 'submit', key: order.key, tasks: order.tasks },
      patience,
    );
    if (repeated) await this.#retryFailed();
    // Not earlier: a run that goes on may have come to an end before, with failures that are tried again now.
    this.#phase = 'following';
    await this.#catchUp();
  }

  onNotice(notice: Notice): void {
    this.#options.display.onNotice(notice);
    if (notice.type !== 'applied') return;
    for (const event of notice.events) if (event.type === 'budget') this.#exhausted = event.exhausted;
    for (const heard of this.#heardSince) heard.push(...notice.tasks);
    this.#note(notice.tasks);
  }

  onSupervisor(event: SupervisorEvent): void {
    const { display, voters } = this.#options;
    display.onSupervisor(event);
    if (event.type !== 'gave-up') return;
    this.#down.add(event.id);
    const down = voters.filter((id) => this.#down.has(id));
    if (voters.length - down.length >= majority(voters.length)) return;
    const message = `${down.join(', ')} of ${voters.length} voters stay down, and the others are no majority`;
    this.#rejectSettled(
      new SwarmError(
        'NO_QUORUM',
        `${message}; "raft-manager run --resume" tries again, with all that was done`,
      ),
    );
  }

  /** Notices may have been missed while there was no link. */
  onRelinked(): void {
    this.#catchUp().catch((error: unknown) => this.#rejectSettled(error));
  }

  /** Why the budget let no more work begin, in words. */
  get exhausted(): string | undefined {
    return this.#exhausted;
  }

  tasks(): Promise<readonly TaskJson[]> {
    return this.#options.client.query({ kind: 'tasks' });
  }

  /** No new work; what runs may finish within a few seconds. */
  async windDown(): Promise<void> {
    const { client, display } = this.#options;
    display.onStopping();
    await client.execute({ kind: 'pause', reason: 'the run was interrupted' });
    if (this.#activeCount() === 0) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, WIND_DOWN_MS);
      this.#idle = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }

  /** Whoever resumes a run has seen what failed in it, and wants it tried again; dependents come along. */
  async #retryFailed(): Promise<void> {
    const { client } = this.#options;
    for (const { id, state } of await this.tasks()) {
      if (state === 'failed' || state === 'parked') await client.execute({ kind: 'retry', taskId: id });
    }
  }

  async #catchUp(): Promise<void> {
    const heard: TaskJson[] = [];
    this.#heardSince.add(heard);
    try {
      // Notices overtake the list on its way through a promise: what they say is younger.
      const { budget } = await this.#options.client.query({ kind: 'overview' });
      this.#exhausted = budget.exhausted ?? undefined;
      const tasks = [...(await this.tasks()), ...heard];
      this.#options.display.onTasks(tasks);
      this.#note(tasks);
    } finally {
      this.#heardSince.delete(heard);
    }
  }

  #note(tasks: readonly TaskJson[]): void {
    for (const { id, state } of tasks) this.#states.set(id, state);
    if (this.#phase === 'following' && this.#isOver()) this.#resolveSettled();
    if (this.#activeCount() === 0) this.#idle?.();
  }

  /** Nothing is left to do, or to do it with. */
  #isOver(): boolean {
    if (this.#exhausted !== undefined && this.#activeCount() === 0) return true;
    return this.#options.order.tasks.every(({ id }) => isSettled(this.#states.get(id) ?? 'queued'));
  }

  #activeCount(): number {
    return [...this.#states.values()].filter((state) => state === 'assigned' || state === 'running').length;
  }
}
