import { encodeStateVector } from 'yjs';
import { SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { Comparison, type TakenIn } from './comparison.ts';
import type { Library } from './library.ts';
import { isRelayed, neighboursOf } from './neighbours.ts';
import { News } from './news.ts';
import { encodePeer, type NamedUpdate, NOTHING_KNOWN, type PeerRequest } from './peer-wire.ts';
import { type Done, Peers, type PeersOptions } from './peers.ts';
import type { Presence } from './presence.ts';
import { Stability } from './stability.ts';

export interface GossipOptions extends PeersOptions {
  readonly library: Library;
  readonly presence: Presence;
  /** Takes in what came from another instance. `done` when it is on the disk. */
  takeIn(updates: readonly NamedUpdate[], done: TakenIn): void;
  /** False while something outside the documents would bring one back that was cleared. */
  mayForget(name: string): boolean;
  onTrouble(error: SwarmError): void;
}

/** Between two comparisons with somebody, while there is something to tell and while there is not. */
const COMPARE_EVERY_MS: Millis = 400;
const COMPARE_EVERY_QUIET_MS: Millis = 1_000;

/** Share of the comparisons that are with anybody, and not with one of those whom news are told. */
const AMONG_ALL = 1 / 8;

/**
 * What was cleared everywhere is forgotten after this: longer than any request lives, so that nothing is under way any
 * more that was sent before everybody had heard of it.
 */
const FORGET_AFTER_MS: Millis = 60_000;

/**
 * Brings the documents of all instances together, outside the log: news go out at once, and from time to time two
 * instances compare what they have, which brings over whatever was lost, and all that was written while they were apart.
 * Knows neither sockets nor disks, and no clock but the one that it is given.
 */
export class Gossip {
  readonly peers: Peers;
  readonly #options: GossipOptions;
  readonly #stability = new Stability();
  readonly #news: News;
  readonly #comparison: Comparison;
  /** Since when what was cleared is known everywhere. */
  readonly #stableSince = new Map<string, Millis>();
  /** Whose words are being taken in. */
  #source: { readonly from: NodeId; readonly isToldOn: boolean } | undefined;
  #cancelTick: (() => void) | undefined;
  #compareAt: Millis = 0;
  /** From the start of a look until its end, and before the start and after the stop. */
  #isTicking = true;

  constructor(options: GossipOptions) {
    this.#options = options;
    this.peers = new Peers({ ...options, onDue: () => this.#schedule() });
    const { clock, library, onTrouble, presence, self } = options;
    const parts = {
      clock,
      library,
      onTrouble,
      presence,
      self,
      peers: this.peers,
      stability: this.#stability,
    };
    this.#news = new News({ ...parts, onLeftBehind: (id) => this.#compare(id) });
    this.#comparison = new Comparison({
      ...parts,
      // Whoever was told by nobody else learns it from here: what was compared was missed by the news.
      takeIn: (updates, from, done) => this.#takeIn(updates, { from, isToldOn: true }, done),
    });
  }

  start(): void {
    this.#news.start();
    this.#tick();
  }

  stop(): void {
    this.#news.stop();
    this.#isTicking = true;
    this.#cancelTick?.();
  }

  /** Somebody belongs to the swarm, or does not any more. */
  onMembers(): void {
    const { members, presence } = this.#options;
    const all = members();
    presence.keepOnly(all);
    this.#stability.keepOnly(all);
    this.#news.keepOnly(all);
    this.#comparison.keepOnly(all);
    this.peers.keepOnly(all);
  }

  /** To be told of every change of the library, whoever made it. */
  onUpdate(name: string, update: Uint8Array): void {
    if (this.#source?.isToldOn === false) return;
    this.#news.add(name, update, this.#source?.from);
    this.#compareSoon();
  }

  /** Gives another instance all that it lacks of some documents, as far as is known. */
  hand(id: NodeId, names: readonly string[], done: TakenIn): void {
    const gives = names.map((name) => {
      const vector = this.#stability.vectorOf(id, name);
      return [name, vector === undefined ? NOTHING_KNOWN : encodeStateVector(new Map(vector))] as const;
    });
    this.#comparison.give(id, gives, done);
  }

  /** Takes what another instance has of a document, and this one lacks. */
  take(id: NodeId, name: string, done: TakenIn): void {
    this.#comparison.fetch(
      id,
      [[name, this.#options.library.find(name)?.stateVector ?? NOTHING_KNOWN]],
      done,
    );
  }

  /** Changes the library without telling anybody: all hear of it otherwise. */
  quietly(change: () => void): void {
    this.#source = { from: this.#options.self, isToldOn: false };
    try {
      change();
    } finally {
      this.#source = undefined;
    }
  }

  /** Answers what another instance asks. */
  handle(request: PeerRequest, done: Done): void {
    const from = request.from as NodeId;
    const members = this.#options.members();
    if (!members.includes(from)) return done({ ok: false, error: noMember(from, this.#options.self) });
    this.peers.onHeard(from);
    switch (request.kind) {
      case 'pull':
        return done({ ok: true, value: encodePeer(this.#comparison.listFor(request)) });
      case 'fetch':
        return done({ ok: true, value: encodePeer(this.#comparison.answerTo(request)) });
      case 'push': {
        const isToldOn = isRelayed(members);
        return this.#takeIn(request.updates, { from, isToldOn }, (taken) => {
          done(taken.ok ? { ok: true, value: encodePeer({ refused: [...taken.value] }) } : taken);
        });
      }
    }
  }

  #takeIn(
    updates: readonly NamedUpdate[],
    source: { readonly from: NodeId; readonly isToldOn: boolean },
    done: TakenIn,
  ): void {
    this.#source = source;
    try {
      this.#options.takeIn(updates, done);
    } finally {
      this.#source = undefined;
    }
  }

  #tick(): void {
    const { clock, presence, random } = this.#options;
    const now = clock.now();
    this.#isTicking = true;
    const due = this.peers.dueAgain();
    if (due !== undefined) this.#compare(due);
    if (now >= this.#compareAt) {
      presence.beat();
      this.#compareAt = now + COMPARE_EVERY_QUIET_MS * (0.75 + random() / 2);
      const chosen = this.#choose();
      if (chosen !== undefined) this.#compare(chosen);
      this.#forgetGone();
    }
    this.#isTicking = false;
    this.#schedule();
  }

  /** Mostly somebody to whom there is a link already; but what everybody has, everybody has to hear of everybody. */
  #choose(): NodeId | undefined {
    const { random, self } = this.#options;
    const { reachable } = this.peers;
    const among = random() < AMONG_ALL ? reachable : neighboursOf(self, reachable);
    return among[Math.floor(random() * among.length)];
  }

  /** The next look: at the next comparison, or when somebody who is away is to be tried again. */
  #schedule(): void {
    if (this.#isTicking) return;
    this.#cancelTick?.();
    const at = Math.min(this.#compareAt, this.peers.dueAt);
    this.#cancelTick = this.#options.clock.setTimer(at, () => this.#tick());
  }

  #compare(id: NodeId): void {
    this.#comparison.with(id, (isEqual) => {
      if (!isEqual) this.#compareSoon();
    });
  }

  #compareSoon(): void {
    const { clock, random } = this.#options;
    const soon = clock.now() + COMPARE_EVERY_MS * (0.75 + random() / 2);
    if (soon >= this.#compareAt) return;
    this.#compareAt = soon;
    this.#schedule();
  }

  /** Documents that were cleared, once everybody who belongs to the swarm has heard that long enough ago. */
  #forgetGone(): void {
    const { clock, library, mayForget } = this.#options;
    for (const name of library.names) {
      const document = library.find(name);
      if (document?.isGone !== true || !this.#stability.isStable(document, this.peers.others)) {
        this.#stableSince.delete(name);
        continue;
      }
      const since = this.#stableSince.get(name) ?? clock.now();
      this.#stableSince.set(name, since);
      if (clock.now() - since < FORGET_AFTER_MS || !mayForget(name)) continue;
      library.forget(name);
      this.#stability.forget(name);
      this.#stableSince.delete(name);
    }
  }
}

/** Whoever was removed, and does not know it yet; or has joined, which is not known here yet. */
function noMember(id: NodeId, self: NodeId): SwarmError {
  return new SwarmError(
    'UNKNOWN_NODE',
    `${self} knows no member ${id}: it was removed, or has not joined yet`,
  );
}
