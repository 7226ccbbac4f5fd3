import type { Entry } from '../../src/protocol/entry.ts';
import { logIndex, type Millis, type NodeId, nodeId, TERM_ZERO, term } from '../../src/protocol/ids.ts';
import { invariant } from '../../src/protocol/invariant.ts';
import type { Message } from '../../src/protocol/message.ts';
import { configuration, type HardState, type SnapshotMeta } from '../../src/protocol/state.ts';
import { type RaftConfigOverrides, raftConfig } from '../../src/raft/config.ts';
import type { Core, Leader } from '../../src/raft/core.ts';
import type { Effects, Event, MembershipReply, ReadReply, TransferReply } from '../../src/raft/effects.ts';
import { checkDelta, checkState, type Sighting, sight } from '../../src/raft/invariants.ts';
import type { MembershipChange } from '../../src/raft/membership.ts';
import type { Progress } from '../../src/raft/progress.ts';
import { createRaft, type Raft } from '../../src/raft/raft.ts';
import { createRandom } from '../../src/raft/random.ts';
import { HeldDisk } from './disk.ts';
import { entries } from './messages.ts';

export interface ClusterOptions {
  readonly voters: readonly string[];
  readonly learners?: readonly string[];
  readonly config?: RaftConfigOverrides;
  /** What differs from `config` on single nodes. */
  readonly configs?: Readonly<Record<string, RaftConfigOverrides>>;
  /** Terms of the entries that a node's disk holds at the start. */
  readonly logs?: Readonly<Record<string, readonly number[]>>;
  /** Nodes that are up but belong to nobody yet. */
  readonly strangers?: readonly string[];
  /** Terms of the nodes at the start; the last of the log where nothing is said. */
  readonly terms?: Readonly<Record<string, number>>;
  readonly seed?: number;
}

/** Which messages on the wire are meant; what is not named may be anything. */
export interface Which {
  readonly from?: string;
  readonly to?: string;
  readonly type?: Message['type'];
}

interface Member {
  readonly id: NodeId;
  readonly disk: HeldDisk;
  raft: Raft;
  up: boolean;
  seen: Sighting;
  /** Messages that wait for the disk. */
  waiting: { readonly sequence: number; readonly message: Message }[];
  applied: Entry[];
  /** The state machine: the last index it holds, applied or by a snapshot. */
  appliedIndex: number;
  reads: ReadReply[];
  transfers: TransferReply[];
}

/**
 * Several real cores and everything around them under the test's hand: messages lie on the wire until
 * delivered or dropped, a held disk completes writes when told to, time passes when told to.
 *
 * After every step it checks the node (`checkState`, `checkDelta`), that no term has two leaders, and
 * that all nodes commit the same entries.
 */
export class Cluster {
  now: Millis = 0;
  readonly #options: ClusterOptions;
  readonly #members = new Map<string, Member>();
  readonly #cuts = new Set<string>();
  readonly #leaders = new Map<number, NodeId>();
  readonly #committed: Entry[] = [];
  #wire: Message[] = [];
  #lives = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { voters, learners = [], strangers = [] } = options;
    for (const name of [...voters, ...learners, ...strangers]) {
      const log = entries(0, options.logs?.[name] ?? []);
      const known = term(options.terms?.[name] ?? log.at(-1)?.term ?? TERM_ZERO);
      const disk = new HeldDisk({ term: known, votedFor: undefined }, log);
      this.#members.set(name, this.#boot(nodeId(name), disk));
    }
  }

  // What a test looks at

  core(name: string): Core {
    return this.#member(name).raft.core;
  }

  role(name: string): Core['role']['kind'] {
    return this.core(name).role.kind;
  }

  /** The leader's book of `name`, which must lead. */
  leading(name: string): Leader {
    const { role } = this.core(name);
    invariant(role.kind === 'leader', `${name} is a ${role.kind}`);
    return role;
  }

  progress(leader: string, peer: string): Progress {
    const progress = this.leading(leader).progress.get(nodeId(peer));
    invariant(progress !== undefined, `${leader} knows nothing of ${peer}`);
    return progress;
  }

  deadline(name: string): Millis {
    return this.#member(name).raft.deadline();
  }

  /** The terms of a node's log, as far as it is not in a snapshot. */
  log(name: string): number[] {
    const { log } = this.core(name);
    return log.range(log.firstIndex, log.lastIndex).map((entry) => entry.term);
  }

  commit(name: string): number {
    return this.core(name).log.commitIndex;
  }

  /** Terms on a node's disk: what a crash would leave. */
  onDisk(name: string): { readonly hardState: HardState; readonly log: readonly number[] } {
    const { disk } = this.#member(name);
    return { hardState: disk.hardState, log: disk.entries.map((entry) => entry.term) };
  }

  /** Indexes that a node handed to its state machine in this life. */
  applied(name: string): readonly number[] {
    return this.#member(name).applied.map((entry) => entry.index);
  }

  reads(name: string): readonly ReadReply[] {
    return this.#member(name).reads;
  }

  transfers(name: string): readonly TransferReply[] {
    return this.#member(name).transfers;
  }

  wire(which: Which = {}): readonly Message[] {
    return this.#wire.filter((message) => matches(message, which));
  }

  // What happens to the nodes

  step(name: string, event: Event): Effects {
    const member = this.#member(name);
    invariant(member.up, `${name} is down`);
    const effects = member.raft.step(event, this.now);
    this.#carryOut(member, effects);
    if (!member.disk.held) this.sync(name);
    return effects;
  }

  /** A message out of nowhere: delivered at once. Returns what `message.to` sent at this. */
  hear(message: Message): readonly Message[] {
    const before = new Set(this.#wire);
    this.step(message.to, { type: 'message', message });
    return this.#wire.filter((sent) => !before.has(sent));
  }

  propose(name: string, ...commands: readonly (string | Uint8Array)[]): Effects {
    const bytes = commands.map((each) => (typeof each === 'string' ? new TextEncoder().encode(each) : each));
    return this.step(name, { type: 'propose', commands: bytes });
  }

  /** Asks `name` for a change, e.g. `add-voter d`. */
  change(name: string, ...changes: readonly string[]): MembershipReply {
    const { membership } = this.step(name, {
      type: 'change-membership',
      changes: changes.map((text) => {
        const [type, id = ''] = text.split(' ');
        return { type: type as MembershipChange['type'], id: nodeId(id) };
      }),
    });
    invariant(membership !== undefined, `${name} gave no answer`);
    return membership;
  }

  /** `name` snapshots what it has applied. */
  saveSnapshot(name: string): SnapshotMeta {
    const { disk, appliedIndex } = this.#member(name);
    const { log, configurations } = this.core(name);
    const index = logIndex(appliedIndex);
    const snapshot = { index, term: log.termAt(index) ?? TERM_ZERO, configuration: configurations.at(index) };
    disk.saveSnapshot(snapshot);
    this.step(name, { type: 'snapshot-saved', snapshot });
    return snapshot;
  }

  /** The whole file of a snapshot arrives at `to`, which answers `from`. */
  sendSnapshot(from: string, to: string, snapshot = this.core(from).snapshot): void {
    invariant(snapshot !== undefined, `${from} has no snapshot`);
    this.#member(to).disk.saveSnapshot(snapshot);
    this.step(to, { type: 'snapshot-received', snapshot });
    this.#send({
      type: 'snapshot-answer',
      from: nodeId(to),
      to: nodeId(from),
      term: this.core(to).term,
      index: snapshot.index,
      status: 'installed',
      heldBytes: 0,
    });
  }

  /** Goes to the node's deadline and wakes it. */
  tick(name: string): Effects {
    const deadline = this.deadline(name);
    invariant(deadline < Number.POSITIVE_INFINITY, `${name} waits for nothing`);
    this.now = Math.max(this.now, deadline);
    return this.step(name, { type: 'tick' });
  }

  /** Time passes and nobody notices. */
  wait(ms: Millis): void {
    this.now += ms;
  }

  /** Time passes; whoever is due is woken, and all that is said arrives at once. */
  run(ms: Millis): void {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.#members.values()]
        .filter((member) => member.up)
        .sort((left, right) => left.raft.deadline() - right.raft.deadline())[0];
      if (due === undefined || due.raft.deadline() > end) break;
      this.tick(due.id);
      invariant(due.raft.deadline() > this.now, `${due.id} wants to be woken in the past: a busy loop`);
      this.settle();
    }
    this.now = end;
  }

  /** `name` runs out of patience, campaigns, and everybody hears it out. */
  elect(name: string): void {
    this.tick(name);
    this.settle();
    this.leading(name);
  }

  /** `name` campaigns until it leads; nothing that it says as a leader is delivered yet. */
  campaign(name: string): void {
    const ballot = ['pre-vote-request', 'pre-vote-response', 'vote-request', 'vote-response'] as const;
    for (let rounds = 0; this.role(name) !== 'leader'; rounds++) {
      invariant(rounds < 20, `${name} is not elected`);
      this.tick(name);
      for (let turns = 0; turns < 3; turns++) for (const type of ballot) this.deliver({ type });
    }
  }

  // The wire

  /** Delivers what lies on the wire now and matches, in order; not what comes of it. Returns it. */
  deliver(which: Which = {}): readonly Message[] {
    const chosen = this.#take(which);
    for (const message of chosen) {
      if (this.#member(message.to).up) this.step(message.to, { type: 'message', message });
    }
    return chosen;
  }

  drop(which: Which = {}): readonly Message[] {
    return this.#take(which);
  }

  /** Delivers everything, and everything that comes of it. */
  settle(which: Which = {}): void {
    for (let rounds = 0; this.wire(which).length > 0; rounds++) {
      invariant(rounds < 1_000, 'the nodes do not stop talking');
      this.deliver(which);
    }
  }

  /** What nodes of different groups say to each other from now on is lost. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#cuts.clear();
    for (const left of groups) {
      for (const right of groups) {
        if (left !== right) for (const from of left) for (const to of right) this.#cuts.add(`${from}→${to}`);
      }
    }
    this.#wire = this.#wire.filter((message) => !this.#isCut(message));
  }

  /** Messages in this direction are lost. */
  mute(from: string, to: string): void {
    this.#cuts.add(`${from}→${to}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  openLink(left: string, right: string): void {
    this.step(left, { type: 'link-opened', peer: nodeId(right) });
    this.step(right, { type: 'link-opened', peer: nodeId(left) });
  }

  /** Both ends that are up notice it; what was under way is lost. */
  closeLink(left: string, right: string): void {
    this.drop({ from: left, to: right });
    this.drop({ from: right, to: left });
    for (const [end, peer] of [
      [left, right],
      [right, left],
    ] as const) {
      if (this.#member(end).up) this.step(end, { type: 'link-closed', peer: nodeId(peer) });
    }
  }

  // Disks and lives

  /** From now on writes wait for `sync`. */
  holdDisk(name: string): void {
    this.#member(name).disk.held = true;
  }

  releaseDisk(name: string): void {
    this.#member(name).disk.held = false;
    this.sync(name);
  }

  /** Completes the oldest `writes` (all) that are under way, with one answer. */
  sync(name: string, writes = Number.POSITIVE_INFINITY): void {
    const member = this.#member(name);
    const completed = member.disk.complete(writes);
    if (completed === undefined) return;
    const released = member.waiting.filter(({ sequence }) => sequence <= completed);
    member.waiting = member.waiting.filter(({ sequence }) => sequence > completed);
    for (const { message } of released) this.#send(message);
    this.step(name, { type: 'durable', sequence: completed });
  }

  /** Gone, with everything that was not on the disk. */
  crash(name: string): void {
    const member = this.#member(name);
    member.up = false;
    member.disk.forget();
    member.waiting = [];
  }

  /** A new life from what the disk holds. */
  restart(name: string): void {
    const { disk, up } = this.#member(name);
    if (up) this.crash(name);
    this.#members.set(name, this.#boot(nodeId(name), disk));
  }

  #boot(id: NodeId, disk: HeldDisk): Member {
    const { voters, learners = [], strangers = [], config, configs, seed = 1 } = this.#options;
    this.#lives += 1;
    const isStranger = strangers.includes(id);
    const raft = createRaft({
      id,
      config: raftConfig({ ...config, ...configs?.[id] }),
      random: createRandom(seed * 1_000 + this.#lives),
      now: this.now,
      hardState: disk.hardState,
      snapshot: disk.snapshot,
      ...disk.recover(),
      bootstrap: isStranger ? configuration([]) : configuration(voters.map(nodeId), learners.map(nodeId)),
    });
    return {
      id,
      disk,
      raft,
      up: true,
      seen: sight(raft.core),
      waiting: [],
      applied: [],
      appliedIndex: disk.snapshot?.index ?? 0,
      reads: [],
      transfers: [],
    };
  }

  #carryOut(member: Member, effects: Effects): void {
    const { core } = member.raft;
    this.#check(member);
    if (effects.restored !== undefined) member.appliedIndex = effects.restored.index;
    if (effects.write !== undefined) member.disk.push(effects.write);
    for (const message of effects.messages) this.#send(message);
    const { issued, completed } = core.durability;
    for (const message of effects.messagesOnceDurable) {
      if (issued === completed) this.#send(message);
      else member.waiting.push({ sequence: issued, message });
    }
    for (const entry of effects.committed) this.#apply(member, entry);
    member.reads.push(...effects.reads);
    if (effects.transfer !== undefined) member.transfers.push(effects.transfer);
  }

  #check(member: Member): void {
    const { core } = member.raft;
    checkState(core);
    const after = sight(core);
    checkDelta(member.seen, after);
    member.seen = after;
    if (after.role !== 'leader') return;
    const other = this.#leaders.get(after.term);
    invariant(
      other === undefined || other === core.id,
      `${other} and ${core.id} both led term ${after.term}`,
    );
    this.#leaders.set(after.term, core.id);
  }

  #apply(member: Member, entry: Entry): void {
    invariant(entry.index === member.appliedIndex + 1, `${member.id} skips to ${entry.index}`);
    member.appliedIndex = entry.index;
    member.applied.push(entry);
    const known = this.#committed[entry.index - 1];
    invariant(
      known === undefined || known.term === entry.term,
      `entry ${entry.index} was committed in terms ${known?.term} and ${entry.term}`,
    );
    this.#committed[entry.index - 1] = entry;
  }

  #send(message: Message): void {
    if (!this.#isCut(message)) this.#wire.push(message);
  }

  #isCut({ from, to }: Message): boolean {
    return this.#cuts.has(`${from}→${to}`);
  }

  #take(which: Which): readonly Message[] {
    const chosen = this.wire(which);
    const taken = new Set(chosen);
    this.#wire = this.#wire.filter((message) => !taken.has(message));
    return chosen;
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    invariant(member !== undefined, `there is no node ${name}`);
    return member;
  }
}

function matches(message: Message, { from, to, type }: Which): boolean {
  return (
    (from === undefined || message.from === from) &&
    (to === undefined || message.to === to) &&
    (type === undefined || message.type === type)
  );
}
