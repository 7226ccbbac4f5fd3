import { term } from '../../src/protocol/ids.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { entries } from '../raft/messages.ts';
import type { DurableImage } from '../simulation/disk.ts';

/** What a disk holds when the story begins. */
export interface Past {
  /** Terms of its entries. */
  readonly log: readonly number[];
  readonly term: number;
}

/** A node's disk: it outlives the node, and works when the story lets it. */
export class Drive {
  readonly platter = new MemoryDisk();
  /** While true, what it is given waits. */
  isHeld = false;
  #work: (() => void)[] = [];
  #isBusy = false;

  constructor(past: Past | undefined) {
    if (past === undefined) return;
    this.platter.commit({
      sequence: 0,
      hardState: { term: term(past.term), votedFor: undefined },
      restartAt: undefined,
      truncateFrom: undefined,
      entries: entries(0, past.log),
    });
  }

  give(work: () => void): void {
    this.#work.push(work);
  }

  /** Does what it was given, and what it is given meanwhile, unless it is held. */
  work(): void {
    if (!this.isHeld) this.workOnce();
  }

  /** The same although it is held. */
  workOnce(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#work.shift(); next !== undefined; next = this.#work.shift()) next();
    this.#isBusy = false;
  }

  /** A crash: whoever gave it work is gone. */
  forget(): void {
    this.#work = [];
  }

  /** What would survive a crash now. */
  get durable(): DurableImage {
    const { platter } = this;
    return {
      hardState: platter.recover().hardState,
      lastIndex: platter.lastIndex,
      base: platter.base,
      termAt: (index) => (index === platter.base.index ? platter.base.term : platter.entryAt(index)?.term),
    };
  }
}
