import type { Entry } from '../../src/protocol/entry.ts';
import type { LogIndex, NodeId, Term } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import { CommittedLog } from './committed-log.ts';
import type { DurableImage } from './disk.ts';
import { LogRegistry } from './log-registry.ts';
import { Violation } from './violation.ts';
import { VoteRecord } from './vote-record.ts';

/** What the checks see of one node's core. */
export interface NodeView {
  readonly id: NodeId;
  readonly term: Term;
  readonly role: { readonly kind: string };
  readonly log: {
    readonly lastIndex: LogIndex;
    readonly commitIndex: LogIndex;
    termAt(index: LogIndex): Term | undefined;
    entryAt(index: LogIndex): Entry | undefined;
  };
}

/** What was seen of one process the last time. */
interface Seen {
  readonly view: NodeView;
  /** Its log, entry by entry: the reference tells at once whether anything changed. */
  readonly log: Entry[];
  term: Term;
  commitIndex: LogIndex;
  appliedIndex: number;
  /** The term it led when it was last seen. */
  ledTerm: Term | undefined;
}

export interface InvariantsOptions {
  readonly voters: readonly NodeId[];
  readonly durable: (id: NodeId) => DurableImage;
  /** Called once per committed entry, in index order. */
  readonly onCommitted: (entry: Entry) => void;
}

/** Entries that are compared again in one sweep over a log. */
const FULL_SWEEP_EVERY = 512;

/**
 * The promises of Figure 3 and what they rest on, over the whole life of a swarm. `check` is called
 * after every event for the node it happened to, and looks only at what changed.
 */
export class Invariants {
  readonly #seen = new Map<NodeId, Seen>();
  readonly #leaders = new Map<Term, NodeId>();
  readonly #registry = new LogRegistry();
  readonly #votes: VoteRecord;
  readonly #committed: CommittedLog;
  #checks = 0;
  #entriesCut = 0;

  constructor(options: InvariantsOptions) {
    this.#votes = new VoteRecord(options.durable);
    this.#committed = new CommittedLog(options);
  }

  get commitIndex(): number {
    return this.#committed.lastIndex;
  }

  /** The terms that had a leader. */
  get terms(): number {
    return this.#leaders.size;
  }

  /** Entries that a newer leader's took the place of. */
  get entriesCut(): number {
    return this.#entriesCut;
  }

  /** A process has started. */
  onStarted(view: NodeView): void {
    this.#votes.onRecovered(view.id, view.term);
    const seen: Seen = {
      view,
      log: [],
      term: view.term,
      commitIndex: 0 as LogIndex,
      appliedIndex: 0,
      ledTerm: undefined,
    };
    this.#seen.set(view.id, seen);
    this.check(view.id);
  }

  /** A process is gone. */
  onEnded(id: NodeId): void {
    this.#seen.delete(id);
  }

  /** A node hands a message to the network. */
  onSent(message: Message): void {
    const term = this.#seen.get(message.from)?.view.term;
    this.#votes.onSent(message, term);
  }

  /** A node has applied an entry; `result` is what its state machine made of it. */
  onApplied(id: NodeId, entry: Entry, result: string): void {
    const seen = this.#seen.get(id);
    if (seen === undefined) return;
    if (entry.index !== seen.appliedIndex + 1) {
      throw new Violation('Applied in order', `${id} applied ${entry.index} after ${seen.appliedIndex}`);
    }
    seen.appliedIndex = entry.index;
    // Entries are applied within the event that commits them; whoever commits first is seen here.
    if (entry.index > this.#committed.lastIndex) this.check(id);
    this.#committed.onApplied(id, entry, result);
  }

  /** Something happened to node `id`. */
  check(id: NodeId): void {
    const seen = this.#seen.get(id);
    if (seen === undefined) return;
    this.#checks += 1;
    this.#checkTerm(seen);
    const before = seen.log.length;
    const kept = this.#takeIn(seen);
    this.#checkLeader(seen, kept < before);
    this.#checkCommit(seen);
    if (this.#checks % FULL_SWEEP_EVERY === 0) this.#sweep(seen);
  }

  /** Compares every log once more from its first entry on. */
  checkEverything(): void {
    for (const seen of this.#seen.values()) {
      this.check(seen.view.id);
      this.#sweep(seen);
    }
  }

  #checkTerm(seen: Seen): void {
    const { id, term } = seen.view;
    if (term < seen.term) throw new Violation('Terms rise', `${id} went from term ${seen.term} to ${term}`);
    seen.term = term;
  }

  /** Brings `seen.log` up to date. Returns the highest index that stayed. */
  #takeIn(seen: Seen): number {
    const { log } = seen.view;
    const known = seen.log;
    let same = Math.min(known.length, log.lastIndex);
    while (same > 0 && log.entryAt(same as LogIndex) !== known[same - 1]) same -= 1;
    if (same < seen.commitIndex) {
      throw new Violation(
        'State Machine Safety',
        `${seen.view.id} cut its log to ${same}, below its commit index`,
      );
    }
    this.#entriesCut += known.length - same;
    known.length = same;
    for (let index = same + 1; index <= log.lastIndex; index++) {
      const entry = log.entryAt(index as LogIndex);
      if (entry === undefined)
        throw new Violation('Log without gaps', `${seen.view.id} lacks entry ${index}`);
      this.#registry.admit(seen.view.id, entry, known[index - 2]);
      known.push(entry);
    }
    return same;
  }

  #checkLeader(seen: Seen, wasCut: boolean): void {
    const { id, term, role, log } = seen.view;
    const ledBefore = seen.ledTerm;
    seen.ledTerm = role.kind === 'leader' ? term : undefined;
    if (seen.ledTerm === undefined) return;
    if (ledBefore === term) {
      if (wasCut) throw new Violation('Leader Append-Only', `${id} cut its log while leading term ${term}`);
      return;
    }
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== id) {
      throw new Violation('Election Safety', `${other} and ${id} both led term ${term}`);
    }
    this.#leaders.set(term, id);
    this.#committed.checkElection(id, term);
    this.#committed.checkCompleteness(id, term, log);
  }

  #checkCommit(seen: Seen): void {
    const { id, log, term } = seen.view;
    if (log.commitIndex < seen.commitIndex) {
      throw new Violation(
        'Commit only rises',
        `${id} went back from ${seen.commitIndex} to ${log.commitIndex}`,
      );
    }
    for (let index = seen.commitIndex + 1; index <= log.commitIndex; index++) {
      const entry = seen.log[index - 1];
      if (entry === undefined)
        throw new Violation('Log without gaps', `${id} committed ${index}, which it lacks`);
      this.#committed.admit(id, term, entry);
    }
    seen.commitIndex = log.commitIndex;
  }

  #sweep(seen: Seen): void {
    const { id, log } = seen.view;
    seen.log.forEach((entry, at) => {
      if (log.entryAt((at + 1) as LogIndex) === entry) return;
      throw new Violation('Log Matching', `${id} changed entry ${at + 1} below entries that stayed`);
    });
  }
}
