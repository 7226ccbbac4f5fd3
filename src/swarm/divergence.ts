import type { NodeId } from '../protocol/ids.ts';
import { type Configuration, majority } from '../protocol/state.ts';

/** What one member has come to at one index; null where it has nothing to say. */
export interface Testimony {
  readonly id: NodeId;
  /** Of everything that the state machine has done. */
  readonly stateHash: string | null;
  /** SHA-256 of the whole state. */
  readonly digest: string | null;
  /** SHA-256 of the last entries up to the index. */
  readonly logHash: string | null;
}

export interface Divergent {
  readonly id: NodeId;
  readonly what: keyof Omit<Testimony, 'id'>;
  readonly has: string;
  /** What the majority has. */
  readonly right: string;
}

/**
 * - `agreed`: everybody who has something to say says the same.
 * - `divergent`: these say something else than a majority of the voters.
 * - `split`: they differ, and nobody can tell who is right.
 */
export type Agreement =
  | { readonly kind: 'agreed' }
  | { readonly kind: 'divergent'; readonly members: readonly Divergent[] }
  | {
      readonly kind: 'split';
      readonly what: Divergent['what'];
      readonly words: Words;
    };

const ASPECTS = ['stateHash', 'digest', 'logHash'] as const satisfies readonly Divergent['what'][];

/**
 * Who differs from the others. Whoever is found to be divergent may be stopped without harm: a majority of all voters,
 * of both halves while the configuration is joint, has said that it holds something else, and goes on. Those who
 * are down say nothing, and count against it. So do learners: a voter that is alone against them proves nothing.
 */
export function findDivergence(
  testimonies: readonly Testimony[],
  { voters, votersOutgoing }: Pick<Configuration, 'voters' | 'votersOutgoing'>,
): Agreement {
  const halves = [voters, votersOutgoing].filter((half) => half.length > 0);
  const found = new Map<NodeId, Divergent>();
  for (const what of ASPECTS) {
    const words = wordsOn(what, testimonies);
    const right = rightOf(words, halves);
    if (right === undefined) return { kind: 'split', what, words };
    for (const one of othersThan(right, words)) {
      if (!found.has(one.id)) found.set(one.id, { ...one, what, right });
    }
  }
  return found.size === 0 ? { kind: 'agreed' } : { kind: 'divergent', members: [...found.values()] };
}

type Words = ReadonlyMap<string, readonly NodeId[]>;

/** What most say; whatever is said where nobody says anything else. Undefined when nobody can tell. */
function rightOf(words: Words, halves: readonly (readonly NodeId[])[]): string | undefined {
  if (words.size < 2) return [...words.keys()][0] ?? '';
  const heard = [...words.values()].flat().length;
  const isRight = (ids: readonly NodeId[]): boolean =>
    ids.length >= majority(heard) && halves.every((half) => hasMajority(half, ids));
  return [...words].find(([, ids]) => isRight(ids))?.[0];
}

function othersThan(right: string, words: Words): readonly Pick<Divergent, 'id' | 'has'>[] {
  const others = [...words].filter(([has]) => has !== right);
  return others.flatMap(([has, ids]) => ids.map((id) => ({ id, has })));
}

function wordsOn(what: Divergent['what'], testimonies: readonly Testimony[]): Map<string, NodeId[]> {
  const words = new Map<string, NodeId[]>();
  for (const testimony of testimonies) {
    const word = testimony[what];
    if (word !== null) words.set(word, [...(words.get(word) ?? []), testimony.id]);
  }
  return words;
}

function hasMajority(half: readonly NodeId[], ids: readonly NodeId[]): boolean {
  return half.filter((id) => ids.includes(id)).length >= majority(half.length);
}
