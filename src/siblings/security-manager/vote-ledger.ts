import type { NodeId, Term } from '../../protocol/ids.ts';
import { MAX_BALLOT_TERMS } from '../../protocol/limits.ts';
import type { Ballot } from '../../protocol/misconduct.ts';

/** A ballot, and who says so. */
export interface Testimony extends Ballot {
  readonly witness: NodeId;
}

/** Two votes of one node in one term: no node that keeps what it has promised gives them. */
export interface TwoVotes {
  readonly term: Term;
  readonly voter: NodeId;
  readonly first: Omit<Testimony, 'term' | 'voter'>;
  readonly second: Omit<Testimony, 'term' | 'voter'>;
}

type Votes = Map<NodeId, readonly Omit<Testimony, 'term' | 'voter'>[]>;

/** Who voted for whom in the latest terms, as far as anybody has told. */
export class VoteLedger {
  readonly #terms = new Map<Term, Votes>();

  /** The contradiction that comes to light with it, once for each pair of candidates. */
  note({ term, voter, candidate, witness }: Testimony): TwoVotes | undefined {
    const votes = this.#votesOf(term);
    const known = votes.get(voter) ?? [];
    if (known.some((vote) => vote.candidate === candidate)) return undefined;
    const latest = { candidate, witness };
    votes.set(voter, [...known, latest]);
    const [first] = known;
    return first === undefined ? undefined : { term, voter, first, second: latest };
  }

  get ballots(): readonly Ballot[] {
    return [...this.#terms].flatMap(([term, votes]) =>
      [...votes].flatMap(([voter, all]) => all.map(({ candidate }): Ballot => ({ term, voter, candidate }))),
    );
  }

  #votesOf(term: Term): Votes {
    const known = this.#terms.get(term);
    if (known !== undefined) return known;
    const votes: Votes = new Map();
    this.#terms.set(term, votes);
    if (this.#terms.size > MAX_BALLOT_TERMS) this.#terms.delete(Math.min(...this.#terms.keys()) as Term);
    return votes;
  }
}
