import { SwarmError } from '../../../protocol/errors.ts';
import type { SavedTurn } from '../port.ts';

export interface TurnSaverOptions {
  save(turn: SavedTurn): Promise<void>;
  /** The task was taken away, or parked for its budget: whatever is done from here on is not wanted. */
  onLost(): void;
  /** In words: a turn was not saved, and the next one is tried again. */
  onTrouble(reason: string): void;
}

/** Saves turns one after the other. While one is on its way, of those that follow only the latest is kept. */
export class TurnSaver {
  readonly #options: TurnSaverOptions;
  #next: SavedTurn | undefined;
  #saving: Promise<void> | undefined;

  constructor(options: TurnSaverOptions) {
    this.#options = options;
  }

  offer(turn: SavedTurn): void {
    this.#next = turn;
    this.#saving ??= this.#saveAll().finally(() => {
      this.#saving = undefined;
    });
  }

  /** Resolves when nothing is on its way any more. */
  async settled(): Promise<void> {
    await this.#saving;
  }

  async #saveAll(): Promise<void> {
    for (let turn = this.#next; turn !== undefined; turn = this.#next) {
      this.#next = undefined;
      await this.#save(turn);
    }
  }

  async #save(turn: SavedTurn): Promise<void> {
    try {
      await this.#options.save(turn);
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      if (error.code === 'STALE_FENCE' || error.code === 'BUDGET_EXHAUSTED') this.#options.onLost();
      else this.#options.onTrouble(`turn ${turn.turn} was not saved: ${error.message}`);
    }
  }
}
