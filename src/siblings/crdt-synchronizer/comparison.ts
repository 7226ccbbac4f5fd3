import { decodeStateVector } from 'yjs';
import type { Clock } from '../../node/port.ts';
import type { Outcome, SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { MAX_CRDT_FRAME_BYTES } from '../../protocol/limits.ts';
import type { Library } from './library.ts';
import {
  type Fetched,
  type NamedUpdate,
  NOTHING_KNOWN,
  type PeerRequest,
  type Pulled,
  parseFetched,
  parsePulled,
} from './peer-wire.ts';
import type { Peers } from './peers.ts';
import type { Presence } from './presence.ts';
import { covers, type Stability } from './stability.ts';

interface ComparisonOptions {
  readonly self: NodeId;
  readonly library: Library;
  readonly peers: Peers;
  readonly presence: Presence;
  readonly stability: Stability;
  readonly clock: Clock;
  /** Takes in what another one has. */
  takeIn(
    updates: readonly NamedUpdate[],
    from: NodeId,
    done: (failure: SwarmError | undefined) => void,
  ): void;
  onTrouble(error: SwarmError): void;
}

/** What one of them does not take is not offered again at once. */
const PAUSE_MS: Millis = 60_000;

/** To one who is away, at once. */
const MAX_CALLS = 4;

type Finish = (isEqual: boolean) => void;

/**
 * One instance asks another what it has; both have the same afterwards. It costs a few bytes where they are equal, a list
 * of clocks where they are not, and then what each lacks: in frames, one after the other.
 */
export class Comparison {
  readonly #options: ComparisonOptions;
  /** Questions without an answer yet. */
  readonly #calls = new Map<NodeId, number>();
  /** With whom documents are being exchanged. */
  readonly #exchanging = new Set<NodeId>();
  /** With whom documents are not exchanged until then: one side has too much, or no room. */
  readonly #pausedUntil = new Map<NodeId, Millis>();

  constructor(options: ComparisonOptions) {
    this.#options = options;
  }

  /** `finish` hears whether they were equal; not when it failed. */
  with(id: NodeId, finish: Finish): void {
    const calls = this.#calls.get(id) ?? 0;
    // Whoever is away is called again beside the calls that are under way: each may be lost, or stuck on its way.
    if (this.#exchanging.has(id) || calls >= (this.#options.peers.isAway(id) ? MAX_CALLS : 1)) return;
    this.#calls.set(id, calls + 1);
    const { library, peers, presence, self } = this.#options;
    const root = library.root;
    peers.ask(id, { kind: 'pull', from: self, root, presence: [...presence.all] }, (outcome) => {
      this.#countOff(id);
      const pulled = this.#read(outcome, parsePulled);
      if (pulled === undefined) return;
      presence.hear(pulled.presence);
      if (pulled.entries === undefined) {
        // Only what is the same since the question was asked.
        if (root === library.root) this.noteEqual(id);
        return finish(true);
      }
      this.#exchange(id, pulled.entries, finish);
    });
  }

  #countOff(id: NodeId): void {
    const left = (this.#calls.get(id) ?? 1) - 1;
    if (left === 0) this.#calls.delete(id);
    else this.#calls.set(id, left);
  }

  #exchange(id: NodeId, entries: NonNullable<Pulled['entries']>, finish: Finish): void {
    const { gives, wants } = this.#differences(id, entries);
    if (this.#exchanging.has(id) || (this.#pausedUntil.get(id) ?? 0) > this.#options.clock.now()) return;
    this.#exchanging.add(id);
    this.#fetch(id, wants, () =>
      this.#give(id, gives, () => {
        this.#exchanging.delete(id);
        finish(false);
      }),
    );
  }

  /** The answer to one who asks. */
  listFor({ from, presence: told, root }: PeerRequest & { readonly kind: 'pull' }): Pulled {
    const { library, presence } = this.#options;
    presence.hear(told);
    if (root === library.root) {
      this.noteEqual(from as NodeId);
      return { presence: [...presence.all] };
    }
    const entries = library.names.flatMap((name) => {
      const document = library.find(name);
      return document === undefined ? [] : { name, vector: document.stateVector, isGone: document.isGone };
    });
    return { presence: [...presence.all], entries };
  }

  /** The first of what is asked for, as much as fits into a frame and at least one. */
  gather(wants: readonly NamedUpdate[]): Fetched & { readonly left: readonly NamedUpdate[] } {
    const updates: NamedUpdate[] = [];
    let bytes = 0;
    for (const [at, [name, vector]] of wants.entries()) {
      if (bytes >= MAX_CRDT_FRAME_BYTES) return { updates, left: wants.slice(at) };
      const update = this.#options.library.find(name)?.updateSince(vector) ?? NO_UPDATE;
      updates.push([name, update]);
      bytes += update.length;
    }
    return { updates, left: [] };
  }

  noteEqual(id: NodeId): void {
    const { library, stability } = this.#options;
    for (const name of library.names) {
      const vector = library.find(name)?.vector;
      if (vector !== undefined) stability.note(id, name, vector);
    }
  }

  #differences(
    id: NodeId,
    entries: NonNullable<Pulled['entries']>,
  ): { readonly wants: readonly NamedUpdate[]; readonly gives: readonly NamedUpdate[] } {
    const { library, stability } = this.#options;
    const wants: NamedUpdate[] = [];
    const gives: NamedUpdate[] = [];
    for (const { isGone, name, vector } of entries) {
      const theirs = decodeStateVector(vector);
      const mine = library.find(name);
      stability.note(id, name, theirs);
      if (mine === undefined) {
        // What was cleared and is forgotten here is not fetched again from one who has not forgotten it yet.
        if (!isGone) wants.push([name, NOTHING_KNOWN]);
        continue;
      }
      if (!covers(mine.vector, theirs)) wants.push([name, mine.stateVector]);
      if (!covers(theirs, mine.vector)) gives.push([name, vector]);
    }
    const listed = new Set(entries.map(({ name }) => name));
    for (const name of library.names.filter((one) => !listed.has(one))) {
      if (library.find(name)?.isGone === true) stability.noteAbsent(id, name);
      else gives.push([name, NOTHING_KNOWN]);
    }
    return { wants, gives };
  }

  #fetch(id: NodeId, wants: readonly NamedUpdate[], next: () => void): void {
    if (wants.length === 0) return next();
    const { peers, self, takeIn } = this.#options;
    peers.ask(id, { kind: 'fetch', from: self, wants: [...wants] }, (outcome) => {
      const fetched = this.#read(outcome, parseFetched);
      if (fetched === undefined || fetched.updates.length === 0) return void this.#exchanging.delete(id);
      takeIn(fetched.updates, id, (failure) => this.#pauseFor(id, failure));
      this.#fetch(id, wants.slice(fetched.updates.length), next);
    });
  }

  #give(id: NodeId, gives: readonly NamedUpdate[], next: () => void): void {
    if (gives.length === 0) return next();
    const { peers, self } = this.#options;
    const { left, updates } = this.gather(gives);
    peers.ask(id, { kind: 'push', from: self, updates }, (outcome) => {
      if (outcome.ok) return this.#give(id, left, next);
      if (outcome.error.code === 'LIMIT_EXCEEDED') this.#pauseFor(id, outcome.error);
      this.#exchanging.delete(id);
    });
  }

  #pauseFor(id: NodeId, failure: SwarmError | undefined): void {
    if (failure === undefined) return;
    const { clock, onTrouble } = this.#options;
    this.#pausedUntil.set(id, clock.now() + PAUSE_MS);
    onTrouble(failure);
  }

  #read<T>(outcome: Outcome<Uint8Array>, parse: (body: Uint8Array) => Outcome<T>): T | undefined {
    if (!outcome.ok) return undefined;
    const parsed = parse(outcome.value);
    if (parsed.ok) return parsed.value;
    this.#options.onTrouble(parsed.error);
    return undefined;
  }
}

/** As Yjs writes down that there is nothing: no structs, no deletions. */
const NO_UPDATE = new Uint8Array([0, 0]);
