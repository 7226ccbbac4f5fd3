import fc from 'fast-check';
import type { Json } from '../../../src/siblings/crdt-synchronizer/data-type.ts';
import { Library } from '../../../src/siblings/crdt-synchronizer/library.ts';
import type { Operation } from '../../../src/siblings/crdt-synchronizer/operation.ts';

type Update = readonly [name: string, update: Uint8Array];

/** One replica of all documents, without network and disk. What it has written is in `updates`. */
export class Replica {
  readonly library: Library;
  readonly updates: Update[] = [];
  readonly #wall: { ms: number };

  constructor(client: number, wallMs = 1_000) {
    this.#wall = { ms: wallMs };
    this.library = new Library({
      onUpdate: (name, update, origin) => {
        if (origin === 'here') this.updates.push([name, update]);
      },
    });
    this.library.takeUp({ actor: `n${client}:x`, client, wallMs: () => this.#wall.ms });
  }

  /** False when it was refused: that it was is no matter of convergence. */
  try(wish: Operation): boolean {
    this.#wall.ms += 1;
    try {
      this.library.mutate(wish);
      return true;
    } catch {
      return false;
    }
  }

  take(updates: readonly Update[]): void {
    for (const [name, update] of updates) this.library.apply(name, update);
  }

  /** What it lacks of `other`, as two instances find out. */
  pull(other: Replica): void {
    for (const name of other.library.names) {
      const vector = this.library.find(name)?.stateVector;
      const update = other.library.find(name)?.updateSince(vector ?? new Uint8Array([0]));
      if (update !== undefined) this.library.apply(name, update);
    }
  }

  read(path: string): Json | undefined {
    const [name = '', ...fields] = path.split('/');
    return this.library.find(name)?.peek(fields);
  }

  /** Everything that a reader can see, and what decides whether two are the same. */
  get all(): Json {
    return this.library.names.map((name) => [
      name,
      this.read(name) ?? null,
      this.library.find(name)?.digest ?? '',
    ]);
  }
}

/** Until nobody lacks anything. */
export function heal(replicas: readonly Replica[]): void {
  for (let round = 0; round < 2; round += 1) {
    for (const one of replicas) for (const other of replicas) if (one !== other) one.pull(other);
  }
}

const small = fc.oneof(
  fc.constantFrom<Json>('a', 'b', 'c', 1, null, true),
  fc.record({ k: fc.nat(2) }, { noNullPrototype: true }),
);
const by = fc.integer({ min: -5, max: 9 }).filter((amount) => amount !== 0);

/** Operations on a handful of places, so that they meet. */
export const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    op: fc.constant('inc' as const),
    path: fc.constantFrom('grow'),
    by: fc.integer({ min: 1, max: 9 }),
    type: fc.constant('g-counter' as const),
  }),
  fc.record({
    op: fc.constant('inc' as const),
    path: fc.constantFrom('count', 'board/count', 'board/deep/count'),
    by,
  }),
  fc.record({
    op: fc.constant('set' as const),
    path: fc.constantFrom('reg', 'board/owner', 'board/deep/reg'),
    value: small,
  }),
  fc.record({
    op: fc.constant('add' as const),
    path: fc.constantFrom('set', 'board/tags', 'board/deep/set'),
    value: small,
  }),
  fc.record({
    op: fc.constant('remove' as const),
    path: fc.constantFrom('set', 'board/tags', 'board/deep/set'),
    value: small,
  }),
  fc.record({
    op: fc.constant('insert' as const),
    path: fc.constantFrom('list', 'board/notes', 'board/deep/more/list'),
    values: fc.array(small, { minLength: 1, maxLength: 3 }),
    at: fc.integer({ min: -2, max: 3 }),
  }),
  fc.record({
    op: fc.constant('insert' as const),
    path: fc.constantFrom('text', 'board/text', 'board/deep/text'),
    values: fc.string({ minLength: 1, maxLength: 4 }),
    at: fc.integer({ min: -2, max: 3 }),
  }),
  fc.record({
    op: fc.constant('cut' as const),
    path: fc.constantFrom(
      'list',
      'text',
      'board/notes',
      'board/text',
      'board/deep/more/list',
      'board/deep/text',
    ),
    at: fc.nat(3),
    count: fc.integer({ min: 1, max: 2 }),
  }),
  fc.record({
    op: fc.constant('clear' as const),
    path: fc.constantFrom(
      'count',
      'set',
      'reg',
      'list',
      'text',
      'board',
      'board/tags',
      'board/deep',
      'board/deep/more',
    ),
  }),
  // Two types for one name: whoever makes it first where he is.
  fc.record({
    op: fc.constant('create' as const),
    path: fc.constantFrom('clash', 'board/clash'),
    type: fc.constantFrom('or-set' as const, 'pn-counter' as const, 'rga-text' as const),
  }),
  fc.record({ op: fc.constant('add' as const), path: fc.constantFrom('clash', 'board/clash'), value: small }),
  fc.record({ op: fc.constant('inc' as const), path: fc.constantFrom('clash', 'board/clash'), by }),
);
