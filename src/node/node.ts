import type { Entry } from '../protocol/entry.ts';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import { INDEX_ZERO, type LogIndex, type Millis, type NodeId } from '../protocol/ids.ts';
import { InvariantError } from '../protocol/invariant.ts';
import { SNAPSHOT_EVERY_BYTES, SNAPSHOT_EVERY_ENTRIES } from '../protocol/limits.ts';
import type { Message } from '../protocol/message.ts';
import type { Configuration, SnapshotMeta } from '../protocol/state.ts';
import type { Core } from '../raft/core.ts';
import type { Effects, Event, ReadTrust } from '../raft/effects.ts';
import type { MembershipChange } from '../raft/membership.ts';
import { createRaft, type Raft } from '../raft/raft.ts';
import { createRandom } from '../raft/random.ts';
import { Applying } from './applying.ts';
import { HandOver } from './hand-over.ts';
import { MembershipWatch } from './membership.ts';
import type { NodeOptions } from './options.ts';
import { Outbox } from './outbox.ts';
import type { Applied, NodeStatus, RaftNode } from './port.ts';
import { ProposalDesk } from './proposal-desk.ts';
import { ReadBarriers } from './reads.ts';
import { refusalOfCommand, refusalOfRead, stoppedError } from './refusals.ts';
import { Snapshots } from './snapshots.ts';
import { leaderOf, roleChanged, roleView, statusOf } from './status.ts';

const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;

/** Starts a node: opens its links, takes up its log, stands as a follower. */
export function createNode<Result>(options: NodeOptions<Result>): Node<Result> {
  return new Node(options);
}

/**
 * The only loop. Every input becomes one `step` of the core, and its effects are carried out in a
 * fixed order: write ∥ send, apply, answer. Commands and reads that come in during one turn of the
 * event loop go in as one batch at its end, and each peer gets one frame.
 */
class Node<Result> implements RaftNode<Result> {
  readonly id: NodeId;
  readonly #options: NodeOptions<Result>;
  readonly #raft: Raft;
  readonly #outbox: Outbox;
  readonly #proposals: ProposalDesk<Result>;
  readonly #reads: ReadBarriers;
  readonly #handOver: HandOver;
  readonly #membership: MembershipWatch;
  readonly #snapshots: Snapshots;
  readonly #requestTimeoutMs: Millis;
  /** Whoever waits for something, and not for ever. */
  readonly #patient: readonly { deadline(): Millis; expire(now: Millis): void }[];
  readonly #applying: Applying;
  #electionsWon = 0;
  #turnScheduled = false;
  #stopped = false;
  #closing: Promise<void> | undefined;
  #timer: { readonly at: Millis; readonly cancel: () => void } | undefined;

  constructor(options: NodeOptions<Result>) {
    this.id = options.id;
    this.#options = options;
    this.#requestTimeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    const random = createRandom(options.seed);
    // Numbers of batches and reads go on from a place that no earlier life of this node has used.
    const firstNumber = Math.floor(random() * 2 ** 32) * 2 ** 20;
    this.#reads = new ReadBarriers(firstNumber);
    this.#raft = createRaft({
      id: options.id,
      config: options.config,
      random,
      now: options.clock.now(),
      ...options.storage.recovered,
      bootstrap: options.bootstrap,
    });
    const { core } = this.#raft;
    this.#applying = new Applying(core.snapshot?.index ?? INDEX_ZERO, (entry) => this.#apply(entry));
    this.#outbox = new Outbox(options.transport);
    this.#proposals = new ProposalDesk({
      id: options.id,
      retryAfterMs: options.config.heartbeatIntervalMs,
      core,
      firstBatch: firstNumber,
      send: (message) => this.#outbox.add([message]),
      append: (commands) =>
        options.storage.shortage === undefined
          ? this.#step({ type: 'propose', commands })?.proposal
          : { kind: 'refused', code: 'DISK_FULL' },
    });
    this.#snapshots = new Snapshots({
      core,
      store: options.storage.snapshots,
      machine: options.machine,
      everyBytes: options.snapshotEveryBytes ?? SNAPSHOT_EVERY_BYTES,
      everyEntries: options.snapshotEveryEntries ?? SNAPSHOT_EVERY_ENTRIES,
      send: (message) => {
        this.#outbox.add([message]);
        this.#scheduleTurn();
      },
      step: (event) => this.#step(event),
      onTrouble: (error) => options.listener.onTrouble?.(error),
    });
    this.#handOver = new HandOver({ core, clock: options.clock, step: (event) => this.#step(event) });
    this.#membership = new MembershipWatch({
      core,
      onPeers: (peers) => {
        // What tells somebody of its removal must leave before the link to it is closed.
        this.#outbox.flush();
        options.transport.setPeers(peers);
      },
      onRemoved: () => options.listener.onRemoved?.(),
    });
    this.#patient = [this.#proposals, this.#reads, this.#handOver, this.#membership, this.#snapshots];
    options.storage.start({
      onDurable: (sequence) => this.#onDurable(sequence),
      onFailed: (error) => this.#fail(error),
      onRoomChanged: (shortage) => options.listener.onRoomChanged?.(shortage),
    });
    options.transport.start({
      onMessages: (_from, messages) => this.#onMessages(messages),
      onLinkOpened: (peer) => this.#onLinkOpened(peer),
      onLinkClosed: (peer) => this.#onLinkClosed(peer),
      onStranger: (peer) => !this.#stopped && this.#membership.admitGuest(peer, options.clock.now()),
    });
    this.#membership.look();
    this.#step({ type: 'tick' });
  }

  propose(command: Uint8Array, done: (outcome: Outcome<Applied<Result>>) => void): void {
    const refusal = this.#stopped
      ? stoppedError(this.id)
      : (this.#options.storage.shortage ?? refusalOfCommand(command, this.#proposals));
    if (refusal !== undefined) {
      done({ ok: false, error: refusal });
      return;
    }
    this.#proposals.add(command, this.#requestDeadline(), done);
    this.#scheduleTurn();
  }

  readBarrier(done: (outcome: Outcome<LogIndex>) => void, trust: ReadTrust = 'quorum'): void {
    const refusal = this.#stopped ? stoppedError(this.id) : refusalOfRead(this.#reads);
    if (refusal !== undefined) {
      done({ ok: false, error: refusal });
      return;
    }
    this.#reads.add({ done, deadline: this.#requestDeadline(), trust });
    this.#scheduleTurn();
  }

  changeMembership(
    changes: readonly MembershipChange[],
    done: (outcome: Outcome<Configuration>) => void,
  ): void {
    const reply = this.#step({ type: 'change-membership', changes })?.membership;
    if (reply === undefined) done({ ok: false, error: stoppedError(this.id) });
    else this.#membership.begin(reply, this.#requestDeadline(), done);
    // A cluster of one has committed it at once.
    this.#membership.look();
    this.#arm();
  }

  snapshot(done: (outcome: Outcome<SnapshotMeta>) => void): void {
    if (this.#stopped) done({ ok: false, error: stoppedError(this.id) });
    else this.#snapshots.take(this.#applying.index, done);
  }

  transfer(target: NodeId | undefined, done: (outcome: Outcome<NodeId>) => void): void {
    if (this.#stopped) done({ ok: false, error: stoppedError(this.id) });
    else this.#handOver.request(target, done);
  }

  shiftRank(shift: number): void {
    this.#step({ type: 'shift-rank', shift });
  }

  status(): NodeStatus {
    return {
      ...statusOf(this.#raft.core, this.#options.clock.now()),
      clusterId: this.#options.clusterId,
      appliedIndex: this.#applying.index,
      electionsWon: this.#electionsWon,
      snapshotBytes: this.#options.storage.snapshots.latestBytes,
    };
  }

  /** The core's state, for checks. */
  inspect(): Readonly<Core> {
    return this.#raft.core;
  }

  committed(from: LogIndex, limit: number): readonly Entry[] {
    const { log } = this.#raft.core;
    const first = Math.max(from, log.firstIndex) as LogIndex;
    return log.range(first, Math.min(log.commitIndex, first + limit - 1) as LogIndex);
  }

  stop(manner: 'hand-over' | 'at-once'): Promise<void> {
    if (manner === 'at-once') this.abandon();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Also after a failure: whoever stops by itself still holds its links and its folder. */
  async #close(): Promise<void> {
    if (!this.#stopped && this.#handOver.isPossible()) {
      // Whether somebody took over or nobody could: this node goes.
      await new Promise<void>((resolve) => this.#handOver.giveAway(() => resolve()));
    }
    this.abandon();
    try {
      await this.#options.transport.close();
    } finally {
      await this.#options.storage.close();
    }
  }

  /** Stops at once, without a word to anybody: what a crash does. Pending callbacks get `STOPPED`. */
  abandon(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    const error = stoppedError(this.id);
    this.#proposals.stop(error.message);
    this.#reads.failAll(error);
    this.#handOver.fail(error);
    this.#membership.fail(error);
    this.#snapshots.stop(error);
  }

  #requestDeadline(): Millis {
    return this.#options.clock.now() + this.#requestTimeoutMs;
  }

  #onMessages(messages: readonly Message[]): void {
    for (const message of messages) {
      if (this.#proposals.onMessage(message)) continue;
      this.#step({ type: 'message', message });
      this.#snapshots.onMessage(message);
    }
    this.#scheduleTurn();
  }

  #onLinkOpened(peer: NodeId): void {
    this.#step({ type: 'link-opened', peer });
    // Commands may have waited for this way to the leader.
    this.#scheduleTurn();
  }

  #onLinkClosed(peer: NodeId): void {
    this.#proposals.onLinkClosed(peer);
    this.#snapshots.onLinkClosed(peer);
    this.#step({ type: 'link-closed', peer });
  }

  #onDurable(sequence: number): void {
    this.#outbox.release(sequence);
    this.#step({ type: 'durable', sequence });
  }

  /** One event in, its effects out. Returns them for the caller that waits for its reply. */
  #step(event: Event): Effects | undefined {
    if (this.#stopped) return undefined;
    const before = roleView(this.#raft.core);
    try {
      const effects = this.#raft.step(event, this.#options.clock.now());
      this.#carryOut(effects);
      this.#membership.look();
      if (roleChanged(before, this.#raft.core)) this.#onRoleChanged();
      this.#arm();
      if (this.#outbox.hasReady) this.#scheduleTurn();
      return effects;
    } catch (error) {
      // Half of the effects may be carried out: nothing may be built on that, whoever threw.
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      if (!(error instanceof InvariantError || error instanceof SwarmError)) throw error;
      return undefined;
    }
  }

  #carryOut(effects: Effects): void {
    const { durability } = this.#raft.core;
    if (effects.restored !== undefined) this.#restore(effects.restored);
    if (effects.write !== undefined) this.#options.storage.write(effects.write);
    this.#outbox.add(effects.messages);
    if (durability.completed === durability.issued) this.#outbox.add(effects.messagesOnceDurable);
    else this.#outbox.hold(effects.messagesOnceDurable, durability.issued);
    this.#applying.add(effects.committed);
    if (this.#applying.isBehind || effects.restored !== undefined) this.#applySome();
    const retryAt = this.#options.clock.now() + this.#options.config.heartbeatIntervalMs;
    for (const reply of effects.reads) this.#reads.onReply(reply, this.#applying.index, retryAt);
    if (effects.compactTo !== undefined) this.#options.storage.compact(effects.compactTo);
    for (const peer of effects.snapshotsTo) this.#snapshots.sendTo(peer);
    if (effects.transfer !== undefined) this.#handOver.onReply(effects.transfer);
  }

  #applySome(): void {
    this.#applying.goOn();
    this.#reads.onApplied(this.#applying.index);
    if (this.#applying.isBehind) this.#scheduleTurn();
  }

  #apply(entry: Entry): void {
    const result = entry.kind === 'command' ? this.#options.machine.apply(entry) : undefined;
    this.#snapshots.onApplied(entry);
    this.#proposals.onApplied(entry, result);
    this.#options.listener.onApplied?.(entry, result);
  }

  #restore({ index }: SnapshotMeta): void {
    this.#snapshots.finishRestoration();
    this.#applying.onRestored(index);
    this.#proposals.onRestored(index);
    this.#options.listener.onRestored?.(index);
  }

  #onRoleChanged(): void {
    const { core } = this.#raft;
    const leaderId = leaderOf(core);
    if (core.role.kind === 'leader') this.#electionsWon += 1;
    else {
      this.#snapshots.endSending();
      this.#membership.onLeadershipLost();
    }
    this.#proposals.onLeaderChanged(leaderId);
    this.#handOver.onLeader(leaderId);
    this.#options.listener.onRoleChanged?.(this.status());
    if (leaderId !== undefined) {
      this.#reads.retryNow();
      this.#scheduleTurn();
    }
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#stopped) return;
    this.#turnScheduled = true;
    this.#options.clock.defer(() => this.#endTurn());
  }

  /** What gathered during the turn goes on together. */
  #endTurn(): void {
    this.#turnScheduled = false;
    if (this.#applying.isBehind) this.#step({ type: 'tick' });
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    this.#proposals.submit(now);
    const attempts = this.#reads.begin(now, now + 3 * this.#options.config.heartbeatIntervalMs);
    for (const attempt of attempts) this.#step({ type: 'read', ...attempt });
    if (this.#stopped) return;
    this.#snapshots.takeIfDue(this.#applying.index);
    this.#outbox.flush();
    this.#arm();
  }

  #arm(): void {
    if (this.#stopped) return;
    const at = Math.min(this.#raft.deadline(), ...this.#patient.map((waiting) => waiting.deadline()));
    // A timer that fires early finds nothing due and is set anew: cheaper than moving it at each message.
    if (at === Number.POSITIVE_INFINITY || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.cancel();
    this.#timer = { at, cancel: this.#options.clock.setTimer(at, () => this.#onTimer()) };
  }

  #onTimer(): void {
    if (this.#stopped) return;
    this.#timer = undefined;
    const now = this.#options.clock.now();
    for (const waiting of this.#patient) waiting.expire(now);
    this.#step({ type: 'tick' });
    this.#scheduleTurn();
  }

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.abandon();
    this.#options.listener.onStopped?.(error);
  }
}

export type { Node };
