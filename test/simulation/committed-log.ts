import { decodeConfiguration } from '../../src/protocol/configuration-codec.ts';
import type { Entry } from '../../src/protocol/entry.ts';
import type { LogIndex, NodeId, Term } from '../../src/protocol/ids.ts';
import { type Configuration, isJoint, type LogPosition, majority } from '../../src/protocol/state.ts';
import type { InvariantsOptions, NodeView } from './invariants.ts';
import { Violation } from './violation.ts';

interface Committed {
  readonly entry: Entry;
  /** Term of the node that was first seen to commit it. */
  readonly commitTerm: Term;
  /** What the first state machine to apply it made of it. */
  result: string | undefined;
  /** What the state came to with it. */
  digest: string | undefined;
}

/** The one history of the swarm, as its nodes reveal it. */
export class CommittedLog {
  readonly #options: InvariantsOptions;
  readonly #committed: Committed[] = [];
  /** The latest that is committed. */
  #configuration: Configuration;

  constructor(options: InvariantsOptions) {
    this.#options = options;
    this.#configuration = options.bootstrap;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get lastIndex(): number {
    return this.#committed.length;
  }

  /** The node, being in `term`, takes `entry` for committed. */
  admit({ id, configurations }: NodeView, term: Term, entry: Entry): void {
    const known = this.#committed[entry.index - 1];
    if (known === undefined) {
      this.#checkDurable(id, entry, [configurations.latest, configurations.at(entry.index)]);
      this.#committed.push({ entry, commitTerm: term, result: undefined, digest: undefined });
      if (entry.kind === 'config') this.#change(entry);
      this.#options.onCommitted(entry);
    } else if (known.entry.term !== entry.term) {
      throw new Violation(
        'State Machine Safety',
        `${id} committed entry ${entry.index} of term ${entry.term}, elsewhere it is of term ${known.entry.term}`,
      );
    }
  }

  /** Nodes hold what they do not show: everything up to there, which must be committed. */
  checkPosition(id: NodeId, { index, term }: LogPosition): void {
    const known = this.#committed[index - 1];
    if (known?.entry.term === term) return;
    throw new Violation(
      'State Machine Safety',
      `${id} begins behind ${index} of term ${term}, which is not committed`,
    );
  }

  /** The state of node `id` is what it was elsewhere at `index`. */
  checkDigest(id: NodeId, index: LogIndex, digest: string): void {
    const known = this.#committed[index - 1];
    if (known !== undefined) known.digest ??= digest;
    if (known?.digest === digest) return;
    throw new Violation(
      'Equal states',
      `${id} came to ${digest} at ${index}, elsewhere it was ${known?.digest}`,
    );
  }

  /** Node `id` was elected in `term`: it must hold all that was committed in earlier ones. §5.4 */
  checkCompleteness(id: NodeId, term: Term, log: NodeView['log']): void {
    // A leader elected late, by votes given before a newer term began, need not hold what that committed.
    const last = this.#committed.findLast(({ commitTerm }) => commitTerm <= term)?.entry;
    if (last === undefined || last.index < log.base.index || log.termAt(last.index) === last.term) return;
    throw new Violation(
      'Leader Completeness',
      `${id} leads term ${term} without committed entry ${last.index} of term ${last.term}`,
    );
  }

  /** Node `id` was elected in `term`: no crash may make a majority forget that it voted for it. */
  checkElection(id: NodeId, term: Term, config: Configuration): void {
    const isBound = (voter: NodeId): boolean => {
      const { hardState } = this.#options.durable(voter);
      return hardState.term > term || (hardState.term === term && hardState.votedFor === id);
    };
    if (isQuorum(config, isBound)) return;
    throw new Violation(
      'Durable votes',
      `${id} leads term ${term} without a majority of disks that voted so`,
    );
  }

  onApplied(id: NodeId, entry: Entry, result: string, digest: string): void {
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
    this.checkDigest(id, entry.index, digest);
  }

  /** By the configuration of the entry or, while another is on its way, by that. */
  #checkDurable(id: NodeId, entry: Entry, configs: readonly Configuration[]): void {
    const holds = (voter: NodeId): boolean => {
      const { base, termAt } = this.#options.durable(voter);
      return base.index > entry.index || termAt(entry.index) === entry.term;
    };
    if (configs.some((config) => isQuorum(config, holds))) return;
    throw new Violation(
      'Committed is durable',
      `${id} committed entry ${entry.index}, which is not on the disks of a majority`,
    );
  }

  #change(entry: Entry): void {
    const next = decodeConfiguration(entry.data);
    const before = this.#configuration;
    this.#configuration = next;
    if (isSafeStep(before, next)) return;
    const text = JSON.stringify([before, next]);
    throw new Violation(
      'Overlapping quorums',
      `entry ${entry.index} goes from one to another at once: ${text}`,
    );
  }
}

function isQuorum({ voters, votersOutgoing }: Configuration, holds: (id: NodeId) => boolean): boolean {
  return [voters, votersOutgoing].every(
    (half) => half.length === 0 || half.filter(holds).length >= majority(half.length),
  );
}

/** One voter comes or goes, or a joint phase begins with the voters before, or ends with those after. §6 */
function isSafeStep(before: Configuration, next: Configuration): boolean {
  if (isJoint(before)) return !isJoint(next) && isSame(before.voters, next.voters);
  if (isJoint(next)) return isSame(before.voters, next.votersOutgoing);
  const moved = [
    ...before.voters.filter((id) => !next.voters.includes(id)),
    ...next.voters.filter((id) => !before.voters.includes(id)),
  ];
  return moved.length <= 1;
}

function isSame(left: readonly NodeId[], right: readonly NodeId[]): boolean {
  return left.length === right.length && left.every((id) => right.includes(id));
}
