import type { NodeId } from '../../src/protocol/ids.ts';

/** Merges neighbours that did the same: `n2, n3 committed 4`. */
export class Narrator {
  readonly #told: { readonly subjects: NodeId[] | undefined; readonly text: string }[] = [];

  /** A sentence whose subject is a node. */
  tell(subject: NodeId, deed: string): void {
    const last = this.#told.at(-1);
    if (last?.subjects !== undefined && last.text === deed && !last.subjects.includes(subject)) {
      last.subjects.push(subject);
    } else this.#told.push({ subjects: [subject], text: deed });
  }

  /** A line of its own. */
  note(line: string): void {
    this.#told.push({ subjects: undefined, text: line });
  }

  /** Everything since the last time. */
  take(): readonly string[] {
    return this.#told
      .splice(0)
      .map(({ subjects, text }) => (subjects === undefined ? text : `${subjects.join(', ')} ${text}`));
  }
}
