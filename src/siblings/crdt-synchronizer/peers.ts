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
  /**
   * Asks another instance. Calls back once, never from within the call; when it takes longer than `timeoutMs` the link
   * counts for nothing any more, and the next call dials anew.
   */
  ask(peer: NodeId, request: Uint8Array, how: { readonly timeoutMs: Millis; readonly done: Done }): void;
}

interface PeersEvents {
  /** Somebody is to be tried again from now on. */
  onLost(): void;
}

/** Whoever was not to be reached is tried again after this: so soon after the links are whole all are together again. */
const RETRY_AFTER_MS: Millis = 250;
/** In a large swarm half of it may be away. */
const RETRIES_AT_ONCE = 4;
/** It does not know what it is asked: it is of an older release. */
const RETRY_STRANGER_MS: Millis = 30_000;

/** It was reached, and has trouble of its own. */
const OF_ITS_OWN: ReadonlySet<ErrorCode> = new Set(['DISK_FAILED', 'DISK_FULL', 'LIMIT_EXCEEDED']);

/** For an answer of a few bytes, and for one that has something in it. */
const SHORT_MS: Millis = 500;
const LONG_MS: Millis = 5_000;
const SHORT_BYTES = 64 * 1024;

/** The other instances: who is within reach, and who is to be tried again. */
export class Peers {
  readonly #options: PeersOptions & PeersEvents;
  /** Those that are away, and when each is tried again. */
  readonly #away = new Map<NodeId, Millis>();

  constructor(options: PeersOptions & PeersEvents) {
    this.#options = options;
  }

  get others(): readonly NodeId[] {
    const { members, self } = this.#options;
    return members().filter((id) => id !== self);
  }

  get isAnyAway(): boolean {
    return this.others.some((id) => this.#away.has(id));
  }

  get reachable(): readonly NodeId[] {
    return this.others.filter((id) => !this.#away.has(id));
  }

  /** Who is away and was not tried for a while; each comes up again only after that while. */
  dueAgain(): readonly NodeId[] {
    const now = this.#options.clock.now();
    const due = this.others
      .filter((id) => (this.#away.get(id) ?? Infinity) <= now)
      .sort((a, b) => (this.#away.get(a) ?? 0) - (this.#away.get(b) ?? 0));
    const tried = due.slice(0, RETRIES_AT_ONCE);
    for (const id of tried) this.#away.set(id, now + RETRY_AFTER_MS);
    return tried;
  }

  /** It has said something: it may be within reach again. */
  onHeard(id: NodeId): void {
    if (this.#away.has(id)) this.#away.set(id, 0);
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
    const { clock, onLost } = this.#options;
    this.#away.set(id, clock.now() + (code === 'MALFORMED' ? RETRY_STRANGER_MS : RETRY_AFTER_MS));
    onLost();
  }
}
