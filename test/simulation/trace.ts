/** The story of a run: its last lines for a person, its hash to prove that a seed tells one story only. */
export class Trace {
  readonly #kept: string[] = [];
  readonly #keep: number;
  readonly #print: ((line: string) => void) | undefined;
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;

  constructor({
    keep,
    print,
  }: { readonly keep: number; readonly print: ((line: string) => void) | undefined }) {
    this.#keep = keep;
    this.#print = print;
  }

  note(at: number, who: string, what: string): void {
    const line = `${at} ${who} ${what}`;
    this.#fold(line);
    this.#kept.push(line);
    if (this.#kept.length > 2 * this.#keep) this.#kept.splice(0, this.#kept.length - this.#keep);
    this.#print?.(line);
  }

  /** 64 bits over every line so far. */
  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  get tail(): readonly string[] {
    return this.#kept.slice(-this.#keep);
  }

  #fold(line: string): void {
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at);
      this.#low = Math.imul(this.#low ^ code, 0x01000193);
      this.#high = Math.imul(this.#high ^ code, 0x85ebca6b) ^ (this.#low >>> 13);
    }
  }
}
