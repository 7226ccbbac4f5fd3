import type { Message } from '../../src/protocol/message.ts';

/** Which messages on the wire are meant; what is not named may be anything. */
export interface Which {
  /** Only so many of them, the oldest. */
  readonly count?: number | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly types?: readonly Message['type'][] | undefined;
}

/** Messages on their way, in the order in which they were sent. Two nodes that are cut apart lose theirs. */
export class Wire {
  #messages: Message[] = [];
  #late: Message[] = [];
  readonly #cuts = new Set<string>();

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  send(message: Message): void {
    if (!this.#isCut(message)) this.#messages.push(message);
  }

  /** What lies here and is meant. */
  find({ count = Number.POSITIVE_INFINITY, from, to, types }: Which): readonly Message[] {
    return this.#messages
      .filter(
        (message) =>
          (from === undefined || message.from === from) &&
          (to === undefined || message.to === to) &&
          (types === undefined || types.includes(message.type)),
      )
      .slice(0, count);
  }

  take(which: Which): readonly Message[] {
    const chosen = this.find(which);
    const taken = new Set(chosen);
    this.#messages = this.#messages.filter((message) => !taken.has(message));
    return chosen;
  }

  /** A second copy of what is meant goes astray. Returns how many did. */
  strayCopies(which: Which): number {
    const copies = this.find(which);
    this.#late.push(...copies);
    return copies.length;
  }

  /** The copies that went astray turn up. */
  takeLate(): readonly Message[] {
    const late = this.#late;
    this.#late = [];
    return late;
  }

  /** Nodes of different groups lose what they say to each other; whatever was cut before is not any more. */
  partition(groups: readonly (readonly string[])[]): void {
    this.heal();
    for (const left of groups) {
      for (const right of groups) {
        if (left === right) continue;
        for (const from of left) for (const to of right) this.mute(from, to);
      }
    }
  }

  /** What `from` says to `to` is lost, and what it has said already. */
  mute(from: string, to: string): void {
    this.#cuts.add(`${from}→${to}`);
    this.#messages = this.#messages.filter((message) => !this.#isCut(message));
  }

  heal(): void {
    this.#cuts.clear();
  }

  #isCut({ from, to }: Message): boolean {
    return this.#cuts.has(`${from}→${to}`);
  }
}
