import { decodeStateVector } from 'yjs';
import type { Clock } from '../../node/port.ts';
import { type Outcome, SwarmError } from '../../protocol/errors.ts';
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
  parsePushed,
  type Refusal,
} from './peer-wire.ts';
import type { Peers } from './peers.ts';
import type { Presence } from './presence.ts';
import { covers, type Stability } from './stability.ts';
import { partsOf } from './update-parts.ts';

interface ComparisonOptions {
  readonly self: NodeId;
  readonly library: Library;
  readonly peers: Peers;
  readonly presence: Presence;
  readonly stability: Stability;
  readonly clock: Clock;
  /** Takes in what another one has. `done` when it is on the disk. */
  takeIn(updates: readonly NamedUpdate[], from: NodeId, done: TakenIn): void;
  onTrouble(error: SwarmError): void;
}

/** Hears what was refused; or why nothing is on the disk. */
export type TakenIn = (outcome: Outcome<readonly Refusal[]>) => void;

/** What was asked for, or is to be given: the clocks that the other side has, by document. */
type Wanted = readonly (readonly [name: string, vector: Uint8Array])[];

/** How far it has come: `part` of the first of `left` are there already, as it was at the clocks `upto`. */
interface Progress {
  readonly left: Wanted;
  readonly part: number;
  readonly upto?: Uint8Array | undefined;
}

/** A document that one of them does not take is not offered again at once. */
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
  /** By instance and document, until when it is not exchanged: one side has too much, or no room, or makes no sense of it. */
  readonly #pausedUntil = new Map<NodeId, Map<string, Millis>>();

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
      if (!pulled.ok) return;
      const { entries, presence: told } = pulled.value;
      presence.hear(told);
      if (entries === undefined) {
        // Only what is the same since the question was asked.
        if (root === library.root) this.noteEqual(id);
        return finish(true);
      }
      this.#exchange(id, entries, finish);
    });
  }

  #countOff(id: NodeId): void {
    const left = (this.#calls.get(id) ?? 1) - 1;
    if (left === 0) this.#calls.delete(id);
    else this.#calls.set(id, left);
  }

  #exchange(id: NodeId, entries: NonNullable<Pulled['entries']>, finish: Finish): void {
    const { gives, wants } = this.#differences(id, entries);
    if (this.#exchanging.has(id)) return;
    this.#exchanging.add(id);
    const outcomes: Outcome<readonly Refusal[]>[] = [];
    const end: TakenIn = (outcome) => {
      outcomes.push(outcome);
      if (outcomes.length < 2) return;
      this.#exchanging.delete(id);
      this.#pause(
        id,
        outcomes.flatMap((one) => (one.ok ? one.value : [])),
      );
      // What is paused is no reason to compare again soon.
      if (outcomes.every(({ ok }) => ok)) finish(wants.length + gives.length === 0);
    };
    // Neither waits for the other: one side has as soon as it can what it lacks, and tells it on.
    this.give(id, gives, end);
    this.fetch(id, wants, end);
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

  /** The answer to one who wants something. */
  answerTo({ part = 0, upto, wants }: PeerRequest & { readonly kind: 'fetch' }): Fetched {
    const { next, updates } = this.#gather({ left: wants, part, upto });
    return { updates: [...updates], left: next.left.length, part: next.part, upto: next.upto };
  }

  /** Fetches what another one has, part by part. Hears what of it was refused here. */
  fetch(id: NodeId, wants: Wanted, done: TakenIn): void {
    this.#fetch(id, { left: wants, part: 0 }, [], done);
  }

  /** Gives another one what it lacks, part by part. Hears what of it was refused there. */
  give(id: NodeId, gives: Wanted, done: TakenIn): void {
    this.#give(id, { left: gives, part: 0 }, [], done);
  }

  keepOnly(members: readonly NodeId[]): void {
    for (const id of [...this.#pausedUntil.keys()]) if (!members.includes(id)) this.#pausedUntil.delete(id);
  }

  /** The first of what is wanted, as much as fits into a frame and at least one part. */
  #gather(progress: Progress): { readonly updates: readonly NamedUpdate[]; readonly next: Progress } {
    const updates: NamedUpdate[] = [];
    let bytes = 0;
    for (const { name, next, update } of this.#partsOf(progress)) {
      bytes += update.length;
      if (updates.length > 0 && bytes > MAX_CRDT_FRAME_BYTES) return { updates, next };
      updates.push([name, update]);
    }
    return { updates, next: { left: [], part: 0 } };
  }

  /** All that is still to come; `next` is where to go on if one of them does not go along. */
  *#partsOf({ left, part, upto: begun }: Progress) {
    for (const [at, [name, vector]] of left.entries()) {
      const first = at === 0 ? part : 0;
      const document = this.#options.library.find(name);
      const upto = (first > 0 ? begun : undefined) ?? document?.stateVector ?? NOTHING_KNOWN;
      const how = { atMost: MAX_CRDT_FRAME_BYTES, upto: decodeStateVector(upto) };
      const parts = partsOf(document?.updateSince(vector) ?? NO_UPDATE, how).slice(first);
      for (const [index, update] of parts.entries()) {
        const number = first + index;
        yield {
          name,
          update,
          next: { left: left.slice(at), part: number, upto: number > 0 ? upto : undefined },
        };
      }
    }
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
  ): { readonly wants: Wanted; readonly gives: Wanted } {
    const { library, stability } = this.#options;
    const wants: Wanted[number][] = [];
    const gives: Wanted[number][] = [];
    for (const { isGone, name, vector } of entries) {
      const theirs = decodeStateVector(vector);
      const mine = library.find(name);
      stability.note(id, name, theirs);
      // What was cleared and is forgotten here is not fetched again from one who has not forgotten it yet.
      if (mine === undefined && !isGone) wants.push([name, NOTHING_KNOWN]);
      if (mine !== undefined && !covers(mine.vector, theirs)) wants.push([name, mine.stateVector]);
      if (mine !== undefined && !covers(theirs, mine.vector)) gives.push([name, vector]);
    }
    const listed = new Set(entries.map(({ name }) => name));
    for (const name of library.names.filter((one) => !listed.has(one))) {
      if (library.find(name)?.isGone === true) stability.noteAbsent(id, name);
      else gives.push([name, NOTHING_KNOWN]);
    }
    const isOpen = ([name]: Wanted[number]): boolean => !this.#isPaused(id, name);
    return { wants: wants.filter(isOpen), gives: gives.filter(isOpen) };
  }

  #fetch(id: NodeId, { left, part, upto }: Progress, refused: readonly Refusal[], done: TakenIn): void {
    if (left.length === 0) return done({ ok: true, value: refused });
    const { peers, self, takeIn } = this.#options;
    peers.ask(
      id,
      { kind: 'fetch', from: self, wants: left.map(([...want]) => want), part, upto },
      (outcome) => {
        const fetched = this.#read(outcome, parseFetched);
        if (!fetched.ok) return done(fetched);
        const next = { ...fetched.value, left: left.slice(left.length - fetched.value.left) };
        // One after the other, each when the one before is on the disk: however large they are, one is in memory.
        takeIn(fetched.value.updates, id, (taken) => {
          if (!taken.ok) return done(taken);
          const all = [...refused, ...taken.value];
          const hasProgressed = next.left.length < left.length || next.part > part;
          if (hasProgressed) this.#fetch(id, next, all, done);
          else done({ ok: true, value: all });
        });
      },
    );
  }

  #give(id: NodeId, progress: Progress, refused: readonly Refusal[], done: TakenIn): void {
    if (progress.left.length === 0) return done({ ok: true, value: refused });
    const { peers, self } = this.#options;
    const { next, updates } = this.#gather(progress);
    peers.ask(id, { kind: 'push', from: self, updates: [...updates] }, (outcome) => {
      const pushed = this.#read(outcome, parsePushed);
      if (pushed.ok) this.#give(id, next, [...refused, ...pushed.value.refused], done);
      else done(pushed);
    });
  }

  #pause(id: NodeId, refused: readonly Refusal[]): void {
    const { clock, onTrouble } = this.#options;
    const paused = this.#pausedUntil.get(id) ?? new Map<string, Millis>();
    for (const { code, message, name } of refused) {
      this.#pausedUntil.set(id, paused.set(name, clock.now() + PAUSE_MS));
      onTrouble(new SwarmError(code, `between this instance and ${id}: ${message}`));
    }
  }

  #isPaused(id: NodeId, name: string): boolean {
    return (this.#pausedUntil.get(id)?.get(name) ?? 0) > this.#options.clock.now();
  }

  #read<T>(outcome: Outcome<Uint8Array>, parse: (body: Uint8Array) => Outcome<T>): Outcome<T> {
    if (!outcome.ok) return outcome;
    const parsed = parse(outcome.value);
    if (!parsed.ok) this.#options.onTrouble(parsed.error);
    return parsed;
  }
}

/** As Yjs writes down that there is nothing: no structs, no deletions. */
const NO_UPDATE = new Uint8Array([0, 0]);
