import type { Checkpoint, SavedTurn } from '../agents/executors/port.ts';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_TURN_STATE_BYTES } from '../protocol/limits.ts';
import type { SaveTurnCommand, TaskFence } from '../tasks/command.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { USAGE_LEVEL } from '../tasks/member.ts';
import { NO_USAGE, usageSince } from '../tasks/usage.ts';
import type { BlobExchange } from './blob-exchange.ts';
import type { CommandSession } from './session.ts';

export interface TaskCheckpointOptions {
  readonly machine: TaskMachine;
  readonly session: CommandSession;
  readonly blobs: Pick<BlobExchange, 'put' | 'get'>;
  /** A turn that could not be kept costs its work again, should this attempt be lost: nothing worse. */
  onTrouble(error: unknown): void;
}

type Kept = Pick<SaveTurnCommand, 'state' | 'blob'>;

/** Keeps the turns of one attempt: the state itself in the log, or beside it where it is large. */
export class TaskCheckpoint implements Checkpoint {
  readonly #options: TaskCheckpointOptions;
  readonly #task: TaskFence;

  constructor(options: TaskCheckpointOptions, task: TaskFence) {
    this.#options = options;
    this.#task = task;
  }

  async load(): Promise<SavedTurn | undefined> {
    const { machine, blobs, onTrouble } = this.#options;
    const { taskId, fence } = this.#task;
    const record = machine.tasks.get(taskId);
    if (record?.saved === undefined) return undefined;
    const { saved, progress, usage = NO_USAGE } = record;
    const ours = progress?.fence === fence ? progress.usage : NO_USAGE;
    try {
      const state = saved.blob === undefined ? saved.state : await blobs.get(saved.blob);
      if (state === undefined) return undefined;
      return { turn: saved.turn, usage: usageSince(ours, usage), state: new Uint8Array(state) };
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      onTrouble(error);
      return undefined;
    }
  }

  async save({ turn, usage, state }: SavedTurn): Promise<void> {
    const { machine, session } = this.#options;
    // The next turn brings the usage of this one too.
    if (machine.level < USAGE_LEVEL) return;
    const command = { kind: 'save-turn', ...this.#task, turn, usage } as const;
    const kept = await this.#keep(state);
    const outcome = await this.#settled(async () => {
      try {
        return await session.execute({ ...command, ...kept });
      } catch (error) {
        if (!(error instanceof SwarmError) || error.code !== 'LIMIT_EXCEEDED') throw error;
        // What it has used up must be known all the same.
        this.#options.onTrouble(error);
        return await session.execute(command);
      }
    });
    if (outcome?.state === 'parked') {
      throw new SwarmError('BUDGET_EXHAUSTED', `the budget of ${this.#task.taskId} is used up; it is parked`);
    }
  }

  /** Nothing, when it could not be stored safely: an older turn may be kept still. */
  async #keep(state: Uint8Array): Promise<Kept> {
    if (state.length <= MAX_TURN_STATE_BYTES) return { state };
    const blob = await this.#settled(() => this.#options.blobs.put(state));
    return blob === undefined ? {} : { blob };
  }

  /** Undefined when the swarm could not do it now. @throws SwarmError STALE_FENCE */
  async #settled<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      if (error.code === 'STALE_FENCE') throw error;
      if (error.code === 'UNKNOWN_TASK') throw new SwarmError('STALE_FENCE', error.message);
      this.#options.onTrouble(error);
      return undefined;
    }
  }
}
