import type { Entry } from '../../src/protocol/entry.ts';
import type { LogIndex, NodeId, Term } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { Configuration, LogPosition } from '../../src/protocol/state.ts';
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
  readonly configurations: {
    readonly latest: Configuration;
    at(index: LogIndex): Configuration;
  };
  readonly log: {
    readonly base: LogPosition;
    readonly lastIndex: LogIndex;
    readonly commitIndex: LogIndex;
    termAt(index: LogIndex): Term | undefined;
    entryAt(index: LogIndex): Entry | undefined;
  };
}

/** What was seen of one process the last time. */
interface Seen {
  readonly view: NodeView;
  /** What lies before `log` is in a snapshot. */
  base: LogPosition;
  /** Its log, entry by entry: the reference tells at once whether anything changed. */
  log: Entry[];
  term: Term;
  commitIndex: LogIndex;
  appliedIndex: number;
  /** The term it led when it was last seen. */
  ledTerm: Term | undefined;
}

export interface InvariantsOptions {
  readonly bootstrap: Configuration;
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

  /** The latest that anybody has committed. */
  get configuration(): Configuration {
    return this.#committed.configuration;
  }

  /** The terms that had a leader. */
  get terms(): number {
    return this.#leaders.size;
  }

  /** Entries that a newer leader's took the place of. */
  get entriesCut(): number {
    return this.#entriesCut;
  }

  /** A process has started, its state machine as a snapshot says, or as nothing was applied yet. */
  onStarted(view: NodeView, digest: string): void {
    this.#votes.onRecovered(view.id, view.term);
    const { base, commitIndex } = view.log;
    const seen: Seen = {
      view,
      base,
      log: [],
      term: view.term,
      commitIndex: base.index,
      appliedIndex: commitIndex,
      ledTerm: undefined,
    };
    this.#seen.set(view.id, seen);
    this.check(view.id);
    if (commitIndex > 0) this.#committed.checkDigest(view.id, commitIndex, digest);
  }

  /** A snapshot took the place of a node's state. */
  onRestored(id: NodeId, index: LogIndex, digest: string): void {
    const seen = this.#seen.get(id);
    if (seen === undefined) return;
    if (index <= seen.appliedIndex) {
      throw new Violation(
        'Applied in order',
        `${id} went back from ${seen.appliedIndex} to a snapshot at ${index}`,
      );
    }
    seen.appliedIndex = index;
    this.#committed.checkDigest(id, index, digest);
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
  onApplied(id: NodeId, entry: Entry, result: string, digest: string): void {
    const seen = this.#seen.get(id);
    if (seen === undefined) return;
    if (entry.index !== seen.appliedIndex + 1) {
      throw new Violation('Applied in order', `${id} applied ${entry.index} after ${seen.appliedIndex}`);
    }
    seen.appliedIndex = entry.index;
    // Entries are applied within the event that commits them; whoever commits first is seen here.
    if (entry.index > this.#committed.lastIndex) this.check(id);
    this.#committed.onApplied(id, entry, result, digest);
  }

  /** Something happened to node `id`. */
  check(id: NodeId): void {
    const seen = this.#seen.get(id);
    if (seen === undefined) return;
    this.#checks += 1;
    this.#checkTerm(seen);
    const wasCut = this.#takeIn(seen);
    this.#checkLeader(seen, wasCut);
    this.#checkCommit(seen);
    this.#checkChanges(seen);
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

  /** Brings `seen.log` up to date. Returns whether entries were cut away. */
  #takeIn(seen: Seen): boolean {
    this.#takeInBase(seen);
    const { log } = seen.view;
    const known = seen.log;
    const at = (index: number): number => index - seen.base.index - 1;
    const last = seen.base.index + known.length;
    let same = Math.min(last, log.lastIndex);
    while (same > seen.base.index && log.entryAt(same as LogIndex) !== known[at(same)]) same -= 1;
    if (same < seen.commitIndex) {
      throw new Violation(
        'State Machine Safety',
        `${seen.view.id} cut its log to ${same}, below its commit index`,
      );
    }
    this.#entriesCut += last - same;
    known.length = at(same) + 1;
    for (let index = same + 1; index <= log.lastIndex; index++) {
      const entry = log.entryAt(index as LogIndex);
      if (entry === undefined)
        throw new Violation('Log without gaps', `${seen.view.id} lacks entry ${index}`);
      this.#registry.admit(seen.view.id, entry, known[at(index) - 1]?.term ?? seen.base.term);
      known.push(entry);
    }
    return same < last;
  }

  /** The log may begin later than it did: compacted, or given way to a snapshot. Both end at something committed. */
  #takeInBase(seen: Seen): void {
    const { id, log } = seen.view;
    const { base } = log;
    if (base.index === seen.base.index) return;
    if (base.index < seen.base.index) {
      throw new Violation('Log without gaps', `${id} takes its base back to ${base.index}`);
    }
    this.#committed.checkPosition(id, base);
    const known = seen.log[base.index - seen.base.index - 1];
    // A conflicting suffix must not stay behind a snapshot.
    seen.log = known?.term === base.term ? seen.log.slice(base.index - seen.base.index) : [];
    seen.base = base;
    if (seen.commitIndex < base.index) seen.commitIndex = base.index;
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
    this.#committed.checkElection(id, term, seen.view.configurations.latest);
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
      const entry = seen.log[index - seen.base.index - 1];
      if (entry === undefined)
        throw new Violation('Log without gaps', `${id} committed ${index}, which it lacks`);
      this.#committed.admit(seen.view, term, entry);
    }
    seen.commitIndex = log.commitIndex;
  }

  /** A leader has at most one change of membership under way. */
  #checkChanges(seen: Seen): void {
    if (seen.ledTerm === undefined) return;
    // A leader that was restarted does not know yet how far everybody had come.
    const committed = Math.max(seen.base.index, this.#committed.lastIndex);
    const open = seen.log.slice(committed - seen.base.index).filter(({ kind }) => kind === 'config');
    if (open.length <= 1) return;
    throw new Violation(
      'One change at a time',
      `${seen.view.id} leads with ${open.length} configurations that are not committed`,
    );
  }

  #sweep(seen: Seen): void {
    const { id, log } = seen.view;
    seen.log.forEach((entry, at) => {
      const index = seen.base.index + at + 1;
      if (log.entryAt(index as LogIndex) === entry) return;
      throw new Violation('Log Matching', `${id} changed entry ${index} below entries that stayed`);
    });
  }
}
