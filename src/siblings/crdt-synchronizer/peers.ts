import type { Clock } from '../../node/port.ts';
import type { ErrorCode, Outcome } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { encodePeer, type PeerRequest } from './peer-wire.ts';

export type Done = (outcome: Outcome<Uint8Array>) => void;

export interface PeersOptions {
  readonly self: NodeId;
  readonly clock: Clock;
  /** Everybody who belongs to the swarm, as far as is known here; without a quorum, too. */
  members(): readonly NodeId[];
  /** From 0 to 1. */
  random(): number;
  /**
   * Asks another instance. Calls back once, never from within the call. An answer that takes longer than `timeoutMs`, once
   * there is a link, does not come: that link counts for nothing any more. Whoever is asked again while there is no link
   * yet may be dialled anew beside it.
   */
  ask(peer: NodeId, request: Uint8Array, how: { readonly timeoutMs: Millis; readonly done: Done }): void;
}

interface PeersEvents {
  /** Somebody is to be tried again, sooner than it was thought. */
  onDue(): void;
}

/**
 * Whoever was not to be reached is tried again after this, a quarter more or less: one of the pairs that a cut has parted
 * tries soon after it is over, and what it exchanges all have at once. Of each pair one is in no hurry: all links between two
 * sides at once are more handshakes than processors, and make the first one late.
 */
const RETRY_AFTER_MS: Millis = 300;
const RETRY_UNHURRIED_MS: Millis = 900;
/**
 * In a large swarm many may be away, or all of them not up yet: an instance calls one after the other, and all together no
 * more than some 50 a second. Nor does any of them wait long for the first link between two sides.
 */
const PAUSE_PER_MEMBER_MS: Millis = 20;
const LONGEST_PAUSE_MS: Millis = 1_000;
/** It does not know what it is asked: it is of an older release. */
const RETRY_STRANGER_MS: Millis = 30_000;

/** It was reached, and has trouble of its own. */
const OF_ITS_OWN: ReadonlySet<ErrorCode> = new Set(['DISK_FAILED', 'DISK_FULL', 'LIMIT_EXCEEDED']);

/** For an answer of a few bytes, and for one that has something in it. */
const SHORT_MS: Millis = 1_000;
const LONG_MS: Millis = 5_000;
const SHORT_BYTES = 64 * 1024;

/** The other instances: who is within reach, and who is to be tried again. */
export class Peers {
  readonly #options: PeersOptions & PeersEvents;
  /** Those that are away, and when each is tried again. */
  readonly #away = new Map<NodeId, Millis>();
  /** Nobody who is away is tried before. */
  #pauseUntil: Millis = 0;

  constructor(options: PeersOptions & PeersEvents) {
    this.#options = options;
  }

  get others(): readonly NodeId[] {
    const { members, self } = this.#options;
    return members().filter((id) => id !== self);
  }

  isAway(id: NodeId): boolean {
    return this.#away.has(id);
  }

  /** When somebody is to be tried again; never, when nobody is away. */
  get dueAt(): Millis {
    const times = this.others.map((id) => this.#away.get(id) ?? Infinity);
    return Math.max(this.#pauseUntil, Math.min(Infinity, ...times));
  }

  get reachable(): readonly NodeId[] {
    return this.others.filter((id) => !this.#away.has(id));
  }

  /** Who is away and was not tried for the longest while; it comes up again only after that while. */
  dueAgain(): NodeId | undefined {
    const now = this.#options.clock.now();
    if (now < this.#pauseUntil) return undefined;
    const { others } = this;
    const dueOf = (id: NodeId): Millis => this.#away.get(id) ?? Infinity;
    const [due] = others.filter((id) => dueOf(id) <= now).sort((a, b) => dueOf(a) - dueOf(b));
    if (due === undefined) return undefined;
    this.#away.set(due, this.#after(this.#pauseFor(due)));
    this.#pauseUntil = this.#after(Math.min(LONGEST_PAUSE_MS, others.length * PAUSE_PER_MEMBER_MS));
    return due;
  }

  /** It has said something: it may be within reach again. */
  onHeard(id: NodeId): void {
    const again = this.#away.get(id);
    // Not at once: whoever has called is comparing already, and has enough to do.
    const soon = this.#after(this.#pauseFor(id));
    if (again === undefined || again <= soon) return;
    this.#away.set(id, soon);
    this.#options.onDue();
  }

  ask(id: NodeId, request: PeerRequest, done: Done): void {
    const body = encodePeer(request);
    const isShort = request.kind !== 'fetch' && body.length <= SHORT_BYTES;
    this.#options.ask(id, body, {
      timeoutMs: isShort ? SHORT_MS : LONG_MS,
      done: (outcome) => {
        if (outcome.ok || OF_ITS_OWN.has(outcome.error.code)) this.#away.delete(id);
        else this.#lose(id, outcome.error.code);
        done(outcome);
      },
    });
  }

  keepOnly(members: readonly NodeId[]): void {
    for (const id of [...this.#away.keys()]) if (!members.includes(id)) this.#away.delete(id);
  }

  #lose(id: NodeId, code: ErrorCode): void {
    // Of several calls the first that fails decides: it is tried again while the others are still under way.
    const known = this.#away.get(id);
    if (code === 'MALFORMED') this.#away.set(id, this.#after(RETRY_STRANGER_MS));
    else if (known === undefined) this.#away.set(id, this.#after(this.#pauseFor(id)));
    this.#options.onDue();
  }

  #pauseFor(id: NodeId): Millis {
    return this.#options.self < id ? RETRY_AFTER_MS : RETRY_UNHURRIED_MS;
  }

  #after(pause: Millis): Millis {
    const { clock, random } = this.#options;
    return clock.now() + pause * (0.75 + random() / 2);
  }
}
