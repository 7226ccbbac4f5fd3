import { parseDuration } from '../../src/protocol/duration.ts';
import type { Millis } from '../../src/protocol/ids.ts';
import { StoryError } from './story.ts';

/** The words of one command, taken one after the other. `"…"` is one word. */
export class Words {
  readonly #words: string[];

  constructor(text: string) {
    this.#words = text.match(/"[^"]*"|\S+/g) ?? [];
  }

  get isEmpty(): boolean {
    return this.#words.length === 0;
  }

  get next(): string | undefined {
    return this.#words[0];
  }

  /** @throws StoryError when there is none; `what` it should have been. */
  take(what: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw new StoryError(`${what} is missing`);
    return word;
  }

  /** Takes the next word if it is `word`. */
  takeIf(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }

  /** One of `choices`. */
  takeOf<Choice extends string>(choices: readonly Choice[]): Choice {
    const word = this.take(choices.join(' or '));
    const choice = choices.find((each) => each === word);
    if (choice === undefined) throw new StoryError(`${word} is not ${choices.join(', ')}`);
    return choice;
  }

  takeNumber(what: string): number {
    const word = this.take(what);
    if (!/^\d+$/.test(word)) throw new StoryError(`${what}: ${word} is no number`);
    return Number(word);
  }

  takeDuration(): Millis {
    const word = this.take('a time such as 100ms or 2s');
    const ms = parseDuration(word);
    if (ms === undefined) throw new StoryError(`${word} is no time such as 100ms or 2s`);
    return ms;
  }

  /** Everything up to `end`, which is taken too, or to the last word. */
  takeUntil(end: string): string[] {
    const at = this.#words.indexOf(end);
    const taken = this.#words.splice(0, at < 0 ? this.#words.length : at);
    this.takeIf(end);
    return taken;
  }

  takeRest(): string[] {
    return this.#words.splice(0);
  }

  /** @throws StoryError when words are left over. */
  end(): void {
    if (!this.isEmpty) throw new StoryError(`${this.#words.join(' ')}: not understood`);
  }
}
