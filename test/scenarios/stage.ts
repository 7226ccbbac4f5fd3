import { type Millis, type NodeId, nodeId } from '../../src/protocol/ids.ts';
import { invariant } from '../../src/protocol/invariant.ts';
import type { Message } from '../../src/protocol/message.ts';
import { configuration } from '../../src/protocol/state.ts';
import type { RaftConfig } from '../../src/raft/config.ts';
import type { Core } from '../../src/raft/core.ts';
import type { Effects, Event } from '../../src/raft/effects.ts';
import { checkDelta, checkState, sight } from '../../src/raft/invariants.ts';
import type { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { Invariants } from '../simulation/invariants.ts';
import { Actor } from './actor.ts';
import { Drive, type Past } from './drive.ts';
import { describeMessage } from './looks.ts';
import type { Narrator } from './narrator.ts';
import { deedsOf, sightOf } from './sentences.ts';
import { type Which, Wire } from './wire.ts';

interface StageOptions {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  /** Up, but no member yet. */
  readonly strangers: readonly string[];
  readonly seed: number;
  readonly narrator: Narrator;
  configOf(name: string): RaftConfig;
  pastOf(name: string): Past | undefined;
}

/** A node's place, which outlives the node. */
interface Seat {
  readonly id: NodeId;
  readonly drive: Drive;
  readonly links: Set<NodeId>;
  actor: Actor | undefined;
}

const MAX_TURNS = 1_000;

/**
 * Nodes, disks, wire and time under the story's hand. Everything that can be seen is told to the narrator, and
 * after every step the promises of Figure 3 are checked, as in the simulation.
 */
export class Stage {
  now: Millis = 0;
  /** While true, messages lie on the wire until they are delivered by name. */
  isNetworkHeld = false;
  readonly wire = new Wire();
  /** Types of message that are told when they are delivered. */
  shown: ReadonlySet<Message['type']> = new Set();
  readonly #options: StageOptions;
  readonly #seats = new Map<string, Seat>();
  readonly #invariants: Invariants;
  #lives = 0;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#invariants = new Invariants({
      bootstrap: this.#bootstrap,
      durable: (id) => this.#seat(id).drive.durable,
      onCommitted: () => undefined,
    });
    const { voters, learners, strangers, pastOf } = options;
    for (const name of [...voters, ...learners, ...strangers]) {
      const drive = new Drive(pastOf(name));
      this.#seats.set(name, { id: nodeId(name), drive, links: new Set(), actor: undefined });
      this.#boot(name);
    }
  }

  get names(): readonly string[] {
    return [...this.#seats.keys()];
  }

  isUp(name: string): boolean {
    return this.#seat(name).actor !== undefined;
  }

  /** Who plays `name` just now. */
  actor(name: string): Actor {
    const { actor } = this.#seat(name);
    invariant(actor !== undefined, `${name} is down`);
    return actor;
  }

  core(name: string): Core {
    return this.actor(name).core;
  }

  disk(name: string): MemoryDisk {
    return this.#seat(name).drive.platter;
  }

  // What happens to a node

  step(name: string, event: Event): Effects {
    const seat = this.#seat(name);
    const { core } = this.actor(name);
    const before = sightOf(core);
    const seen = sight(core);
    const effects = this.actor(name).step(event, this.now);
    for (const deed of deedsOf({ event, before, core, effects })) this.#options.narrator.tell(seat.id, deed);
    checkState(core);
    checkDelta(seen, sight(core));
    this.#invariants.check(seat.id);
    seat.drive.work();
    return effects;
  }

  /** `name` runs out of patience: time goes on to that, and nobody else notices. */
  campaign(name: string): void {
    const { role } = this.core(name);
    invariant(role.kind !== 'leader', `${name} leads already`);
    const { electionDeadline } = this.actor(name);
    invariant(electionDeadline < Number.POSITIVE_INFINITY, `${name} never stands for election`);
    this.now = Math.max(this.now, electionDeadline);
    this.step(name, { type: 'tick' });
  }

  // Time

  /** Whoever is due is woken, in order; what is said arrives at once unless the network is held. */
  elapse(ms: Millis): void {
    const end = this.now + ms;
    for (;;) {
      const due = this.#firstDue();
      if (due === undefined || due.deadline > end) break;
      this.now = Math.max(this.now, due.deadline);
      this.step(due.id, { type: 'tick' });
      this.settleUnlessHeld();
      const next = this.#seat(due.id).actor?.deadline ?? Number.POSITIVE_INFINITY;
      invariant(next > this.now, `${due.id} wants to be woken in the past: a busy loop`);
    }
    this.now = end;
  }

  #firstDue(): Actor | undefined {
    let first: Actor | undefined;
    for (const { actor } of this.#seats.values()) {
      if (actor !== undefined && (first === undefined || actor.deadline < first.deadline)) first = actor;
    }
    return first;
  }

  // The wire

  /** Delivers what lies on the wire now and is meant; not what comes of it. Returns how many that were. */
  deliver(which: Which): number {
    return this.#hearAll(this.wire.take(which));
  }

  /** The copies that went astray turn up after all. */
  deliverLate(): number {
    return this.#hearAll(this.wire.takeLate());
  }

  /** Delivers everything that is meant, and what comes of it. */
  settle(which: Which = {}): void {
    for (let turns = 0; this.wire.find(which).length > 0; turns++) {
      invariant(turns < MAX_TURNS, 'the nodes do not stop talking');
      this.deliver(which);
    }
  }

  settleUnlessHeld(): void {
    if (!this.isNetworkHeld) this.settle();
  }

  #hearAll(messages: readonly Message[]): number {
    for (const message of messages) {
      if (!this.isUp(message.to)) continue;
      if (this.shown.has(message.type)) this.#options.narrator.note(describeMessage(message));
      this.step(message.to, { type: 'message', message });
    }
    return messages.length;
  }

  link(left: string, right: string): void {
    for (const [end, peer] of bothWays(this.#seat(left), this.#seat(right))) {
      if (end.links.has(peer.id)) continue;
      end.links.add(peer.id);
      this.step(end.id, { type: 'link-opened', peer: peer.id });
    }
  }

  /** Whoever is up at an end notices it; what was under way is lost. */
  unlink(left: string, right: string): void {
    const ends = bothWays(this.#seat(left), this.#seat(right));
    if (!ends.some(([end, peer]) => end.links.has(peer.id))) return;
    this.wire.take({ from: left, to: right });
    this.wire.take({ from: right, to: left });
    for (const [end, peer] of ends) {
      if (!end.links.delete(peer.id) || end.actor === undefined) continue;
      this.step(end.id, { type: 'link-closed', peer: peer.id });
    }
  }

  // Disks and lives

  holdDisk(name: string): void {
    this.#seat(name).drive.isHeld = true;
  }

  /** The disk completes what it has been given, and what comes of it. */
  sync(name: string): void {
    this.#seat(name).drive.workOnce();
  }

  releaseDisk(name: string): void {
    this.#seat(name).drive.isHeld = false;
    this.sync(name);
  }

  snapshot(name: string): void {
    const seat = this.#seat(name);
    this.actor(name).takeSnapshot((outcome) => {
      // Whoever crashes meanwhile has none; everything else is no part of a story.
      if (!outcome.ok && outcome.error.code !== 'STOPPED') throw outcome.error;
    });
    seat.drive.work();
  }

  /** Gone, with everything that was not on the disk, and nobody is told. */
  crash(name: string): void {
    const seat = this.#seat(name);
    const lost = this.actor(name).crash();
    if (lost > 0) this.#options.narrator.tell(seat.id, `lost ${lost} ${lost === 1 ? 'write' : 'writes'}`);
    seat.actor = undefined;
    seat.drive.forget();
    seat.links.clear();
    this.#invariants.onEnded(seat.id);
  }

  /** A crash of the process alone: its machine closes the links. */
  kill(name: string): void {
    this.crash(name);
    this.#resetLinks(name);
  }

  /** A new life from what the disk holds. */
  restart(name: string): void {
    invariant(!this.isUp(name), `${name} is up; crash it first`);
    this.#resetLinks(name);
    this.#boot(name);
  }

  #resetLinks(name: string): void {
    for (const peer of this.names) if (peer !== name) this.unlink(peer, name);
  }

  #boot(name: string): void {
    const seat = this.#seat(name);
    const { id, drive } = seat;
    const { seed, configOf, strangers } = this.#options;
    this.#lives += 1;
    const actor: Actor = new Actor({
      id,
      config: configOf(name),
      seed: seed * 1_000 + this.#lives,
      now: this.now,
      bootstrap: strangers.includes(name) ? configuration([]) : this.#bootstrap,
      disk: drive.platter,
      scheduleDisk: (work) => drive.give(work),
      step: (event) => this.step(name, event),
      send: (message) => {
        this.#invariants.onSent(message);
        this.wire.send(message);
      },
      onApplied: (entry, result) => this.#invariants.onApplied(id, entry, result, actor.notebook.digest),
      onRestored: (index) => this.#invariants.onRestored(id, index, actor.notebook.digest),
    });
    seat.actor = actor;
    this.#invariants.onStarted(actor.core, actor.notebook.digest);
    this.step(name, { type: 'tick' });
  }

  get #bootstrap() {
    const { voters, learners } = this.#options;
    return configuration(voters.map(nodeId), learners.map(nodeId));
  }

  #seat(name: string): Seat {
    const seat = this.#seats.get(name);
    invariant(seat !== undefined, `there is no node ${name}`);
    return seat;
  }
}

function bothWays(left: Seat, right: Seat): readonly (readonly [Seat, Seat])[] {
  return [
    [left, right],
    [right, left],
  ];
}
