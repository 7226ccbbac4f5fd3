import { describe, expect, test } from 'vitest';
import type { StateMachine } from '../../src/node/port.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { ListMachine, Values } from './list-machine.ts';
import type { FaultKind, Plan } from './plan.ts';
import { type SimulationOptions, simulate } from './simulation.ts';

/** Seeds that a broken world may take to be found out. */
const PATIENCE = 300;

type Bugs = NonNullable<SimulationOptions['bugs']>;

interface BrokenWorld {
  readonly why: string;
  readonly bugs: Bugs;
  /** The promise whose breach must be seen. */
  readonly promise: string;
  /** Brings about what the bug needs to show. */
  readonly adjust?: (plan: Plan) => Plan;
}

const worlds: readonly BrokenWorld[] = [
  {
    why: 'a disk that acknowledges before it has synced: votes are cast from memory',
    bugs: { disk: 'acknowledges-early' },
    promise: 'Durable before it is said',
  },
  {
    why: 'the same disk under one node alone, which needs no word of others',
    bugs: { disk: 'acknowledges-early' },
    promise: 'Committed is durable',
  },
  {
    why: 'a disk that forgets term and vote in a crash',
    bugs: { disk: 'forgets-promises' },
    promise: 'Terms rise',
    adjust: (plan) => harsh(plan, ['crash', 'power-cut']),
  },
  {
    why: 'a disk that loses its last entry in a crash, though it was synced',
    bugs: { disk: 'loses-synced-tail' },
    promise: 'Leader Completeness',
    adjust: (plan) => harsh(plan, ['crash', 'power-cut']),
  },
  {
    why: 'a network that turns every refused vote into a granted one',
    bugs: {
      forge: (message) => (message.type === 'vote-response' ? { ...message, granted: true } : message),
    },
    promise: 'Election Safety',
  },
  {
    why: 'a network that lets nobody win',
    bugs: {
      forge: (message) => (message.type === 'vote-response' ? { ...message, granted: false } : message),
    },
    promise: 'Recovers',
  },
  {
    why: 'a network that turns a refused append into an accepted one',
    bugs: { forge: acceptEverything },
    promise: 'Committed is durable',
  },
  {
    why: 'a network that changes commands on their way',
    bugs: { forge: changeCommands },
    promise: 'Log Matching',
  },
  {
    why: 'a network that gives followers a commit index that is one too high',
    bugs: {
      forge: (message) =>
        message.type === 'append-request' && message.entries.length > 0
          ? {
              ...message,
              commitIndex: (message.prevLogIndex + message.entries.length) as typeof message.commitIndex,
            }
          : message,
    },
    promise: 'Committed is durable',
  },
  {
    why: 'a network that names the wrong place in a receipt',
    bugs: {
      forge: (message) =>
        message.type === 'proposal-receipt' && message.firstIndex !== undefined
          ? { ...message, firstIndex: (message.firstIndex + 1) as typeof message.firstIndex }
          : message,
    },
    promise: 'Exactly once',
  },
  {
    why: 'a network that answers read requests with an old index',
    bugs: {
      forge: (message) =>
        message.type === 'read-response' && message.index !== undefined
          ? { ...message, index: 0 as typeof message.index }
          : message,
    },
    promise: 'Linearizable',
  },
  {
    why: 'reads that ask nobody',
    bugs: { readsWithoutBarrier: true },
    promise: 'Linearizable',
  },
  {
    why: 'one state machine of several that skips an entry',
    bugs: { wrapMachine: (id, machine) => (id === 'n1' ? skippingThird(machine) : machine) },
    promise: 'State Machine Safety',
  },
  {
    why: 'snapshots that leave something out',
    bugs: { wrapMachine: (_id, machine) => losingTheLastPiece(machine) },
    promise: 'Equal states',
    adjust: (plan) => ({ ...plan, snapshotEveryEntries: 4 }),
  },
  {
    why: 'a machine without its disk that comes back under its old name',
    bugs: { forgetful: true },
    promise: 'Terms rise',
    adjust: (plan) => harsh(changing(plan), ['wipe', 'crash']),
  },
  {
    why: 'clocks that drift further apart than leases allow for',
    bugs: {},
    promise: 'One lease',
    adjust: (plan) => drifting(harsh(plan, ['isolate', 'transfer'])),
  },
];

describe('a broken world is found out', () => {
  test.each(worlds)('$why: $promise', async ({ bugs, promise, adjust = asDrawn }) => {
    const broken = new Set<string>();
    for (let seed = 1; seed <= PATIENCE && !broken.has(promise); seed++) {
      const { failure } = await simulate({ seed, bugs, adjust });
      if (failure !== undefined) broken.add(failure.promise);
    }
    expect([...broken]).toContain(promise);
  });
});

const asDrawn = (plan: Plan): Plan => plan;

function harsh(plan: Plan, faults: readonly FaultKind[]): Plan {
  return { ...plan, faults, faultEveryMs: { min: 20, max: 300 } };
}

function changing(plan: Plan): Plan {
  return { ...plan, changeEveryMs: { min: 20, max: 800 } };
}

function drifting(plan: Plan): Plan {
  return {
    ...plan,
    leaseReadShare: 1,
    nodes: plan.nodes.map((node, at) => ({
      ...node,
      config: { ...node.config, leaseReads: true },
      skew: { ...node.skew, rate: at % 2 === 0 ? 0.3 : 1.7 },
    })),
  };
}

function losingTheLastPiece(machine: ListMachine): StateMachine<Values> {
  return {
    apply: (entry) => machine.apply(entry),
    restore: () => machine.restore(),
    *capture() {
      const pieces = machine.capture();
      let piece = pieces.next();
      for (let next = pieces.next(); next.done !== true; next = pieces.next()) {
        yield piece.value;
        piece = next;
      }
    },
  };
}

function acceptEverything(message: Message): Message {
  if (message.type !== 'append-response' || message.result.kind === 'accepted') return message;
  return { ...message, result: { kind: 'accepted', matchIndex: message.result.rejectedIndex } };
}

function changeCommands(message: Message): Message {
  if (message.type !== 'append-request') return message;
  const entries = message.entries.map((entry) =>
    entry.kind === 'command' ? { ...entry, data: Buffer.from(`k0 ${entry.index}000`) } : entry,
  );
  return { ...message, entries };
}

function skippingThird(machine: ListMachine) {
  let applied = 0;
  return {
    capture: () => machine.capture(),
    restore: () => machine.restore(),
    apply(entry: Parameters<ListMachine['apply']>[0]): Values {
      applied += 1;
      return applied === 3 ? [] : machine.apply(entry);
    },
  };
}
