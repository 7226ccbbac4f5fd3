import { EXIT } from '../report-error.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C, counted: the first asks to stop in order, the second to stop now. */
export class Interrupts {
  /** Resolves at the first one. */
  readonly first: Promise<void>;
  #resolveFirst: () => void = () => undefined;
  // Instances notice that their supervisor is gone, and follow.
  #onSecond: () => void = () => process.exit(EXIT.failed);
  #count = 0;

  constructor() {
    this.first = new Promise((resolve) => {
      this.#resolveFirst = resolve;
    });
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  onSecond(callback: () => void): void {
    this.#onSecond = callback;
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    this.#count += 1;
    if (this.#count === 1) this.#resolveFirst();
    else this.#onSecond();
  };
}
