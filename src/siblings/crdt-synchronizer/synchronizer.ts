import { randomInt } from 'node:crypto';
import { systemClock } from '../../node/clock.ts';
import { SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { type Configuration, members } from '../../protocol/state.ts';
import { noteOperations, progressOperations, readBlackboard } from './blackboard.ts';
import { type CheckpointRecord, checkpointOf } from './checkpoint.ts';
import type {
  BlackboardJson,
  ChangedJson,
  ClientRequest,
  ListedJson,
  ReadingJson,
  WaitedJson,
} from './client-wire.ts';
import type { TakenIn } from './comparison.ts';
import { Gossip } from './gossip.ts';
import { Library } from './library.ts';
import { askMajority } from './majority.ts';
import { type Operation, parseOperations, parsePath } from './operation.ts';
import type { NamedUpdate, PeerRequest } from './peer-wire.ts';
import type { Done, PeersOptions } from './peers.ts';
import { type OwnWords, Presence } from './presence.ts';
import type { Life } from './update-files.ts';
import { openUpdateStore, type UpdateStore } from './update-store.ts';
import { Watchers } from './watchers.ts';

export interface SynchronizerOptions {
  readonly self: NodeId;
  /** Where the documents lie. */
  readonly folder: string;
  readonly ask: PeersOptions['ask'];
  /** Who belongs to the swarm, as far as this instance knows. */
  configuration(): Configuration;
  /** What presence says of this instance. */
  words(): OwnWords;
  /** Resolves when everything that was committed before the call is applied here. @throws SwarmError NO_QUORUM */
  readBarrier(): Promise<void>;
  /** False while the log would bring a document back that was cleared. */
  mayForget(name: string): boolean;
  onTrouble(error: SwarmError): void;
}

/** What was appended until all of it is written anew as one state. */
const COMPACT_EVERY_BYTES = 4 * 1024 * 1024;

/** After there was no room: all documents are written anew to see whether there is. */
const MEND_EVERY_MS: Millis = 1_000;

/** The documents of one instance: in memory, on its disk, and together with those of the others. */
export class Synchronizer {
  readonly #options: SynchronizerOptions;
  readonly #library: Library;
  readonly #gossip: Gossip;
  readonly #presence: Presence;
  readonly #watchers = new Watchers();
  #store: UpdateStore | undefined;
  #isCompacting = false;
  /** That nothing can be written was said. */
  #isDiskTold = false;
  #mendAt: Millis = 0;

  constructor(options: SynchronizerOptions) {
    this.#options = options;
    const { ask, configuration, mayForget, onTrouble, self, words } = options;
    this.#library = new Library({
      onUpdate: (name, update) => {
        this.#store?.append(name, update);
        this.#gossip.onUpdate(name, update);
        this.#watchers.wake(name);
      },
      onTwin: () => this.#beginAnew(),
    });
    this.#presence = new Presence({ self, words, now: systemClock.now, wallMs: Date.now });
    this.#gossip = new Gossip({
      ...{ self, ask, mayForget, onTrouble, clock: systemClock, random: Math.random },
      ...{ library: this.#library, presence: this.#presence },
      members: () => members(configuration()),
      takeIn: (updates, done) => this.#takeIn(updates, done),
    });
  }

  /** Reads what is on the disk, and begins to talk to the others. @throws SwarmError DISK_FAILED, DISK_FULL */
  async open(): Promise<void> {
    const { folder, onTrouble } = this.#options;
    const { life, store } = await openUpdateStore({
      ...{ folder, onDamage: onTrouble },
      draw: () => this.#drawLife(),
      onUpdate: (name, update) => this.#library.apply(name, update),
    });
    this.#store = store;
    this.#writeAs(life);
    this.#gossip.start();
  }

  async close(): Promise<void> {
    this.#gossip.stop();
    this.#watchers.wakeAll();
    await this.#store?.close();
  }

  onConfiguration(): void {
    this.#gossip.onMembers();
  }

  /** Takes in what the log keeps of a document: everybody has it from there. @throws SwarmError MALFORMED */
  load(name: string, state: Uint8Array): void {
    this.#gossip.quietly(() => this.#library.apply(name, state));
  }

  handlePeer(request: PeerRequest, done: Done): void {
    this.#gossip.handle(request, done);
  }

  /** @throws SwarmError BAD_INPUT, UNKNOWN_DOCUMENT, LIMIT_EXCEEDED, DISK_FAILED, DISK_FULL, NO_QUORUM */
  async mutate(given: unknown, isStrong: boolean): Promise<ChangedJson> {
    return this.#carryOut(parseOperations(given), isStrong);
  }

  note(request: Extract<ClientRequest, { kind: 'note' }>): Promise<ChangedJson> {
    return this.#carryOut(noteOperations(this.#library, request, Date.now()), false);
  }

  progress(request: Extract<ClientRequest, { kind: 'progress' }>): Promise<ChangedJson> {
    return this.#carryOut(progressOperations(request, Date.now()), false);
  }

  /**
   * What is here. Strong: everything that was acknowledged to a strong change, or is in a checkpoint, before the call.
   *
   * @throws SwarmError UNKNOWN_DOCUMENT, BAD_INPUT, NO_QUORUM
   */
  async get(path: string, isStrong: boolean): Promise<ReadingJson> {
    const { name } = parsePath(path);
    if (isStrong) {
      await this.#options.readBarrier();
      await this.#gatherFromMajority(name);
    }
    return this.#read(path);
  }

  list(): readonly ListedJson[] {
    return this.#library.names.flatMap((name) => {
      const document = this.#library.find(name);
      const type = document?.type;
      if (document === undefined || type === undefined || document.isGone) return [];
      return { name, type, version: document.digest, bytes: document.measure() };
    });
  }

  /** @throws SwarmError BAD_INPUT, BUSY */
  async wait({ path, version, waitMs }: Extract<ClientRequest, { kind: 'wait' }>): Promise<WaitedJson> {
    const { name } = parsePath(path);
    if (this.#versionOf(name) === version) await this.#watchers.next(name, waitMs);
    return { version: this.#versionOf(name), reading: this.#readIfThere(path) };
  }

  blackboard(): BlackboardJson {
    const { self } = this.#options;
    return { from: self, ...readBlackboard(this.#library), presence: this.#presence.all };
  }

  /** What a checkpoint of the document says. @throws SwarmError UNKNOWN_DOCUMENT */
  capture(name: string): CheckpointRecord {
    const document = this.#library.find(name);
    const record = document === undefined ? undefined : checkpointOf(document, this.#options.self);
    if (record === undefined) throw new SwarmError('UNKNOWN_DOCUMENT', `there is no document ${name} here`);
    return record;
  }

  async #carryOut(operations: readonly Operation[], isStrong: boolean): Promise<ChangedJson> {
    let failure: unknown;
    const names = new Set<string>();
    for (const [at, operation] of operations.entries()) {
      try {
        this.#library.mutate(operation);
        names.add(parsePath(operation.path).name);
      } catch (error) {
        failure = operations.length === 1 ? error : amid(error, at, operations.length);
        break;
      }
    }
    // Also those before the one that failed: they are told to the others already.
    await this.#settle();
    if (failure !== undefined) throw failure;
    if (isStrong) await this.#giveToMajority([...names]);
    const versions = [...names].map((name) => [name, this.#versionOf(name)] as const);
    return { versions: Object.fromEntries(versions), from: this.#options.self };
  }

  #takeIn(updates: readonly NamedUpdate[], done: TakenIn): void {
    const refused = this.#library.takeIn(updates);
    this.#settle().then(
      () => done({ ok: true, value: refused }),
      (error: unknown) => done({ ok: false, error: error as SwarmError }),
    );
  }

  async #settle(): Promise<void> {
    const store = this.#store;
    if (store === undefined) throw new SwarmError('NOT_READY', 'the shared documents are still being read');
    await this.#mendIfDue(store);
    await new Promise<void>((resolve, reject) => {
      store.settle((failure) => (failure === undefined ? resolve() : reject(failure)));
    }).catch((failure: unknown) => {
      if (!this.#isDiskTold) this.#options.onTrouble(failure as SwarmError);
      this.#isDiskTold = true;
      throw failure;
    });
    this.#isDiskTold = false;
    this.#compactIfDue(store);
  }

  /** Room comes back without anybody being told. */
  async #mendIfDue(store: UpdateStore): Promise<void> {
    const now = systemClock.now();
    if (store.failure?.code !== 'DISK_FULL' || now < this.#mendAt) return;
    this.#mendAt = now + MEND_EVERY_MS;
    await store.mend(this.#states());
  }

  #compactIfDue(store: UpdateStore): void {
    if (this.#isCompacting || store.appendedBytes < COMPACT_EVERY_BYTES) return;
    this.#isCompacting = true;
    store
      .compact(this.#states())
      .catch(this.#options.onTrouble)
      .finally(() => {
        this.#isCompacting = false;
      });
  }

  *#states(): Generator<readonly [string, Uint8Array]> {
    for (const name of this.#library.names) {
      const document = this.#library.find(name);
      if (document !== undefined) yield [name, document.updateSince()];
    }
  }

  #giveToMajority(names: readonly string[]): Promise<void> {
    return this.#withMajority((voter, done) => this.#gossip.hand(voter, names, done));
  }

  #gatherFromMajority(name: string): Promise<void> {
    return this.#withMajority((voter, done) => this.#gossip.take(voter, name, done));
  }

  #withMajority(work: (voter: NodeId, done: TakenIn) => void): Promise<void> {
    const { configuration, self } = this.#options;
    return askMajority(configuration(), self, (voter) => {
      return new Promise((resolve, reject) => {
        work(voter, (outcome) => {
          if (!outcome.ok) return reject(outcome.error);
          const [refusal] = outcome.value;
          if (refusal === undefined) resolve();
          else reject(new SwarmError(refusal.code, refusal.message));
        });
      });
    });
  }

  #read(path: string): ReadingJson {
    const reading = this.#library.read(path);
    const { name } = parsePath(path);
    return { path, ...reading, version: this.#versionOf(name), from: this.#options.self };
  }

  #readIfThere(path: string): ReadingJson | null {
    try {
      return this.#read(path);
    } catch (error) {
      if (error instanceof SwarmError && error.code === 'UNKNOWN_DOCUMENT') return null;
      throw error;
    }
  }

  #versionOf(name: string): string {
    return this.#library.find(name)?.digest ?? '';
  }

  #drawLife(): Life {
    const client = randomInt(1, 2 ** 32);
    return { client, actor: `${this.#options.self}:${client.toString(36)}` };
  }

  #writeAs(life: Life): void {
    this.#library.takeUp({ ...life, wallMs: Date.now });
  }

  #beginAnew(): void {
    this.#store?.abandonLife();
    this.#writeAs(this.#drawLife());
    this.#options.onTrouble(
      new SwarmError(
        'DATA_FOREIGN',
        `somebody else has written documents in the name of ${this.#options.self}: its folder was copied, or an older copy of it put back. It writes under another name from now on`,
      ),
    );
  }
}

function amid(error: unknown, at: number, all: number): unknown {
  if (!(error instanceof SwarmError)) return error;
  const before = at === 0 ? '' : `; those before it are done`;
  return new SwarmError(
    error.code,
    `operation ${at + 1} of ${all}: ${error.message}${before}`,
    error.details,
  );
}
