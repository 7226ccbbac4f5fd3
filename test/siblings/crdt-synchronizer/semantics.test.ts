import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyUpdate, Doc, encodeStateAsUpdate } from 'yjs';
import { parseOperations, parsePath } from '../../../src/siblings/crdt-synchronizer/operation.ts';
import { heal, Replica } from './replicas.ts';

const inc = (path: string, by = 1) => ({ op: 'inc', path, by }) as const;
const add = (path: string, value: string) => ({ op: 'add', path, value }) as const;
const remove = (path: string, value: string) => ({ op: 'remove', path, value }) as const;
const set = (path: string, value: string) => ({ op: 'set', path, value }) as const;
const clear = (path: string) => ({ op: 'clear', path }) as const;

/** Several that know the same, and nothing of each other from then on. */
function apart(count: number, before: (first: Replica) => void = () => undefined): readonly Replica[] {
  // Later ones have clocks that are behind.
  const replicas = Array.from(
    { length: count },
    (_, index) => new Replica(index + 1, 100_000 - 10_000 * index),
  );
  const [first] = replicas;
  if (first !== undefined) before(first);
  heal(replicas);
  return replicas;
}

function pair(before?: (first: Replica) => void): readonly [Replica, Replica] {
  const [one, other] = apart(2, before);
  if (one === undefined || other === undefined) throw new Error('two were asked for');
  return [one, other];
}

describe('a counter', () => {
  test('has the sum of all that anybody counted, once', () => {
    const amount = fc.integer({ min: -1_000, max: 1_000 }).filter((by) => by !== 0);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), amount), { maxLength: 50 }), (counted) => {
        const replicas = apart(4);
        for (const [at, by] of counted) replicas[at]?.try(inc('count', by));
        heal(replicas);
        heal(replicas);
        const sum = counted.reduce((total, [, by]) => total + by, 0);
        for (const replica of replicas) expect(replica.read('count') ?? 0).toBe(sum);
      }),
    );
  });

  test('that is cleared loses what was seen, and not what is counted at the same time', () => {
    const [one, other] = pair((first) => first.try(inc('count', 5)));
    one.try(clear('count'));
    other.try(inc('count', 2));
    heal([one, other]);
    expect([one.read('count'), other.read('count')]).toEqual([2, 2]);
  });

  test('only grows if it is a g-counter', () => {
    const one = new Replica(1);
    one.try({ ...inc('grow', 3), type: 'g-counter' });
    expect(() => one.library.mutate(inc('grow', -1))).toThrow('a g-counter only grows');
    expect(one.read('grow')).toBe(3);
  });
});

/** An observed-remove set as it is defined: tags that were seen, and those of them that were removed. */
class SetByDefinition {
  readonly #seen = new Map<number, string>();
  readonly #gone = new Set<number>();

  add(tag: number, value: string): void {
    this.#seen.set(tag, value);
  }

  remove(value: string): void {
    for (const [tag, one] of this.#seen) if (one === value) this.#gone.add(tag);
  }

  meet(other: SetByDefinition): void {
    for (const [tag, value] of other.#seen) this.#seen.set(tag, value);
    for (const tag of other.#gone) this.#gone.add(tag);
  }

  get values(): readonly string[] {
    const live = [...this.#seen].filter(([tag]) => !this.#gone.has(tag));
    return [...new Set(live.map(([, value]) => value))].sort();
  }
}

interface Wish {
  readonly at: number;
  readonly kind: 'add' | 'remove' | 'meet';
  readonly value: string;
  readonly with: number;
}

function carryOut(
  { at, kind, value, with: other }: Wish,
  tag: number,
  replicas: readonly Replica[],
  models: readonly SetByDefinition[],
): void {
  const [replica, model, from, source] = [replicas[at], models[at], replicas[other], models[other]];
  if (kind === 'add') {
    replica?.try(add('set', value));
    model?.add(tag, value);
  } else if (kind === 'remove') {
    replica?.try(remove('set', value));
    model?.remove(value);
  } else if (from !== undefined && source !== undefined && other !== at) {
    replica?.pull(from);
    model?.meet(source);
  }
}

describe('a set', () => {
  test('keeps what one adds while another removes it', () => {
    const [one, other] = pair((first) => first.try(add('set', 'x')));
    one.try(remove('set', 'x'));
    other.try(add('set', 'x'));
    heal([one, other]);
    expect([one.read('set'), other.read('set')]).toEqual([['x'], ['x']]);
  });

  test('is what the additions say that nobody has seen and removed', () => {
    const wish = fc.record({
      at: fc.nat(3),
      kind: fc.constantFrom('add' as const, 'remove' as const, 'meet' as const),
      value: fc.constantFrom('x', 'y'),
      with: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 40 }), (wishes) => {
        const replicas = apart(4);
        const models = replicas.map(() => new SetByDefinition());
        for (const [tag, one] of wishes.entries()) {
          carryOut(one, tag, replicas, models);
        }
        for (const [index, replica] of replicas.entries()) {
          expect(replica.read('set') ?? []).toEqual(models[index]?.values);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a register', () => {
  test('has what was written last by whoever had read what was there, however wrong the clock', () => {
    const [one, other] = pair((first) => first.try(set('reg', 'early')));
    // Its clock is ten seconds behind.
    other.try(set('reg', 'late'));
    heal([one, other]);
    expect([one.read('reg'), other.read('reg')]).toEqual(['late', 'late']);
  });

  test('has of two that did not know each other the one with the later clock, everywhere', () => {
    const [one, other] = pair();
    other.try(set('reg', 'behind'));
    one.try(set('reg', 'ahead'));
    heal([one, other]);
    expect([one.read('reg'), other.read('reg')]).toEqual(['ahead', 'ahead']);
  });

  test('decides by the writer where two clocks are equal', () => {
    const replicas = [new Replica(1, 500), new Replica(2, 500), new Replica(3, 500)];
    for (const [index, replica] of replicas.entries()) replica.try(set('reg', `by ${index + 1}`));
    heal(replicas);
    for (const replica of replicas) expect(replica.read('reg')).toBe('by 3');
  });
});

describe('a map', () => {
  test('keeps both halves of what two put into a field that neither had', () => {
    const [one, other] = pair();
    one.try(inc('board/hits', 2));
    one.try(add('board/tags', 'x'));
    other.try(inc('board/hits', 3));
    other.try(add('board/tags', 'y'));
    heal([one, other]);
    const both = { hits: 5, tags: ['x', 'y'] };
    expect([one.read('board'), other.read('board')]).toEqual([both, both]);
  });

  test('keeps a field that is changed while another clears it: with what was changed alone', () => {
    const [one, other] = pair((first) => {
      first.try(add('board/tags', 'old'));
      first.try(inc('board/deep/hits', 7));
    });
    one.try(clear('board'));
    other.try(add('board/tags', 'new'));
    heal([one, other]);
    expect([one.read('board'), other.read('board')]).toEqual([{ tags: ['new'] }, { tags: ['new'] }]);
  });

  test('is as deep as it may be, and its fields are called as people call them', () => {
    const one = new Replica(1);
    one.library.mutate(set('d/a/b/c/__proto__', 'x'));
    expect(JSON.stringify(one.read('d'))).toBe('{"a":{"b":{"c":{"__proto__":"x"}}}}');
    expect(() => parsePath('d/a/b/c/d/e')).toThrow('4 is the most');
    expect(() => parsePath('d//b')).toThrow('names no field');
    expect(() => parsePath('/etc')).toThrow('names no document');
  });
});

describe('a sequence', () => {
  test('does not mix what two type at one place, and loses none of it', () => {
    const [one, other] = pair((first) => first.try({ op: 'insert', path: 'text', values: '[]' }));
    for (const [at, letter] of [...'abc'].entries())
      one.try({ op: 'insert', path: 'text', values: letter, at: 1 + at });
    for (const [at, letter] of [...'xyz'].entries())
      other.try({ op: 'insert', path: 'text', values: letter, at: 1 + at });
    heal([one, other]);
    expect(one.read('text')).toBe(other.read('text'));
    expect(['[abcxyz]', '[xyzabc]']).toContain(one.read('text'));
  });

  test('loses what either takes out, once', () => {
    const [one, other] = pair((first) => first.try({ op: 'insert', path: 'list', values: [1, 2, 3, 4] }));
    one.try({ op: 'cut', path: 'list', at: 0, count: 2 });
    other.try({ op: 'cut', path: 'list', at: 1, count: 2 });
    heal([one, other]);
    expect([one.read('list'), other.read('list')]).toEqual([[4], [4]]);
  });
});

describe('a type', () => {
  test('is the same everywhere when two give one name two at once, and the other is not lost', () => {
    const [one, other] = pair();
    one.try(inc('clash', 3));
    other.try(add('clash', 'x'));
    heal([one, other]);
    for (const { library } of [one, other]) {
      expect(library.read('clash')).toEqual({ type: 'or-set', value: ['x'], hidden: ['pn-counter'] });
    }
    expect(() => one.library.mutate(inc('clash'))).toThrow(
      'clash is of type or-set; "inc" is for pn-counter',
    );
  });

  test('is not changed by what is written later', () => {
    const one = new Replica(1);
    one.library.mutate(add('set', 'x'));
    expect(() => one.library.mutate({ op: 'create', path: 'set', type: 'rga-list' })).toThrow(
      'no type becomes another',
    );
    expect(() => one.library.mutate(set('set/field', 'y'))).toThrow('only an or-map has fields');
    expect(one.library.read('set').value).toEqual(['x']);
  });
});

describe('bounds', () => {
  test.each([
    { why: 'a value that is no JSON', given: [{ op: 'set', path: 'a', value: () => 1 }] },
    { why: 'a value that is too long', given: [{ op: 'set', path: 'a', value: 'x'.repeat(20_000) }] },
    {
      why: 'a value that is too deep',
      given: [{ op: 'set', path: 'a', value: JSON.parse('['.repeat(17) + ']'.repeat(17)) }],
    },
    { why: 'to count by nothing', given: [inc('a', 0)] },
    { why: 'to count by a half', given: [inc('a', 0.5)] },
    { why: 'an unknown operation', given: [{ op: 'drop', path: 'a' }] },
    { why: 'a field that is not known', given: [{ ...inc('a'), force: true }] },
    { why: 'nothing', given: [] },
    { why: 'too much at once', given: Array.from({ length: 1_001 }, () => inc('a')) },
  ])('refuse $why', ({ given }) => {
    expect(() => parseOperations(given)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });

  test('refuse one more document, field or element than there may be, and change nothing', () => {
    const one = new Replica(1);
    for (let number = 0; number < 1_000; number += 1) one.library.mutate(inc(`doc-${number}`));
    const before = one.library.root;
    expect(() => one.library.mutate(inc('one-more'))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
    const fields = new Replica(2);
    for (let number = 0; number < 999; number += 1) fields.library.mutate(inc(`map/f${number}`));
    expect(() => fields.library.mutate(inc('map/more'))).toThrow('at most 1000 fields');
    expect(one.library.root).toBe(before);
  });

  test('refuse to let a document grow beyond its bytes, and let it shrink', () => {
    const one = new Replica(1);
    const lot = 'x'.repeat(100_000);
    const grow = (): void => {
      for (let number = 0; number < 10; number += 1)
        one.library.mutate({ op: 'insert', path: `map/t${number % 5}`, values: lot });
    };
    expect(() => {
      for (let round = 0; round < 5; round += 1) grow();
    }).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    one.library.mutate(clear('map/t0'));
    one.library.mutate(inc('map/hits'));
  });

  test('refuse one operation that alone is larger than a document: the others would never take it in', () => {
    const one = new Replica(1);
    const values = Array.from({ length: 200 }, () => 'ü'.repeat(16_000));
    const refused = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });
    expect(() => one.library.mutate({ op: 'insert', path: 'list', values })).toThrow(refused);
    expect(one.library.names).toEqual([]);
    one.library.mutate({ op: 'insert', path: 'list', values: values.slice(0, 50) });
    expect(() => one.library.mutate({ op: 'insert', path: 'list', values })).toThrow(refused);
  });

  test('take in again what they have, however large they are', () => {
    const [one, other, third] = [new Replica(1), new Replica(2), new Replica(3)];
    for (const replica of [one, other, third]) {
      const fill = (): boolean =>
        replica.try({ op: 'insert', path: 'big', values: ['x'.repeat(16_000), 'y'.repeat(16_000)] });
      while (fill()) expect(replica.library.names).toEqual(['big']);
    }
    for (const replica of [other, third]) one.pull(replica);
    const whole = one.library.find('big')?.updateSince() ?? new Uint8Array(0);
    expect(whole.length).toBeGreaterThan(5_900_000);
    const { root } = one.library;
    one.library.apply('big', whole);
    expect(one.library.root).toBe(root);
  });
});

/** Recipes that look right. Each loses something, and the properties above would tell. */
describe('a recipe that is broken', () => {
  function exchange(one: Doc, other: Doc): void {
    applyUpdate(other, encodeStateAsUpdate(one));
    applyUpdate(one, encodeStateAsUpdate(other));
  }

  test('a counter in one cell loses what others count', () => {
    const [one, other] = [new Doc(), new Doc()];
    one.getMap<number>('c').set('n', 1);
    other.getMap<number>('c').set('n', 1);
    exchange(one, other);
    expect(one.getMap('c').get('n')).not.toBe(2);
  });

  test('a set that is keyed by its elements loses an addition that another has not seen', () => {
    const [one, other, third] = [1, 2, 3].map((client) => {
      const doc = new Doc();
      doc.clientID = client;
      return doc;
    }) as [Doc, Doc, Doc];
    // Two add it at once; the third sees the one that wins between them, and removes that alone.
    one.getMap('s').set('x', 1);
    other.getMap('s').set('x', 1);
    applyUpdate(third, encodeStateAsUpdate(other));
    third.getMap('s').delete('x');
    applyUpdate(third, encodeStateAsUpdate(one));
    expect(third.getMap('s').has('x')).toBe(false);
  });

  test('a field that is a nested shared type loses one of two that were made at once', () => {
    const [one, other] = [new Doc(), new Doc()];
    for (const [index, doc] of [one, other].entries()) {
      const inner = new Doc().getMap<number>('x').clone();
      doc.getMap('m').set('f', inner);
      inner.set(`from ${index}`, 1);
    }
    exchange(one, other);
    expect(Object.keys(one.getMap('m').toJSON().f as object)).toHaveLength(1);
  });
});
