import { hostname } from 'node:os';
import type { Node } from '../node/node.ts';
import type { NodeListener, NodeStatus } from '../node/port.ts';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import type { Ballot, Misconduct } from '../protocol/misconduct.ts';
import { type Configuration, members } from '../protocol/state.ts';
import { encodeEnvelope } from '../tasks/codec.ts';
import type { TaskCommand, TaskResult } from '../tasks/command.ts';
import type { TaskEvent } from '../tasks/event.ts';
import type { ApplyResult, TaskMachine } from '../tasks/machine.ts';
import { ANNOUNCE_LEVEL, LATEST_LEVEL } from '../tasks/member.ts';
import type { UsageLimits } from '../tasks/usage.ts';
import type { AddressBook } from './address-book.ts';
import type { AttemptRunner } from './attempt.ts';
import { openDesk } from './attempt-desk.ts';
import { Auditor, type AuditorOptions } from './auditor.ts';
import { BlobExchange, type BlobPeer } from './blob-exchange.ts';
import type { BlobStore } from './blob-store.ts';
import { ClaimKeeper } from './claim-keeper.ts';
import type { Companion, CompanionFactory, CompanionHost, RequestHandler } from './companion.ts';
import { Coordinator } from './coordinator.ts';
import { publishEndpoint, withdrawEndpoint } from './endpoint.ts';
import type { SwarmFolder } from './layout.ts';
import { explained } from './level.ts';
import { noteRemoval } from './removal.ts';
import { CommandSession } from './session.ts';
import { hearMembers, orderQuarantine } from './verification.ts';
import { Watchers } from './watchers.ts';
import { Worker } from './worker.ts';

export interface InstanceOptions {
  readonly id: NodeId;
  readonly agent: string;
  readonly capabilities: readonly string[];
  /** Tasks it is given at once; 0: it takes what it wants by itself, and keeps it as long as it lives. */
  readonly capacity: number;
  readonly life: string;
  readonly leaseMs: Millis;
  /** How often the members are compared while this one leads; 0: never. */
  readonly verifyEveryMs: Millis;
  /** Of this package. */
  readonly version: string;
  readonly folder: SwarmFolder;
  readonly machine: TaskMachine;
  readonly runAttempt: AttemptRunner;
  /** Of the folder: how this machine calls the instance. */
  readonly name: NodeId;
  readonly addresses: AddressBook;
  readonly blobStore: BlobStore;
  /** Siblings that work inside this instance; default: none. */
  readonly companions?: readonly CompanionFactory[];
  /** Where another member keeps its contents; undefined while nobody knows where it is. */
  connect(memberId: string): BlobPeer | undefined;
  /** Budget of the swarm as it was founded. */
  readonly budget: UsageLimits;
  /** The level of commands that a peer understands; undefined while it has not been heard. */
  levelOf(peer: NodeId): number | undefined;
  onTrouble(error: unknown): void;
  onRoleChanged(status: NodeStatus): void;
  /** The swarm goes on without it: its work is given up, and its folder says so. */
  onRemoved?(): void;
  onRoomChanged?(shortage: SwarmError | undefined): void;
  /** The node stopped by itself: its disk failed, or a promise of the algorithm broke. */
  onStopped(error: Error): void;
}

/** A swarm that has no quorum for longer than this will hear it with the next start. */
const ANNOUNCE_TIMEOUT_MS = 60_000;
/** For a member to come to a checkpoint, and to look through its state. */
const AUDIT_TIMEOUT_MS = 10_000;
const SWEEP_INTERVAL_MS = 30_000;
/**
 * Between hearing of its removal and acting on it: time for the answer to whoever asked for it, and for a removed
 * leader to hand over. And whoever was let in again while it was away reads of its removal first.
 */
const REMOVAL_GRACE_MS = 1_000;

/**
 * One agent instance: its node follows the log, its worker does what the log assigns to it, and while
 * the node leads, its coordinator hands out the work.
 */
export class Instance {
  readonly watchers: Watchers;
  readonly #options: InstanceOptions;
  readonly #coordinator: Coordinator;
  readonly #auditor: Auditor;
  readonly #worker: Worker;
  readonly #session: CommandSession;
  readonly #claims: ClaimKeeper | undefined;
  readonly #blobs: BlobExchange;
  readonly #companions: readonly Companion[];
  /** Settles when this node has applied what was committed before the term that it is in. */
  readonly caughtUp: Promise<void>;
  #onCaughtUp: () => void = () => undefined;
  #url = '';
  #node: Node<ApplyResult> | undefined;
  #leading = false;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.caughtUp = new Promise((resolve) => {
      this.#onCaughtUp = resolve;
    });
    this.watchers = new Watchers(options.machine);
    this.#coordinator = new Coordinator({
      machine: options.machine,
      leaseMs: options.leaseMs,
      budget: options.budget,
      propose: (command) => this.#proposeOnce(command),
      silences: () => this.status().peers.map((peer) => ({ id: peer.id, silentMs: peer.lastContactMs ?? 0 })),
      isMember: (member) => this.#isMember(member),
      commonLevel: () => this.#commonLevel(),
    });
    this.#session = new CommandSession((command) => this.#send(command));
    const { id, blobStore: store, connect } = options;
    const configuration = (): Configuration => this.status().configuration;
    this.#auditor = new Auditor(this.#auditing(configuration));
    this.#blobs = new BlobExchange({ id, store, connect, configuration });
    const node = (): Node<ApplyResult> => this.#required();
    const desk = { ...options, instanceId: id, session: this.#session, blobs: this.#blobs, node };
    this.#worker = new Worker({ ...desk, openDesk: (task) => openDesk(desk, task) });
    this.#companions = (options.companions ?? []).map((create) => create(this.#host()));
    if (options.capacity === 0) this.#claims = new ClaimKeeper({ ...desk, holder: id });
  }

  /** What the node tells: in log order, each entry once. */
  readonly listener: NodeListener<ApplyResult> = {
    onApplied: (entry, applied) => {
      // Whoever votes from now on answers for what was stored before.
      if (entry.kind === 'config') this.#onConfiguration();
      // Each leader begins its term with one, behind all that was committed before. §8
      if (entry.kind === 'noop' && entry.term === this.status().term) this.#onCaughtUp();
      if (applied === undefined) return;
      this.#coordinator.onApplied(applied.events);
      this.#worker.onApplied(applied.events);
      this.#options.addresses.onApplied(applied.events);
      if (applied.events.some(({ type }) => type === 'level')) this.#announce();
      this.#noteNamed(applied.events);
      for (const companion of this.#companions) companion.onApplied?.(entry.index, applied.events);
      this.watchers.onApplied(entry.index, applied.events);
    },
    onRoleChanged: (status) => {
      this.watchers.onRoleChanged(status);
      this.#options.onRoleChanged(status);
      const leads = status.role === 'leader';
      if (leads === this.#leading) return;
      this.#leading = leads;
      if (leads) this.#lead();
      else this.#follow();
    },
    onRestored: (index) => {
      this.#options.addresses.onRestored();
      this.#worker.onRestored();
      for (const companion of this.#companions) companion.onRestored?.();
      this.watchers.onRestored(index);
    },
    onRemoved: () => {
      setTimeout(() => this.#goIfRemoved().catch(this.#options.onTrouble), REMOVAL_GRACE_MS);
    },
    onTrouble: (error) => this.#options.onTrouble(error),
    onRoomChanged: (shortage) => this.#options.onRoomChanged?.(shortage),
    onStopped: (error) => this.#options.onStopped(error),
  };

  #lead(): void {
    this.#coordinator.begin();
    this.#auditor.begin();
    for (const companion of this.#companions) companion.begin?.();
  }

  #follow(): void {
    this.#coordinator.end();
    this.#auditor.end();
    for (const companion of this.#companions) companion.end?.();
  }

  /** What the companions answer, by kind of request. */
  get requests(): ReadonlyMap<number, RequestHandler> {
    return new Map(this.#companions.flatMap(({ requests = new Map() }) => [...requests]));
  }

  #onConfiguration(): void {
    this.#fetchBlobs().catch(this.#options.onTrouble);
    for (const companion of this.#companions) companion.onConfiguration?.();
  }

  #host(): CompanionHost {
    const { folder, id, machine, name, onTrouble, version } = this.#options;
    return {
      ...{ folder, id, machine, name, onTrouble, version },
      status: () => this.status(),
      execute: (command, options) => this.#session.execute(command, options),
      readBarrier: async () => void (await settled((done) => this.#required().readBarrier(done))),
      changeMembership: (changes) => settled((done) => this.#required().changeMembership(changes, done)),
      transfer: (target) => settled((done) => this.#required().transfer(target, done)),
      shiftRank: (shift) => this.#required().shiftRank(shift),
      urlOf: (member) => this.#urlOf(member),
      quarantine: (member, why) => this.#quarantine(member, why),
    };
  }

  #urlOf(member: NodeId): string | undefined {
    return member === this.#options.id ? this.#url : this.#options.addresses.find(member);
  }

  #auditing(configuration: () => Configuration): AuditorOptions {
    const { folder, id, machine, onTrouble, verifyEveryMs, version } = this.#options;
    const how = { folder, version, timeoutMs: AUDIT_TIMEOUT_MS };
    const urlOf = (member: NodeId): string | null => this.#urlOf(member) ?? null;
    return {
      self: id,
      machine,
      everyMs: verifyEveryMs,
      configuration,
      checkpoint: (full) => this.#checkpoint(full),
      hear: (ids, at) =>
        hearMembers(
          ids.map((one) => ({ id: one, url: urlOf(one) })),
          at,
          how,
        ),
      quarantine: (member, order) => {
        this.noteMisconduct({ kind: 'divergence', subject: `member ${member}`, detail: order.why });
        return orderQuarantine({ id: member, url: urlOf(member) }, order, how);
      },
      onAlarm: onTrouble,
    };
  }

  async #checkpoint(full: boolean): Promise<number> {
    return indexOf(await this.#send(encodeEnvelope({ at: Date.now(), body: { kind: 'checkpoint', full } })));
  }

  /** At a checkpoint of its own: whoever has a note of it is who was meant, and not one that took its place. */
  async #quarantine(member: NodeId, why: string): Promise<void> {
    const { folder, version } = this.#options;
    const place = { id: member, url: this.#urlOf(member) ?? null };
    const order = { index: await this.#checkpoint(false), why };
    await orderQuarantine(place, order, { folder, version, timeoutMs: AUDIT_TIMEOUT_MS });
  }

  noteMisconduct(misconduct: Misconduct): void {
    for (const companion of this.#companions) companion.onMisconduct?.(misconduct);
  }

  noteBallot(ballot: Ballot): void {
    for (const companion of this.#companions) companion.onBallot?.(ballot);
  }

  /** Publishes where `node` is to be found, and joins the work as soon as there is a quorum. */
  start(node: Node<ApplyResult>, url: string): void {
    const { folder, name, life } = this.#options;
    this.#node = node;
    this.#url = url;
    publishEndpoint(folder, name, { url, pid: process.pid, host: hostname(), life, startedAt: Date.now() });
    this.#worker.join().catch(this.#options.onTrouble);
    this.#claims?.start();
    for (const companion of this.#companions) companion.start?.();
    this.#announce();
    this.#sweep = setInterval(() => this.#tidyBlobs().catch(this.#options.onTrouble), SWEEP_INTERVAL_MS);
  }

  /** Turns can follow each other faster than sweeps do. */
  #noteNamed(events: readonly TaskEvent[]): void {
    const { blobStore, machine } = this.#options;
    for (const event of events) {
      const saved = event.type === 'turn' ? machine.tasks.get(event.taskId)?.saved : undefined;
      if (saved?.blob !== undefined) blobStore.noteNamed(saved.blob.sha256);
    }
  }

  /** Contents beside the log: those that open tasks need are brought here, and those that none needs removed. */
  async #tidyBlobs(): Promise<void> {
    const { blobStore, machine } = this.#options;
    await this.#fetchBlobs();
    await blobStore.sweep(machine.namedBlobs());
  }

  #fetchBlobs(): Promise<void> {
    return this.#blobs.fetchMissing(this.#options.machine.namedBlobs());
  }

  /** Tells where this node is to be found, once there is anybody to tell. */
  #announce(): void {
    const { id, machine, onTrouble } = this.#options;
    if (machine.level < ANNOUNCE_LEVEL || machine.members.get(id)?.url === this.#url) return;
    const command = { kind: 'announce', memberId: id, url: this.#url } as const;
    this.#session.execute(command, { timeoutMs: ANNOUNCE_TIMEOUT_MS }).catch(onTrouble);
  }

  #isMember(id: string): boolean {
    return members(this.status().configuration).some((member) => member === id);
  }

  async #goIfRemoved(): Promise<void> {
    const { id, folder, name, onRemoved } = this.#options;
    if (this.#isMember(id)) return;
    noteRemoval(folder, name);
    clearInterval(this.#sweep);
    this.#claims?.stop();
    await Promise.all(this.#companions.map((companion) => companion.stop?.()));
    // First the node: whatever the worker has to report would wait for a leader that does not come any more.
    await this.#required().stop('hand-over');
    await this.#worker.dismiss();
    onRemoved?.();
  }

  #commonLevel(): number | undefined {
    const { id, levelOf } = this.#options;
    let common = LATEST_LEVEL;
    for (const member of members(this.status().configuration)) {
      const level = member === id ? LATEST_LEVEL : levelOf(member);
      if (level === undefined) return undefined;
      common = Math.min(common, level);
    }
    return common;
  }

  status(): NodeStatus {
    return this.#required().status();
  }

  /** Hands back what is unfinished. The node goes on. */
  drain(): Promise<void> {
    this.#claims?.stop();
    return this.#worker.leave();
  }

  async stop(manner: 'hand-over' | 'at-once'): Promise<void> {
    this.#claims?.stop();
    this.#follow();
    clearInterval(this.#sweep);
    await Promise.all(this.#companions.map((companion) => companion.stop?.()));
    await this.#required().stop(manner);
    this.#options.addresses.close();
    withdrawEndpoint(this.#options.folder, this.#options.name);
  }

  #send(command: Uint8Array): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      this.#required().propose(command, (outcome) => {
        const { level } = this.#options.machine;
        if (outcome.ok) resolve(explained(outcome.value.result.result, command, level));
        else reject(outcome.error);
      });
    });
  }

  async #proposeOnce(command: TaskCommand): Promise<boolean> {
    try {
      const result = await this.#send(encodeEnvelope({ at: Date.now(), body: command }));
      return result.ok;
    } catch (error) {
      if (error instanceof SwarmError) return false;
      throw error;
    }
  }

  #required(): Node<ApplyResult> {
    if (this.#node === undefined) throw new SwarmError('NOT_RUNNING', `${this.#options.id} has not started`);
    return this.#node;
  }
}

/** What a node calls back with, as a promise. */
function settled<T>(ask: (done: (outcome: Outcome<T>) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((outcome) => {
      if (outcome.ok) resolve(outcome.value);
      else reject(outcome.error);
    });
  });
}

/** @throws SwarmError when the checkpoint was refused: some member is of a release that does not know it. */
function indexOf(result: TaskResult): number {
  if (result.ok && 'index' in result.value) return result.value.index;
  throw new SwarmError('LEVEL_TOO_LOW', 'some member does not know checkpoints yet');
}
