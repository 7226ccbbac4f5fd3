import { createNode, type Node } from '../../src/node/node.ts';
import type { Applied, Clock, NodeStatus } from '../../src/node/port.ts';
import type { Entry } from '../../src/protocol/entry.ts';
import type { Outcome } from '../../src/protocol/errors.ts';
import { clusterId, type LogIndex, type Millis, nodeId } from '../../src/protocol/ids.ts';
import { invariant } from '../../src/protocol/invariant.ts';
import type { Message } from '../../src/protocol/message.ts';
import { configuration } from '../../src/protocol/state.ts';
import { type RaftConfigOverrides, raftConfig } from '../../src/raft/config.ts';
import { type MemoryStorage, openMemoryStorage } from '../../src/storage/memory.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { readSnapshot } from '../../src/storage/memory-snapshots.ts';
import { createMemoryHub, type MemoryHub } from '../../src/transport/memory.ts';
import type { Transport, TransportListener } from '../../src/transport/port.ts';
import { VirtualTime } from '../simulation/virtual-time.ts';

export interface LabOptions {
  readonly voters: readonly string[];
  readonly learners?: readonly string[];
  readonly config?: RaftConfigOverrides;
  readonly requestTimeoutMs?: Millis;
  /** Beside something else that runs in that time. */
  readonly time?: VirtualTime;
}

/** One frame as a transport was given it. */
export interface Frame {
  readonly at: Millis;
  readonly from: string;
  readonly to: string;
  readonly messages: readonly Message[];
}

/** One life of a node, and what it did. */
export interface Inhabitant {
  readonly node: Node<string>;
  readonly storage: MemoryStorage;
  readonly listener: TransportListener;
  /** What its state machine was given. */
  readonly applied: string[];
  readonly roles: NodeStatus['role'][];
  readonly failures: Error[];
  transportClosings: number;
}

/** The nodes of most tests. */
export const voters = ['a', 'b', 'c'];

/** Three voters, and a leader that all of them know. */
export function settled(options: Partial<LabOptions> = {}): Lab {
  const lab = new Lab({ voters, ...options });
  lab.settle();
  return lab;
}

/** Events of one instant beyond which somebody must be running in circles. */
const MAX_EVENTS_AT_ONCE = 20_000;
const DELIVERY_MS = 1;
const SYNC_MS = 2;

/** Real nodes on memory disks and links, and a time that moves when the test says so. */
export class Lab {
  readonly frames: Frame[] = [];
  readonly hub: MemoryHub;
  wakeUps = 0;
  readonly #time: VirtualTime;
  readonly #options: LabOptions;
  readonly #inhabitants = new Map<string, Inhabitant>();
  readonly #disks = new Map<string, MemoryDisk>();
  readonly #heldSyncs = new Map<string, (() => void)[]>();
  #lives = 0;

  constructor(options: LabOptions) {
    this.#options = options;
    this.#time = options.time ?? new VirtualTime();
    this.hub = createMemoryHub((callback) => this.#after(DELIVERY_MS, callback));
    for (const name of [...options.voters, ...(options.learners ?? [])]) this.start(name);
  }

  get now(): Millis {
    return this.#time.now;
  }

  at(name: string): Inhabitant {
    const inhabitant = this.#inhabitants.get(name);
    invariant(inhabitant !== undefined, `there is no node ${name}`);
    return inhabitant;
  }

  /** The name of whoever leads the highest term. */
  leader(): string {
    const leaders = [...this.#inhabitants.values()]
      .map(({ node }) => node.status())
      .filter(({ role }) => role === 'leader')
      .sort((left, right) => right.term - left.term);
    invariant(leaders[0] !== undefined, 'nobody leads');
    return leaders[0].id;
  }

  follower(): string {
    const leader = this.leader();
    const follower = this.#options.voters.find((name) => name !== leader);
    invariant(follower !== undefined, 'there is no follower');
    return follower;
  }

  /** Begins a life of `name` from what its disk holds. */
  start(name: string): void {
    const { voters: founders, learners = [], config, requestTimeoutMs = 10_000 } = this.#options;
    const isFounder = [...founders, ...learners].includes(name);
    const disk = this.#disks.get(name) ?? new MemoryDisk();
    this.#disks.set(name, disk);
    this.#lives += 1;
    const storage = openMemoryStorage(disk, { scheduleSync: (complete) => this.#sync(name, complete) });
    const transport = this.#join(name);
    const life = { applied: [] as string[], roles: [] as NodeStatus['role'][], failures: [] as Error[] };
    if (disk.snapshot !== undefined) {
      readSnapshot(disk.snapshot.bytes, (piece) => {
        life.applied.push(...(JSON.parse(new TextDecoder().decode(piece)) as string[]));
      });
    }
    const node = createNode<string>({
      id: nodeId(name),
      clusterId: clusterId('lab'),
      // Whoever joins later reads in the log who belongs to it.
      bootstrap: isFounder ? configuration(founders.map(nodeId), learners.map(nodeId)) : configuration([]),
      config: raftConfig(config),
      seed: this.#lives,
      requestTimeoutMs,
      storage,
      transport,
      clock: this.#clock(),
      machine: {
        apply(entry: Entry): string {
          const text = new TextDecoder().decode(entry.data);
          life.applied.push(text);
          return `did ${text}`;
        },
        capture: () => [new TextEncoder().encode(JSON.stringify(life.applied))].values(),
        restore() {
          const taken: string[] = [];
          return {
            add: (piece) => taken.push(...(JSON.parse(new TextDecoder().decode(piece)) as string[])),
            finish: () => life.applied.splice(0, life.applied.length, ...taken),
          };
        },
      },
      listener: {
        onRoleChanged: ({ role }) => life.roles.push(role),
        onStopped: (error) => life.failures.push(error),
      },
    });
    this.#inhabitants.set(name, {
      ...life,
      node,
      storage,
      listener: transport.listener(),
      transportClosings: 0,
    });
  }

  /** As a kill: no word to anybody, unsynced writes are lost, links close. */
  crash(name: string): void {
    const { node, storage } = this.at(name);
    node.abandon();
    storage.crash(0);
    void this.#transports.get(name)?.close();
  }

  /** Cuts `name` off from everybody. */
  isolate(name: string): void {
    for (const other of this.#inhabitants.keys()) {
      if (other !== name) this.hub.cut(nodeId(name), nodeId(other));
    }
  }

  mend(name: string): void {
    for (const other of this.#inhabitants.keys()) {
      if (other !== name) this.hub.mend(nodeId(name), nodeId(other));
    }
  }

  /** Syncs of `name` wait from now on. */
  holdDisk(name: string): void {
    if (!this.#heldSyncs.has(name)) this.#heldSyncs.set(name, []);
  }

  releaseDisk(name: string): void {
    const held = this.#heldSyncs.get(name) ?? [];
    this.#heldSyncs.delete(name);
    for (const complete of held) this.#after(0, complete);
  }

  run(ms: Millis): void {
    let arrived = false;
    this.#time.schedule({
      at: this.#time.now + ms,
      owner: undefined,
      run: () => {
        arrived = true;
      },
    });
    let instant = this.#time.now;
    let events = 0;
    while (!arrived) {
      this.#time.step();
      events = this.#time.now === instant ? events + 1 : 0;
      instant = this.#time.now;
      invariant(events < MAX_EVENTS_AT_ONCE, `time stands still at ${instant}: a busy loop`);
    }
  }

  /** Runs until a leader is known to everybody that is up. */
  settle(): void {
    this.run(3_000);
    this.leader();
  }

  /** Runs until `promise` is fulfilled. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const watched = promise.finally(() => {
      done = true;
    });
    for (let turns = 0; !done && turns < 10_000; turns++) {
      this.run(1);
      await Promise.resolve();
    }
    invariant(done, 'the promise is still open after ten seconds');
    return watched;
  }

  /** Proposes and gathers every answer that comes. */
  propose(name: string, command: string): Outcome<Applied<string>>[] {
    const answers: Outcome<Applied<string>>[] = [];
    this.at(name).node.propose(new TextEncoder().encode(command), (outcome) => answers.push(outcome));
    return answers;
  }

  read(name: string): Outcome<LogIndex>[] {
    const answers: Outcome<LogIndex>[] = [];
    this.at(name).node.readBarrier((outcome) => answers.push(outcome));
    return answers;
  }

  transfer(name: string, target: string | undefined): Outcome<string>[] {
    const answers: Outcome<string>[] = [];
    const to = target === undefined ? undefined : nodeId(target);
    this.at(name).node.transfer(to, (outcome) => answers.push(outcome));
    return answers;
  }

  /** Messages of one type that anybody sent. */
  sent<Type extends Message['type']>(type: Type): readonly Extract<Message, { readonly type: Type }>[] {
    const isOfType = (message: Message): message is Extract<Message, { readonly type: Type }> =>
      message.type === type;
    return this.frames.flatMap(({ messages }) => messages).filter(isOfType);
  }

  readonly #transports = new Map<string, Transport>();

  /** A transport that notes what is sent, and shows whom it reports to. */
  #join(name: string): Transport & { listener(): TransportListener } {
    const inner = this.hub.join(nodeId(name));
    let listening: TransportListener | undefined;
    const transport = {
      start: (listener: TransportListener): void => {
        listening = listener;
        inner.start(listener);
      },
      listener: (): TransportListener => {
        invariant(listening !== undefined, `${name} never started its transport`);
        return listening;
      },
      setPeers: inner.setPeers.bind(inner),
      send: (to: ReturnType<typeof nodeId>, messages: readonly Message[]): void => {
        for (const message of messages) this.#checkIsDurable(name, message);
        this.frames.push({ at: this.now, from: name, to, messages: [...messages] });
        inner.send(to, messages);
      },
      close: async (): Promise<void> => {
        this.at(name).transportClosings += 1;
        await inner.close();
      },
    };
    this.#transports.set(name, transport);
    return transport;
  }

  /** What a message promises is on the disk when it leaves. */
  #checkIsDurable(name: string, message: Message): void {
    const disk = this.#disks.get(name);
    invariant(disk !== undefined, `${name} has no disk`);
    const { hardState } = disk.recover();
    if (message.type === 'append-response' && message.result.kind === 'accepted') {
      const { matchIndex } = message.result;
      invariant(matchIndex <= disk.lastIndex, `${name} acknowledged ${matchIndex}, which it could forget`);
    }
    if (message.type === 'vote-response' && message.granted && hardState.term === message.term) {
      invariant(hardState.votedFor === message.to, `${name} told a vote that it could forget`);
    }
    const speaksOfTerm = message.type === 'vote-request' || message.type === 'append-response';
    invariant(!speaksOfTerm || message.term <= hardState.term, `${name} told a term that it could forget`);
  }

  /** Exact: a deadline in the past fires at once, and again for as long as nobody consumes it. */
  #clock(): Clock {
    return {
      now: () => this.#time.now,
      setTimer: (at, callback) => {
        const wake = (): void => {
          this.wakeUps += 1;
          callback();
        };
        return this.#time.schedule({ at: Math.max(at, this.#time.now), owner: undefined, run: wake });
      },
      defer: (callback) => this.#time.defer(undefined, callback),
    };
  }

  #sync(name: string, complete: () => void): void {
    const held = this.#heldSyncs.get(name);
    if (held === undefined) this.#after(SYNC_MS, complete);
    else held.push(complete);
  }

  #after(ms: Millis, run: () => void): void {
    this.#time.schedule({ at: this.#time.now + ms, owner: undefined, run });
  }
}
