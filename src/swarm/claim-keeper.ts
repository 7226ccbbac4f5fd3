import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { MAX_BATCH } from '../protocol/limits.ts';
import type { RenewCommand } from '../tasks/command.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { leaseOf } from '../tasks/task.ts';
import type { CommandSession } from './session.ts';

interface ClaimKeeperOptions {
  readonly holder: string;
  readonly machine: TaskMachine;
  readonly session: CommandSession;
  onTrouble(error: unknown): void;
}

const RENEWALS_PER_LEASE = 4;
/** What is claimed between two looks, with the shortest lease that people ask for, is still renewed in time. */
const LOOK_EVERY_MS = 1_000;

/**
 * Renews what is claimed and reserved in the name of an instance that works by itself: a model does not remember to,
 * and whoever claims in its name from a shell is gone.
 */
export class ClaimKeeper {
  readonly #options: ClaimKeeperOptions;
  /** When each lease was seen first, or asked to be renewed, by its fence. */
  readonly #asked = new Map<number, Millis>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClaimKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { session, onTrouble } = this.#options;
    const command = this.#due(performance.now());
    if (command.tasks.length + command.reservations.length === 0) return;
    try {
      await session.execute(command);
    } catch (error) {
      // The next look asks again, as long as it is held.
      if (!(error instanceof SwarmError)) throw error;
      onTrouble(error);
    }
  }

  /** What was not renewed for a part of its lease. */
  #due(now: Millis): RenewCommand {
    const isDue = ({
      fence,
      durationMs,
    }: {
      readonly fence: number;
      readonly durationMs: Millis;
    }): boolean => {
      const asked = this.#asked.get(fence);
      if (asked !== undefined && now - asked < durationMs / RENEWALS_PER_LEASE) return false;
      this.#asked.set(fence, now);
      return true;
    };
    const held = this.#held();
    const live = new Set([...held.tasks, ...held.reservations].map(({ fence }) => fence));
    for (const fence of this.#asked.keys()) if (!live.has(fence)) this.#asked.delete(fence);
    const tasks = held.tasks.filter(isDue).map(({ taskId, fence }) => ({ taskId, fence }));
    const reservations = held.reservations
      .filter(isDue)
      .map(({ id, fence }) => ({ reservationId: id, fence }));
    return {
      kind: 'renew',
      tasks: tasks.slice(0, MAX_BATCH),
      reservations: reservations.slice(0, MAX_BATCH),
    };
  }

  #held() {
    const { holder, machine } = this.#options;
    const tasks = [...machine.heldBy(holder)].flatMap((taskId) => {
      const record = machine.tasks.get(taskId);
      const lease = record === undefined ? undefined : leaseOf(record);
      return lease === undefined ? [] : { taskId, fence: lease.fence, durationMs: lease.durationMs };
    });
    const reservations = [...machine.reservations.values()].filter((one) => one.holder === holder);
    return { tasks, reservations };
  }
}
