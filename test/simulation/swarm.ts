import { createNode, type Node } from '../../src/node/node.ts';
import type { NodeStatus, StateMachine } from '../../src/node/port.ts';
import { clusterId, type NodeId } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import { configuration } from '../../src/protocol/state.ts';
import { holdsLease } from '../../src/raft/reads.ts';
import { PROTOCOLS } from '../../src/transport/protocol.ts';
import type { Chance } from './chance.ts';
import type { Count, Server } from './clients.ts';
import { type DiskBug, SimulatedDisk } from './disk.ts';
import type { Invariants } from './invariants.ts';
import { ListMachine, type Values } from './list-machine.ts';
import { SimulatedNetwork } from './network.ts';
import type { NodePlan, Plan } from './plan.ts';
import { Violation } from './violation.ts';
import { createNodeClock, type VirtualTime } from './virtual-time.ts';

interface Process extends Server {
  readonly node: Node<Values>;
  isStopping: boolean;
}

/** Lies that a run may be told, to prove that the checks see them. */
export interface SwarmBugs {
  readonly disk: DiskBug | undefined;
  readonly forge: ((message: Message) => Message) | undefined;
  /** A machine that lost its disk comes back under its old name. */
  readonly forgetful: boolean | undefined;
  /** Stands between a node and its state machine. */
  readonly wrapMachine: ((id: NodeId, machine: ListMachine) => StateMachine<Values>) | undefined;
}

export interface SwarmOptions {
  readonly plan: Plan;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly invariants: () => Invariants;
  readonly encoding: 'wire' | 'objects';
  readonly bugs: SwarmBugs;
  readonly note: (who: string, what: string) => void;
  readonly count: Count;
  /** A message leaves a process, or comes to one. */
  readonly onWord: (message: Message, what: 'sent' | 'heard') => void;
}

/** Share of the ends of a process that an operator uses. */
const UPGRADED_IN_A_PAUSE = 0.3;
const SIMULATED = clusterId('simulated');

/** The nodes of a run: machines with a disk each, on which processes come and go. */
export class SimulatedSwarm {
  readonly network: SimulatedNetwork;
  readonly #options: SwarmOptions;
  readonly #plans: ReadonlyMap<NodeId, NodePlan>;
  readonly #disks: Map<NodeId, SimulatedDisk>;
  /** Who may run: the founders and who was let in since, but for those who are gone for good. */
  readonly #living: Set<NodeId>;
  readonly #processes = new Map<NodeId, Process>();
  /** Machines that run the former release. */
  readonly #former: Set<NodeId>;
  readonly #upgrades: Chance;
  /** Processes whose disk will refuse them. */
  readonly #failing = new Set<NodeId>();
  readonly #stopFailures: unknown[] = [];
  #stopping = 0;

  constructor(options: SwarmOptions) {
    this.#options = options;
    const { plan, time, chance, bugs, encoding } = options;
    this.#plans = new Map(plan.nodes.map((node) => [node.id, node]));
    this.#living = new Set(plan.nodes.filter(({ isSpare }) => !isSpare).map(({ id }) => id));
    this.#disks = new Map(plan.nodes.map(({ id }) => [id, this.#createDisk(id)]));
    this.#former = new Set(plan.formerRelease);
    this.#upgrades = chance.stream('upgrades');
    if (plan.formerRelease.length > 0) options.count('swarms of two releases', 1);
    this.network = new SimulatedNetwork({
      time,
      protocolOf: (id) => (this.#former.has(id) ? PROTOCOLS.max - 1 : PROTOCOLS.max),
      chance: chance.stream('network'),
      encoding,
      forge: bugs.forge,
      onSend: (messages) => {
        for (const message of messages) {
          options.invariants().onSent(message);
          options.onWord(message, 'sent');
        }
      },
      onDeliver: (messages) => {
        for (const message of messages) {
          options.note(message.to, `hears ${describe(message)}`);
          options.onWord(message, 'heard');
        }
      },
    });
  }

  #createDisk(owner: NodeId): SimulatedDisk {
    const { plan, time, chance, bugs, count } = this.#options;
    const disk = new SimulatedDisk({
      owner,
      time,
      chance: chance.stream(`disk ${owner}`),
      bug: bugs.disk,
      onLost: (writes) => count('writes lost in a crash', writes),
      onFailureTold: () => this.#onFailureTold(owner),
    });
    disk.setLatency(plan.diskLatency);
    return disk;
  }

  get ids(): readonly NodeId[] {
    return [...this.#living];
  }

  /** A machine that nobody has heard of joins. */
  letIn(id: NodeId): void {
    this.#living.add(id);
    this.start(id);
  }

  /** The machine is gone with its disk: what is called so will never be heard again. */
  bury(id: NodeId): void {
    this.crash(id);
    if (this.#options.bugs.forgetful) this.#disks.set(id, this.#createDisk(id));
    else this.#living.delete(id);
  }

  get running(): readonly NodeId[] {
    return [...this.#processes.keys()];
  }

  /** True while a graceful stop is under way: its promises need the event loop to turn. */
  get hasPromises(): boolean {
    return this.#stopping > 0;
  }

  server(id: NodeId): Process | undefined {
    return this.#processes.get(id);
  }

  /** What the clock of a machine says now. */
  clockOf(id: NodeId): number {
    const skew = this.#plans.get(id)?.skew;
    if (skew === undefined) throw new Error(`no machine ${id}`);
    return createNodeClock(this.#options.time, id, skew).now();
  }

  status(id: NodeId): NodeStatus | undefined {
    return this.#processes.get(id)?.node.status();
  }

  disk(id: NodeId): SimulatedDisk {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new Error(`no disk of ${id}`);
    return disk;
  }

  /** Who would answer a read on its lease just now, by its own clock. */
  get leaseHolders(): readonly NodeId[] {
    return this.running.filter((id) => {
      const core = this.#processes.get(id)?.node.inspect();
      const plan = this.#plans.get(id);
      if (core?.role.kind !== 'leader' || plan === undefined) return false;
      return holdsLease(core, core.role, createNodeClock(this.#options.time, id, plan.skew).now());
    });
  }

  /** Starts a process on the disk of `id`. Nothing happens when one runs. */
  start(id: NodeId): void {
    const plan = this.#plans.get(id);
    if (plan === undefined || !this.#living.has(id) || this.#processes.has(id)) return;
    const { plan: all, time, chance, bugs, note, count, invariants } = this.#options;
    note(id, 'starts');
    const machine = new ListMachine();
    this.disk(id).loadInto(machine);
    const node = createNode<Values>({
      id,
      clusterId: SIMULATED,
      bootstrap: plan.isSpare ? configuration([]) : all.bootstrap,
      snapshotEveryEntries: all.snapshotEveryEntries,
      config: plan.config,
      seed: chance.integer(0, 0xffffffff),
      requestTimeoutMs: all.requestTimeoutMs,
      storage: this.disk(id).open(),
      transport: this.network.join(id),
      clock: createNodeClock(time, id, plan.skew),
      machine: bugs.wrapMachine?.(id, machine) ?? machine,
      listener: {
        onApplied: (entry, result) => {
          note(id, `applies ${entry.index} of term ${entry.term}`);
          invariants().onApplied(id, entry, result?.join() ?? '', machine.digest);
        },
        onRestored: (index) => {
          note(id, `takes on the state at ${index}`);
          count('snapshots installed', 1);
          invariants().onRestored(id, index, machine.digest);
        },
        onRemoved: () => {
          note(id, 'learns that it was removed');
          count('removals learned', 1);
        },
        onTrouble: (error) => {
          throw new Violation('No trouble', `${id}: ${error.message}`);
        },
        onRoleChanged: ({ role, term, leaderId }) =>
          note(id, `is ${role} in term ${term}, led by ${leaderId ?? 'nobody'}`),
        onStopped: (error) => this.#onStopped(id, error),
      },
    });
    this.#processes.set(id, { node, machine, isStopping: false });
    invariants().onStarted(node.inspect(), machine.digest);
  }

  /** Ends the process at once. What its disk had not synced is lost, but for a prefix. */
  crash(id: NodeId): void {
    const process = this.#processes.get(id);
    if (process === undefined) return;
    this.#options.note(id, 'crashes');
    this.#remove(id);
    process.node.abandon();
  }

  /** Asks the process to stop; it is gone when it has handed over and closed its disk. */
  stop(id: NodeId): void {
    const process = this.#processes.get(id);
    if (process === undefined || process.isStopping) return;
    this.#options.note(id, 'stops');
    process.isStopping = true;
    this.#stopping += 1;
    process.node.stop('hand-over').then(
      () => {
        this.#stopping -= 1;
        if (this.#processes.get(id) === process) this.#remove(id);
      },
      (error: unknown) => {
        this.#stopFailures.push(error);
      },
    );
  }

  /** Throws what went wrong in a graceful stop, where nobody else could. */
  rethrow(): void {
    if (this.#stopFailures.length > 0) throw this.#stopFailures.shift();
  }

  /** The last of the former release go down, and come back as the others are. */
  upgradeAll(): void {
    for (const id of [...this.#former]) {
      this.crash(id);
      this.#upgrade(id);
    }
  }

  #upgrade(id: NodeId): void {
    if (!this.#former.delete(id)) return;
    this.#options.note(id, 'is upgraded');
    this.#options.count('upgrade', 1);
  }

  pause(id: NodeId): void {
    if (!this.#processes.has(id)) return;
    this.#options.note(id, 'is paused');
    this.#options.time.pause(id);
  }

  resume(id: NodeId): void {
    if (!this.#options.time.isPaused(id)) return;
    this.#options.note(id, 'goes on');
    this.#options.time.resume(id);
    this.network.onResumed(id);
  }

  /** The next sync of the process fails, and it must stop by itself. */
  failDisk(id: NodeId): void {
    if (!this.#processes.has(id)) return;
    this.#options.note(id, 'has a disk that fails');
    this.#failing.add(id);
    this.disk(id).failNextSync();
  }

  #onStopped(id: NodeId, error: Error): void {
    // What a check found amid a step stops the node, too, and is thrown on.
    if (error instanceof Violation) return;
    if (!this.#failing.has(id)) {
      throw new Violation('Never stops by itself', `${id} stopped: ${error.message}`);
    }
    this.#options.note(id, `stops by itself: ${error.message}`);
    this.#options.count('stops by a failed disk', 1);
    this.#remove(id);
  }

  #onFailureTold(id: NodeId): void {
    const process = this.#processes.get(id);
    if (process === undefined || process.isStopping) return;
    throw new Violation('Disk failure stops', `${id} goes on after its disk failed`);
  }

  #remove(id: NodeId): void {
    this.#processes.delete(id);
    this.#failing.delete(id);
    this.#options.time.endPause(id);
    this.network.crash(id);
    this.disk(id).crash();
    this.#options.invariants().onEnded(id);
    if (this.#former.has(id) && this.#upgrades.happens(UPGRADED_IN_A_PAUSE)) this.#upgrade(id);
  }
}

/** One line about a message: what a person asks for who reads a trace. */
function describe(message: Message): string {
  const { from, type, term } = message;
  switch (message.type) {
    case 'append-request': {
      const { prevLogIndex, prevLogTerm, entries, commitIndex } = message;
      return `${from}: append ${entries.length} after ${prevLogIndex}/${prevLogTerm}, commit ${commitIndex}, term ${term}`;
    }
    case 'append-response': {
      const { result } = message;
      const place =
        result.kind === 'accepted' ? result.matchIndex : `${result.rejectedIndex}, hint ${result.hintIndex}`;
      return `${from}: ${result.kind} ${place}, term ${term}`;
    }
    case 'vote-request':
    case 'pre-vote-request':
      return `${from}: ${type} with log ${message.lastLogIndex}/${message.lastLogTerm}, term ${term}`;
    case 'vote-response':
    case 'pre-vote-response':
      return `${from}: ${type} ${message.granted ? 'yes' : 'no'}, term ${term}`;
    case 'heartbeat':
      return `${from}: heartbeat ${message.round}, commit ${message.commitIndex}, term ${term}`;
    case 'snapshot-chunk': {
      const { index, offset, data, totalBytes } = message;
      return `${from}: snapshot ${index}, bytes ${offset}+${data.length} of ${totalBytes}, term ${term}`;
    }
    case 'snapshot-answer':
      return `${from}: snapshot ${message.index} ${message.status} ${message.heldBytes}, term ${term}`;
    case 'read-response':
      return `${from}: read ${message.context} at ${message.index ?? 'nowhere'}, term ${term}`;
    case 'proposal-forward':
      return `${from}: batch ${message.batch} of ${message.commands.length} commands, term ${term}`;
    case 'proposal-receipt':
      return `${from}: batch ${message.batch} at ${message.firstIndex ?? 'nowhere'}, term ${term}`;
    case 'proposal-refusal':
      return `${from}: batch ${message.batch} refused, ${message.code}, term ${term}`;
    default:
      return `${from}: ${type}, term ${term}`;
  }
}
