import type { Entry } from '../../src/protocol/entry.ts';
import type { NodeId, Term } from '../../src/protocol/ids.ts';
import { majority } from '../../src/protocol/state.ts';
import type { InvariantsOptions, NodeView } from './invariants.ts';
import { Violation } from './violation.ts';

interface Committed {
  readonly entry: Entry;
  /** Term of the node that was first seen to commit it. */
  readonly commitTerm: Term;
  /** What the first state machine to apply it made of it. */
  result: string | undefined;
}

/** The one history of the swarm, as its nodes reveal it. */
export class CommittedLog {
  readonly #options: InvariantsOptions;
  readonly #committed: Committed[] = [];

  constructor(options: InvariantsOptions) {
    this.#options = options;
  }

  get lastIndex(): number {
    return this.#committed.length;
  }

  /** Node `id`, being in `term`, takes `entry` for committed. */
  admit(id: NodeId, term: Term, entry: Entry): void {
    const known = this.#committed[entry.index - 1];
    if (known === undefined) {
      this.#checkDurable(id, entry);
      this.#committed.push({ entry, commitTerm: term, result: undefined });
      this.#options.onCommitted(entry);
    } else if (known.entry.term !== entry.term) {
      throw new Violation(
        'State Machine Safety',
        `${id} committed entry ${entry.index} of term ${entry.term}, elsewhere it is of term ${known.entry.term}`,
      );
    }
  }

  /** Node `id` was elected in `term`: it must hold all that was committed in earlier ones. §5.4 */
  checkCompleteness(id: NodeId, term: Term, log: NodeView['log']): void {
    // A leader elected late, by votes given before a newer term began, need not hold what that committed.
    const last = this.#committed.findLast(({ commitTerm }) => commitTerm <= term)?.entry;
    if (last === undefined || log.termAt(last.index) === last.term) return;
    throw new Violation(
      'Leader Completeness',
      `${id} leads term ${term} without committed entry ${last.index} of term ${last.term}`,
    );
  }

  /** Node `id` was elected in `term`: no crash may make a majority forget that it voted for it. */
  checkElection(id: NodeId, term: Term): void {
    const { voters, durable } = this.#options;
    const bound = voters.filter((voter) => {
      const { hardState } = durable(voter);
      return hardState.term > term || (hardState.term === term && hardState.votedFor === id);
    });
    if (bound.length >= majority(voters.length)) return;
    throw new Violation(
      'Durable votes',
      `${id} leads term ${term} by the disks of ${bound.length} of ${voters.length}`,
    );
  }

  onApplied(id: NodeId, entry: Entry, result: string): void {
    const known = this.#committed[entry.index - 1];
    if (known === undefined) {
      throw new Violation(
        'State Machine Safety',
        `${id} applied entry ${entry.index}, which nobody committed`,
      );
    }
    if (known.entry.term !== entry.term) {
      throw new Violation('State Machine Safety', `${id} applied another entry at ${entry.index}`);
    }
    known.result ??= result;
    if (known.result !== result) {
      throw new Violation(
        'State Machine Safety',
        `${id} made [${result}] of entry ${entry.index}, another node [${known.result}]`,
      );
    }
  }

  #checkDurable(id: NodeId, entry: Entry): void {
    const { voters, durable } = this.#options;
    const holders = voters.filter((voter) => durable(voter).termAt(entry.index) === entry.term);
    if (holders.length >= majority(voters.length)) return;
    throw new Violation(
      'Committed is durable',
      `${id} committed entry ${entry.index}, which is on the disks of ${holders.length} of ${voters.length}`,
    );
  }
}
