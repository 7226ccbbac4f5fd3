import type { Restoration, StateMachine } from '../../src/node/port.ts';
import type { Entry } from '../../src/protocol/entry.ts';
import { invariant } from '../../src/protocol/invariant.ts';
import { isLinearizable, type Model, type Operation, partition } from './linearizability.ts';

export type Values = readonly number[];

/** Adds `id`, which no other command carries, to the list named `key`. */
export interface Append {
  readonly key: string;
  readonly id: number;
}

/**
 * Lists that only grow. Each answer shows the whole list, and each value is unique: the history of
 * a run is then its own proof, and cheap to check.
 */
export class ListMachine implements StateMachine<Values> {
  #lists = new Map<string, Values>();
  #digest = 0;

  /** Of everything that was ever appended, in order. */
  get digest(): string {
    return this.#digest.toString(16);
  }

  apply(entry: Entry): Values {
    const { key, id } = decodeAppend(entry.data);
    const list = [...this.read(key), id];
    this.#lists.set(key, list);
    for (const byte of entry.data) this.#digest = Math.imul(this.#digest ^ byte, 0x01000193) >>> 0;
    return list;
  }

  read(key: string): Values {
    return this.#lists.get(key) ?? [];
  }

  /** One list a piece, and the digest before them; the lists themselves are never changed in place. */
  capture(): Iterator<Uint8Array> {
    return [this.#digest, ...this.#lists].map((part) => Buffer.from(JSON.stringify(part))).values();
  }

  restore(): Restoration {
    const lists = new Map<string, Values>();
    let digest = 0;
    return {
      add(piece) {
        const part = JSON.parse(Buffer.from(piece).toString()) as number | [string, Values];
        if (typeof part === 'number') digest = part;
        else lists.set(...part);
      },
      finish: () => {
        this.#lists = lists;
        this.#digest = digest;
      },
    };
  }
}

export function encodeAppend({ key, id }: Append): Uint8Array {
  return Buffer.from(`${key} ${id}`);
}

export function decodeAppend(data: Uint8Array): Append {
  const [key, id] = Buffer.from(data).toString().split(' ');
  invariant(key !== undefined && id !== undefined, 'every command of a simulation is an append');
  return { key, id: Number(id) };
}

export type ListInput =
  | { readonly kind: 'append'; readonly key: string; readonly id: number }
  | { readonly kind: 'read'; readonly key: string };

export type ListOperation = Operation<ListInput, Values>;

/** Why the clients' view of the lists has no explanation; undefined when it has one. */
export function explainHistory(operations: readonly ListOperation[]): string | undefined {
  for (const [key, part] of partition(operations)) {
    const longest = part.reduce<Values>(
      (best, { output }) => (output !== undefined && output.length > best.length ? output : best),
      [],
    );
    const stray = part.find(({ output }) => output?.some((id, at) => id !== longest[at]));
    if (stray !== undefined) {
      return `list ${key}: one client saw [${stray.output}], another [${longest}]: neither begins the other`;
    }
    if (!isLinearizable(growing(longest), part)) {
      return `list ${key} ended as [${longest}], but its ${part.length} operations have no order that fits their times`;
    }
  }
  return undefined;
}

/**
 * One list that is known to grow into `longest`, so that its length is its whole state. An append
 * without an answer whose value nobody ever saw can be left out: nothing that was answered follows it.
 */
function growing(longest: Values): Model<number, ListInput, Values> {
  return {
    initial: 0,
    isRead: ({ kind }) => kind === 'read',
    step(length, input, output) {
      if (input.kind === 'read') return output === undefined || output.length === length ? length : undefined;
      if (longest[length] !== input.id) return undefined;
      return output === undefined || output.length === length + 1 ? length + 1 : undefined;
    },
  };
}
