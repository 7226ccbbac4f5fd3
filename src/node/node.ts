import type { Entry } from '../protocol/entry.ts';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import { type ClusterId, INDEX_ZERO, type LogIndex, type Millis, type NodeId } from '../protocol/ids.ts';
import { InvariantError } from '../protocol/invariant.ts';
import { MAX_COMMAND_BYTES, MAX_PENDING_PROPOSALS } from '../protocol/limits.ts';
import type { Message } from '../protocol/message.ts';
import { type Configuration, isVoter, members } from '../protocol/state.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { Core } from '../raft/core.ts';
import type { Effects, Event } from '../raft/effects.ts';
import { createRaft, type Raft } from '../raft/raft.ts';
import { createRandom } from '../raft/random.ts';
import type { LogStorage } from '../storage/port.ts';
import type { Transport } from '../transport/port.ts';
import { HandOver } from './hand-over.ts';
import { Outbox } from './outbox.ts';
import type { Applied, Clock, NodeListener, NodeStatus, RaftNode, StateMachine } from './port.ts';
import { ProposalDesk } from './proposal-desk.ts';
import { ReadBarriers } from './reads.ts';
import { leaderOf, roleChanged, roleView, statusOf } from './status.ts';

export interface NodeOptions<Result> {
  readonly id: NodeId;
  readonly clusterId: ClusterId;
  /** In force while the log holds no configuration. */
  readonly bootstrap: Configuration;
  readonly config: RaftConfig;
  /** Seeds election timeouts and request numbers: fresh in every life of a node, and unlike its peers'. */
  readonly seed: number;
  /** How long a proposal or a read may wait. */
  readonly requestTimeoutMs?: Millis;
  readonly storage: LogStorage;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly machine: StateMachine<Result>;
  readonly listener: NodeListener<Result>;
}

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
  readonly #handOver = new HandOver();
  readonly #requestTimeoutMs: Millis;
  #appliedIndex: LogIndex = INDEX_ZERO;
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
      hardState: options.storage.recovered.hardState,
      entries: options.storage.recovered.entries,
      bootstrap: options.bootstrap,
    });
    this.#outbox = new Outbox(options.transport);
    this.#proposals = new ProposalDesk({
      id: options.id,
      retryAfterMs: options.config.heartbeatIntervalMs,
      core: this.#raft.core,
      firstBatch: firstNumber,
      send: (message) => this.#outbox.add([message]),
      append: (commands) => this.#step({ type: 'propose', commands })?.proposal,
    });
    options.storage.start({
      onDurable: (sequence) => this.#onDurable(sequence),
      onFailed: (error) => this.#fail(error),
    });
    options.transport.start({
      onMessages: (_from, messages) => this.#onMessages(messages),
      onLinkOpened: (peer) => this.#onLinkOpened(peer),
      onLinkClosed: (peer) => this.#onLinkClosed(peer),
    });
    options.transport.setPeers(members(options.bootstrap).filter((peer) => peer !== options.id));
    this.#step({ type: 'tick' });
  }

  propose(command: Uint8Array, done: (outcome: Outcome<Applied<Result>>) => void): void {
    const refusal = this.#refusal(command);
    if (refusal !== undefined) {
      done({ ok: false, error: refusal });
      return;
    }
    this.#proposals.add(command, this.#options.clock.now() + this.#requestTimeoutMs, done);
    this.#scheduleTurn();
  }

  readBarrier(done: (outcome: Outcome<LogIndex>) => void): void {
    if (this.#stopped) {
      done({ ok: false, error: stoppedError(this.id) });
      return;
    }
    this.#reads.add({ done, deadline: this.#options.clock.now() + this.#requestTimeoutMs });
    this.#scheduleTurn();
  }

  transfer(target: NodeId | undefined, done: (outcome: Outcome<NodeId>) => void): void {
    if (this.#stopped) {
      done({ ok: false, error: stoppedError(this.id) });
      return;
    }
    this.#awaitHandOver(done);
    this.#step({ type: 'transfer', target });
  }

  status(): NodeStatus {
    return {
      ...statusOf(this.#raft.core, this.#options.clock.now()),
      clusterId: this.#options.clusterId,
      appliedIndex: this.#appliedIndex,
      electionsWon: this.#electionsWon,
    };
  }

  /** The core's state, for checks. */
  inspect(): Readonly<Core> {
    return this.#raft.core;
  }

  committed(from: LogIndex, limit: number): readonly Entry[] {
    const { log } = this.#raft.core;
    const first = Math.max(from, 1) as LogIndex;
    return log.range(first, Math.min(log.commitIndex, first + limit - 1) as LogIndex);
  }

  stop(manner: 'hand-over' | 'at-once'): Promise<void> {
    if (manner === 'at-once') this.abandon();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Also after a failure: whoever stops by itself still holds its links and its folder. */
  async #close(): Promise<void> {
    const { core } = this.#raft;
    if (!this.#stopped && core.role.kind === 'leader' && reachesVoter(core)) {
      // Whether somebody took over or nobody could: this node goes.
      await new Promise<void>((resolve) => this.#giveAway(() => resolve()));
    }
    this.abandon();
    await this.#options.transport.close();
    await this.#options.storage.close();
  }

  /** Waits for the hand-over under way, or begins one. */
  #giveAway(done: (outcome: Outcome<NodeId>) => void): void {
    const { role } = this.#raft.core;
    if (role.kind === 'leader' && role.transfer !== undefined) this.#awaitHandOver(done);
    else this.transfer(undefined, done);
  }

  #awaitHandOver(done: (outcome: Outcome<NodeId>) => void): void {
    this.#handOver.begin(done, this.#options.clock.now() + 2 * this.#options.config.electionTimeoutMaxMs);
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
  }

  #refusal(command: Uint8Array): SwarmError | undefined {
    if (this.#stopped) return stoppedError(this.id);
    if (command.byteLength > MAX_COMMAND_BYTES) {
      return new SwarmError(
        'PROPOSAL_TOO_LARGE',
        `a command may have ${MAX_COMMAND_BYTES} bytes, this one has ${command.byteLength}`,
      );
    }
    if (this.#proposals.size >= MAX_PENDING_PROPOSALS) {
      return new SwarmError('BUSY', `${MAX_PENDING_PROPOSALS} commands are under way; try again in a moment`);
    }
    return undefined;
  }

  #onMessages(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.type === 'proposal-forward') this.#proposals.onForward(message);
      else if (message.type === 'proposal-receipt') this.#proposals.onReceipt(message);
      else this.#step({ type: 'message', message });
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
      if (roleChanged(before, this.#raft.core)) this.#onRoleChanged();
      this.#arm();
      if (this.#outbox.hasReady) this.#scheduleTurn();
      return effects;
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.#fail(error);
      return undefined;
    }
  }

  #carryOut(effects: Effects): void {
    const { durability } = this.#raft.core;
    if (effects.write !== undefined) this.#options.storage.write(effects.write);
    this.#outbox.add(effects.messages);
    if (durability.completed === durability.issued) this.#outbox.add(effects.messagesOnceDurable);
    else this.#outbox.hold(effects.messagesOnceDurable, durability.issued);
    for (const entry of effects.committed) this.#apply(entry);
    const retryAt = this.#options.clock.now() + this.#options.config.heartbeatIntervalMs;
    for (const reply of effects.reads) this.#reads.onReply(reply, this.#appliedIndex, retryAt);
    if (effects.committed.length > 0) this.#reads.onApplied(this.#appliedIndex);
    if (effects.transfer !== undefined) this.#handOver.onReply(effects.transfer);
  }

  #apply(entry: Entry): void {
    const result = entry.kind === 'command' ? this.#options.machine.apply(entry) : undefined;
    this.#appliedIndex = entry.index;
    this.#proposals.onApplied(entry, result);
    this.#options.listener.onApplied?.(entry, result);
  }

  #onRoleChanged(): void {
    const { core } = this.#raft;
    const leaderId = leaderOf(core);
    if (core.role.kind === 'leader') this.#electionsWon += 1;
    this.#proposals.onLeaderChanged(leaderId);
    this.#handOver.onLeader(leaderId, this.id);
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
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    this.#proposals.submit(now);
    const context = this.#reads.begin(now, now + 3 * this.#options.config.heartbeatIntervalMs);
    if (context !== undefined) this.#step({ type: 'read', context });
    if (this.#stopped) return;
    this.#outbox.flush();
    this.#arm();
  }

  #arm(): void {
    if (this.#stopped) return;
    const at = Math.min(
      this.#raft.deadline(),
      this.#proposals.deadline(),
      this.#reads.deadline(),
      this.#handOver.deadline(),
    );
    // A timer that fires early finds nothing due and is set anew: cheaper than moving it at each message.
    if (at === Number.POSITIVE_INFINITY || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.cancel();
    this.#timer = { at, cancel: this.#options.clock.setTimer(at, () => this.#onTimer()) };
  }

  #onTimer(): void {
    if (this.#stopped) return;
    this.#timer = undefined;
    const now = this.#options.clock.now();
    this.#proposals.expire(now);
    this.#reads.expire(now);
    this.#handOver.expire(now);
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

function reachesVoter(core: Core): boolean {
  return [...core.openLinks].some((peer) => isVoter(core.membership, peer));
}

function stoppedError(id: NodeId): SwarmError {
  return new SwarmError('STOPPED', `node ${id} has stopped`);
}
