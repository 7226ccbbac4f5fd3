import { type Entry, entrySize } from '../protocol/entry.ts';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex } from '../protocol/ids.ts';
import type { SnapshotMeta } from '../protocol/state.ts';
import type { Core } from '../raft/core.ts';
import type { SnapshotStore } from '../storage/port.ts';

interface TakerOptions {
  readonly core: Core;
  readonly store: SnapshotStore;
  readonly everyBytes: number;
  readonly everyEntries: number;
  capture(): Iterator<Uint8Array>;
  onSaved(snapshot: SnapshotMeta): void;
  /** The disk would not take it. The log goes on, and the next one is tried in its time. */
  onTrouble(error: SwarmError): void;
}

type Done = (outcome: Outcome<SnapshotMeta>) => void;

/** Takes a snapshot of the own state machine whenever the log behind the last one has grown long. §7 */
export class SnapshotTaker {
  readonly #options: TakerOptions;
  #bytes = 0;
  #entries = 0;
  #saving = false;
  /** Whom the one that is being written is for. */
  #asked: Done[] = [];
  /** Who asked meanwhile: it may lack what they want in it. */
  #waiting: Done[] = [];
  #stopped = false;

  constructor(options: TakerOptions) {
    this.#options = options;
    const { log, snapshot } = options.core;
    const recovered = log.range(((snapshot?.index ?? 0) + 1) as LogIndex, log.commitIndex);
    for (const entry of recovered) this.onApplied(entry);
  }

  onApplied(entry: Entry): void {
    this.#bytes += entrySize(entry);
    this.#entries += 1;
  }

  /** The state came from a snapshot of somebody else. */
  onRestored(): void {
    this.#bytes = 0;
    this.#entries = 0;
  }

  /** Writing a large state again and again would cost far more than the log does: it waits for half as much log. */
  isDue(): boolean {
    if (this.#saving) return false;
    const { everyBytes, everyEntries, store } = this.#options;
    const factor = Math.max(1, store.latestBytes / 2 / everyBytes);
    return this.#bytes >= everyBytes * factor || this.#entries >= everyEntries * factor;
  }

  /** Takes one now, of the state at `appliedIndex`. */
  take(appliedIndex: LogIndex, done: Done): void {
    const { core, store, capture } = this.#options;
    if (core.snapshot?.index === appliedIndex) return done({ ok: true, value: core.snapshot });
    if (this.#saving) {
      this.#waiting.push(done);
      return;
    }
    const term = core.log.termAt(appliedIndex);
    if (term === undefined || appliedIndex === 0) {
      return done({ ok: false, error: new SwarmError('NOT_READY', 'there is nothing to snapshot yet') });
    }
    const snapshot = { index: appliedIndex, term, configuration: core.configurations.at(appliedIndex) };
    this.#saving = true;
    this.#asked = [done];
    this.onRestored();
    store.save(snapshot, capture(), (outcome) => this.#onSaved(snapshot, outcome));
  }

  /** Whatever becomes of the one under way, nobody hears of it any more. */
  stop(error: SwarmError): void {
    this.#stopped = true;
    for (const done of [...this.#asked, ...this.#waiting]) done({ ok: false, error });
    this.#asked = [];
    this.#waiting = [];
  }

  #onSaved(snapshot: SnapshotMeta, outcome: Outcome<void>): void {
    if (this.#stopped) return;
    this.#saving = false;
    if (outcome.ok) this.#options.onSaved(snapshot);
    else this.#options.onTrouble(outcome.error);
    const [asked, waiting] = [this.#asked, this.#waiting];
    this.#asked = [];
    this.#waiting = [];
    for (const done of asked) done(outcome.ok ? { ok: true, value: snapshot } : outcome);
    for (const next of waiting) this.take(this.#options.core.log.commitIndex, next);
  }
}
