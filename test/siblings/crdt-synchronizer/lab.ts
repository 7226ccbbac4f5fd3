import type { Outcome } from '../../../src/protocol/errors.ts';
import { SwarmError } from '../../../src/protocol/errors.ts';
import type { Millis, NodeId } from '../../../src/protocol/ids.ts';
import { Gossip } from '../../../src/siblings/crdt-synchronizer/gossip.ts';
import { Library } from '../../../src/siblings/crdt-synchronizer/library.ts';
import type { Operation } from '../../../src/siblings/crdt-synchronizer/operation.ts';
import { parsePeerRequest } from '../../../src/siblings/crdt-synchronizer/peer-wire.ts';
import { Presence } from '../../../src/siblings/crdt-synchronizer/presence.ts';
import { unpack } from '../../../src/swarm/wire.ts';
import { createNodeClock, VirtualTime } from '../../simulation/virtual-time.ts';

/** A generator of numbers from 0 to 1 that gives the same ones for the same seed (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Site {
  readonly id: NodeId;
  readonly library: Library;
  readonly gossip: Gossip;
  readonly presence: Presence;
  readonly troubles: SwarmError[];
  write(operation: Operation): void;
}

interface LabOptions {
  readonly seed: number;
  readonly sites: number;
  /** Share of requests and of answers that are lost. */
  readonly loss?: number;
  /** Beside something else that runs in that time. */
  readonly time?: VirtualTime;
  /** Whether a frame passes now; by default as `cut` and `heal` say. */
  passes?(from: NodeId, to: NodeId): boolean;
}

/** Instances' documents over a network that loses, delays and parts, in virtual time. The real engine, without sockets and disks. */
export class Lab {
  readonly time: VirtualTime;
  readonly sites: readonly Site[];
  members: readonly NodeId[];
  /** Bytes that were sent, requests, and the bytes of the largest request or answer. */
  readonly traffic = { bytes: 0, requests: 0, largest: 0 };
  readonly #options: LabOptions;
  readonly #chance: () => number;
  #apart: ReadonlySet<NodeId> = new Set();

  constructor(options: LabOptions) {
    this.#options = options;
    this.time = options.time ?? new VirtualTime();
    this.#chance = chanceOf(options.seed);
    this.members = Array.from({ length: options.sites }, (_, index) => `n${index + 1}` as NodeId);
    this.sites = this.members.map((id, index) => this.#found(id, index + 1));
    for (const { gossip } of this.sites) gossip.start();
  }

  #found(id: NodeId, client: number): Site {
    const clock = createNodeClock(this.time, id, { offsetMs: 1_000 * client, rate: 1 });
    const library: Library = new Library({ onUpdate: (name, update) => gossip.onUpdate(name, update) });
    // Their wall clocks are hours apart.
    library.takeUp({ client, actor: `${id}:${client}`, wallMs: () => this.time.now + client * 3_600_000 });
    const troubles: SwarmError[] = [];
    const words = () => ({ role: 'follower', term: 1, leader: null, applied: 0, working: [] });
    const presence = new Presence({ self: id, words, now: clock.now, wallMs: () => clock.now() });
    const gossip: Gossip = new Gossip({
      ...{ self: id, clock, library, presence, random: this.#chance },
      members: () => this.members,
      ask: (peer, request, how) => this.#carry({ from: id, to: peer, request }, how),
      takeIn: (updates, done) => {
        const refused = library.takeIn(updates);
        this.time.defer(id, () => done({ ok: true, value: refused }));
      },
      mayForget: () => true,
      onTrouble: (error) => troubles.push(error),
    });
    return { id, library, gossip, presence, troubles, write: (operation) => library.mutate(operation) };
  }

  site(number: number): Site {
    const found = this.sites[number - 1];
    if (found === undefined) throw new Error(`no site ${number}`);
    return found;
  }

  /** From now on nothing passes between these and the others. */
  cut(numbers: readonly number[]): void {
    this.#apart = new Set(numbers.map((number) => this.site(number).id));
  }

  heal(): void {
    this.#apart = new Set();
  }

  run(ms: Millis): void {
    const end = this.time.now + ms;
    this.time.schedule({ at: end, owner: undefined, run: () => undefined });
    while (this.time.now < end) this.time.step();
  }

  /** How long it took until `isSo`; stops after `atMost`. */
  runUntil(isSo: () => boolean, atMost: Millis): Millis {
    const begin = this.time.now;
    while (!isSo() && this.time.now - begin < atMost) this.run(1);
    return this.time.now - begin;
  }

  get isEqual(): boolean {
    return (
      new Set(this.sites.filter(({ id }) => this.members.includes(id)).map(({ library }) => library.root))
        .size === 1
    );
  }

  #passes(from: NodeId, to: NodeId): boolean {
    const { passes } = this.#options;
    return passes?.(from, to) ?? this.#apart.has(from) === this.#apart.has(to);
  }

  #carry(
    { from, request, to }: { readonly from: NodeId; readonly to: NodeId; readonly request: Uint8Array },
    {
      done,
      timeoutMs,
    }: { readonly timeoutMs: Millis; readonly done: (outcome: Outcome<Uint8Array>) => void },
  ): void {
    const { time } = this;
    let isDone = false;
    const finish = (outcome: Outcome<Uint8Array>): void => {
      if (!isDone) done(outcome);
      isDone = true;
    };
    const late = new SwarmError('TIMEOUT', `${to} has not answered`);
    time.schedule({ at: time.now + timeoutMs, owner: from, run: () => finish({ ok: false, error: late }) });
    this.traffic.requests += 1;
    this.#count(request);
    this.#deliver(from, to, () => {
      const target = this.sites.find(({ id }) => id === to);
      target?.gossip.handle(parsePeerRequest(unpack(request)), (outcome) => {
        if (outcome.ok) this.#count(outcome.value);
        this.#deliver(to, from, () => finish(outcome));
      });
    });
  }

  #count({ length }: Uint8Array): void {
    this.traffic.bytes += length;
    this.traffic.largest = Math.max(this.traffic.largest, length);
  }

  /** Also late, and out of order. */
  #deliver(from: NodeId, to: NodeId, run: () => void): void {
    if (this.#chance() < (this.#options.loss ?? 0) || !this.#passes(from, to)) return;
    const at = this.time.now + 1 + Math.floor(this.#chance() * 5);
    this.time.schedule({
      at,
      owner: to,
      run: () => {
        if (this.#passes(from, to)) run();
      },
    });
  }
}
