import { Snapshots } from '../../src/node/snapshots.ts';
import type { Entry } from '../../src/protocol/entry.ts';
import { type Outcome, SwarmError } from '../../src/protocol/errors.ts';
import { INDEX_ZERO, type LogIndex, type Millis, type NodeId } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { Configuration, SnapshotMeta } from '../../src/protocol/state.ts';
import type { RaftConfig } from '../../src/raft/config.ts';
import type { Core } from '../../src/raft/core.ts';
import type { Effects, Event } from '../../src/raft/effects.ts';
import { createRaft, type Raft } from '../../src/raft/raft.ts';
import { createRandom } from '../../src/raft/random.ts';
import { type MemoryStorage, openMemoryStorage } from '../../src/storage/memory.ts';
import type { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { readSnapshot } from '../../src/storage/memory-snapshots.ts';
import { Notebook } from './notebook.ts';

interface ActorOptions {
  readonly id: NodeId;
  readonly config: RaftConfig;
  readonly seed: number;
  readonly now: Millis;
  readonly bootstrap: Configuration;
  readonly disk: MemoryDisk;
  /** The disk will have done `work` when it gets there. */
  scheduleDisk(work: () => void): void;
  /** The actor wants `event` to happen to it. */
  step(event: Event): void;
  send(message: Message): void;
  onApplied(entry: Entry, result: string): void;
  onRestored(index: LogIndex): void;
}

/**
 * One life of a node: the real core on a real storage in memory, with the runtime's own handling of snapshots.
 * Carries out what a step asks for in the order in which the runtime does.
 */
export class Actor {
  readonly id: NodeId;
  readonly notebook = new Notebook();
  readonly #options: ActorOptions;
  readonly #raft: Raft;
  readonly #storage: MemoryStorage;
  readonly #snapshots: Snapshots;
  #appliedIndex: LogIndex;
  /** Messages that wait for the disk. */
  #waiting: { readonly sequence: number; readonly message: Message }[] = [];

  constructor(options: ActorOptions) {
    const { id, config, seed, now, bootstrap, disk, step, send } = options;
    this.id = id;
    this.#options = options;
    this.#storage = openMemoryStorage(disk, { scheduleSync: options.scheduleDisk });
    this.#raft = createRaft({
      id,
      config,
      random: createRandom(seed),
      now,
      ...this.#storage.recovered,
      bootstrap,
    });
    this.#appliedIndex = this.core.snapshot?.index ?? INDEX_ZERO;
    this.#snapshots = new Snapshots({
      core: this.core,
      store: this.#storage.snapshots,
      machine: this.notebook,
      // Taken when the story says so.
      everyBytes: Number.POSITIVE_INFINITY,
      everyEntries: Number.POSITIVE_INFINITY,
      step,
      send,
      onTrouble: (error) => {
        throw error;
      },
    });
    this.#loadNotebook(disk);
    this.#storage.start({
      onDurable: (sequence) => {
        this.#release(sequence);
        step({ type: 'durable', sequence });
      },
      onFailed: (error) => {
        throw error;
      },
    });
  }

  get core(): Core {
    return this.#raft.core;
  }

  /** When it wants to be woken. */
  get deadline(): Millis {
    return Math.min(this.#raft.deadline(), this.#snapshots.deadline());
  }

  get electionDeadline(): Millis {
    return this.#raft.deadline();
  }

  /** Takes `event` in and does what comes of it. */
  step(event: Event, now: Millis): Effects {
    const wasLeader = this.core.role.kind === 'leader';
    if (event.type === 'link-closed') this.#snapshots.onLinkClosed(event.peer);
    if (event.type === 'tick') this.#snapshots.expire(now);
    const effects = this.#raft.step(event, now);
    this.#carryOut(effects);
    if (event.type === 'message') this.#snapshots.onMessage(event.message);
    if (wasLeader && this.core.role.kind !== 'leader') this.#snapshots.endSending();
    return effects;
  }

  takeSnapshot(done: (outcome: Outcome<SnapshotMeta>) => void): void {
    this.#snapshots.take(this.#appliedIndex, done);
  }

  /** Ends this life. Returns how many writes were lost with it. */
  crash(): number {
    const { unsynced } = this.#storage;
    this.#storage.crash(0);
    this.#snapshots.stop(new SwarmError('STOPPED', `${this.id} has crashed`));
    return unsynced;
  }

  #loadNotebook({ snapshot }: MemoryDisk): void {
    if (snapshot === undefined) return;
    const restoration = this.notebook.restore();
    readSnapshot(snapshot.bytes, (piece) => restoration.add(piece));
    restoration.finish();
  }

  #carryOut(effects: Effects): void {
    const { send, onRestored } = this.#options;
    const { issued, completed } = this.core.durability;
    if (effects.restored !== undefined) {
      this.#snapshots.finishRestoration();
      this.#appliedIndex = effects.restored.index;
      onRestored(this.#appliedIndex);
    }
    if (effects.write !== undefined) this.#storage.write(effects.write);
    for (const message of effects.messages) send(message);
    for (const message of effects.messagesOnceDurable) {
      if (issued === completed) send(message);
      else this.#waiting.push({ sequence: issued, message });
    }
    for (const entry of effects.committed) this.#apply(entry);
    if (effects.compactTo !== undefined) this.#storage.compact(effects.compactTo);
    for (const peer of effects.snapshotsTo) this.#snapshots.sendTo(peer);
  }

  #apply(entry: Entry): void {
    const result = entry.kind === 'command' ? this.notebook.apply(entry) : '';
    this.#appliedIndex = entry.index;
    this.#snapshots.onApplied(entry);
    this.#options.onApplied(entry, result);
  }

  #release(durable: number): void {
    const released = this.#waiting.filter(({ sequence }) => sequence <= durable);
    this.#waiting = this.#waiting.filter(({ sequence }) => sequence > durable);
    for (const { message } of released) this.#options.send(message);
  }
}
