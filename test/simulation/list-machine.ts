import type { StateMachine } from '../../src/node/port.ts';
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
  readonly #lists = new Map<string, Values>();

  apply(entry: Entry): Values {
    const { key, id } = decodeAppend(entry.data);
    const list = [...this.read(key), id];
    this.#lists.set(key, list);
    return list;
  }

  read(key: string): Values {
    return this.#lists.get(key) ?? [];
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
