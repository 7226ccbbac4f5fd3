import { describe, expect, test } from 'vitest';
import type { Entry } from '../../src/protocol/entry.ts';
import { type LogIndex, logIndex, type NodeId, nodeId, type Term, term } from '../../src/protocol/ids.ts';
import type { VoteResponse } from '../../src/protocol/message.ts';
import { configuration } from '../../src/protocol/state.ts';
import type { DurableImage } from './disk.ts';
import { Invariants, type NodeView } from './invariants.ts';

/** A node written by hand: `log` holds `term:command` for each entry. */
class Drawn implements NodeView {
  readonly id: NodeId;
  term: Term = term(1);
  role: { readonly kind: string } = { kind: 'follower' };
  entries: Entry[] = [];
  commitIndex = logIndex(0);

  constructor(id: string) {
    this.id = nodeId(id);
  }

  /** Replaces the log from the first entry that differs. */
  write(...entries: readonly string[]): this {
    entries.forEach((text, at) => {
      const [entryTerm = '', command = ''] = text.split(':');
      const known = this.entries[at];
      if (known !== undefined && `${known.term}:${Buffer.from(known.data)}` === text) return;
      this.entries.length = at;
      this.entries.push({
        index: logIndex(at + 1),
        term: term(Number(entryTerm)),
        kind: 'command',
        data: Buffer.from(command),
      });
    });
    this.entries.length = entries.length;
    return this;
  }

  as(kind: string, inTerm: number): this {
    this.role = { kind };
    this.term = term(inTerm);
    return this;
  }

  commit(index: number): this {
    this.commitIndex = logIndex(index);
    return this;
  }

  readonly configurations = { latest: BOOTSTRAP, at: () => BOOTSTRAP };

  get log() {
    const { entries, commitIndex } = this;
    return {
      base: { index: logIndex(0), term: term(0) },
      lastIndex: logIndex(entries.length),
      commitIndex,
      termAt: (index: LogIndex) => (index === 0 ? term(0) : entries[index - 1]?.term),
      entryAt: (index: LogIndex) => entries[index - 1],
    };
  }
}

const BOOTSTRAP = configuration(['n1', 'n2', 'n3'].map(nodeId));

/** Three nodes whose disks hold what their logs hold, until a row says otherwise. */
function stage() {
  const nodes = [new Drawn('n1'), new Drawn('n2'), new Drawn('n3')] as const;
  const forgetful = new Set<NodeId>();
  const durable = (id: NodeId): DurableImage => {
    const node = nodes.find((candidate) => candidate.id === id);
    if (node === undefined || forgetful.has(id)) {
      return {
        hardState: { term: term(0), votedFor: undefined },
        lastIndex: logIndex(0),
        base: { index: logIndex(0), term: term(0) },
        termAt: () => undefined,
      };
    }
    // Everybody voted for whoever leads the newest term.
    const newest = term(Math.max(...nodes.map((other) => other.term)));
    const leader = nodes.find(({ role, term: led }) => role.kind === 'leader' && led === newest);
    return {
      hardState: { term: newest, votedFor: leader?.id ?? node.id },
      lastIndex: node.log.lastIndex,
      base: node.log.base,
      termAt: node.log.termAt,
    };
  };
  const invariants = new Invariants({
    bootstrap: BOOTSTRAP,
    durable,
    onCommitted: () => undefined,
  });
  for (const node of nodes) invariants.onStarted(node, '');
  const check = (): void => {
    for (const { id } of nodes) invariants.check(id);
  };
  return { nodes, forgetful, invariants, check };
}

type Stage = ReturnType<typeof stage>;

const vote = (from: string, to: string, inTerm: number): VoteResponse => ({
  type: 'vote-response',
  from: nodeId(from),
  to: nodeId(to),
  term: term(inTerm),
  granted: true,
});

describe('each promise of the paper is watched', () => {
  interface Row {
    readonly why: string;
    readonly act: (stage: Stage) => void;
  }

  const kept: Row[] = [
    {
      why: 'an ordinary life: elected, replicated, committed, replaced, uncommitted tail cut',
      act({ nodes: [n1, n2, n3], check }) {
        n1.as('leader', 1).write('1:a', '1:b');
        check();
        n2.write('1:a', '1:b');
        check();
        n1.commit(2).write('1:a', '1:b', '1:c');
        check();
        n1.as('follower', 2);
        n2.as('leader', 2).write('1:a', '1:b', '2:d').commit(2);
        check();
        n1.write('1:a', '1:b', '2:d');
        n3.as('follower', 2).write('1:a', '1:b', '2:d').commit(2);
        check();
        n2.commit(3);
        check();
      },
    },
    {
      why: 'two leaders of two terms may well overlap',
      act({ nodes: [n1, n2], check }) {
        n1.as('leader', 3);
        n2.as('leader', 4);
        check();
      },
    },
    {
      why: 'a leader elected late, in a term older than the commit, owes nothing',
      act({ nodes: [n1, n2, n3], check }) {
        n1.as('leader', 2).write('2:a');
        n2.as('follower', 2).write('2:a');
        n1.commit(1);
        check();
        n3.as('leader', 1);
        check();
      },
    },
  ];

  test.each(kept)('kept: $why', ({ act }) => {
    expect(() => act(stage())).not.toThrow();
  });

  const broken: (Row & { readonly promise: RegExp })[] = [
    {
      why: 'two leaders of one term, one after the other',
      promise: /^Election Safety: n1 and n2/,
      act({ nodes: [n1, n2], check }) {
        n1.as('leader', 3);
        check();
        n1.as('follower', 3);
        n2.as('leader', 3);
        check();
      },
    },
    {
      why: 'a leader by votes that two of three disks do not know of',
      promise: /^Durable votes: n1 leads term 3 without a majority of disks/,
      act({ nodes: [n1, n2, n3], forgetful, check }) {
        n1.as('leader', 3);
        forgetful.add(n2.id).add(n3.id);
        check();
      },
    },
    {
      why: 'a leader drops an entry of its own log',
      promise: /^Leader Append-Only: n1/,
      act({ nodes: [n1], check }) {
        n1.as('leader', 2).write('1:a', '2:b');
        check();
        n1.write('1:a');
        check();
      },
    },
    {
      why: 'two logs hold different commands at one index and term',
      promise: /^Log Matching: n2: entry 1 1/,
      act({ nodes: [n1, n2], check }) {
        n1.write('1:a');
        n2.write('1:b');
        check();
      },
    },
    {
      why: 'two logs agree at an entry, but not in the term before it',
      promise: /^Log Matching: n2: entry 2 3 follows term 2, elsewhere term 1/,
      act({ nodes: [n1, n2], check }) {
        n1.as('follower', 3).write('1:a', '3:c');
        n2.as('follower', 3).write('2:b', '3:c');
        check();
      },
    },
    {
      why: 'a log whose terms fall',
      promise: /^Terms rise: n1/,
      act({ nodes: [n1], check }) {
        n1.as('follower', 3).write('3:a', '2:b');
        check();
      },
    },
    {
      why: 'a leader lacks what an earlier term committed',
      promise: /^Leader Completeness: n3 leads term 2 without committed entry 1/,
      act({ nodes: [n1, n2, n3], check }) {
        n1.as('leader', 1).write('1:a');
        n2.write('1:a');
        n1.commit(1);
        check();
        n3.as('leader', 2);
        check();
      },
    },
    {
      why: 'two nodes commit different entries at one index',
      promise: /^State Machine Safety: n3 committed entry 1 of term 2/,
      act({ nodes: [n1, n2, n3], check }) {
        n1.write('1:a').commit(1);
        n2.write('1:a');
        check();
        n3.as('follower', 2).write('2:b').commit(1);
        check();
      },
    },
    {
      why: 'a committed entry is cut from a log',
      promise: /^State Machine Safety: n1 cut its log to 0/,
      act({ nodes: [n1, n2], check }) {
        n1.write('1:a').commit(1);
        n2.write('1:a');
        check();
        n1.as('follower', 2).write('2:b');
        check();
      },
    },
    {
      why: 'two state machines make different things of one entry',
      promise: /^State Machine Safety: n2 made \[y\] of entry 1, another node \[x\]/,
      act({ nodes: [n1, n2], invariants, check }) {
        n1.write('1:a').commit(1);
        n2.write('1:a').commit(1);
        check();
        for (const entry of n1.entries) invariants.onApplied(n1.id, entry, 'x', '');
        for (const entry of n2.entries) invariants.onApplied(n2.id, entry, 'y', '');
      },
    },
    {
      why: 'an entry is applied before the one in front of it',
      promise: /^Applied in order: n1 applied 2 after 0/,
      act({ nodes: [n1, n2], invariants, check }) {
        n1.write('1:a', '1:b').commit(2);
        n2.write('1:a', '1:b');
        check();
        for (const entry of n1.entries.slice(1)) invariants.onApplied(n1.id, entry, 'x', '');
      },
    },
    {
      why: 'committed on one disk of three',
      promise: /^Committed is durable: n1 committed entry 1, which is not on the disks of a majority/,
      act({ nodes: [n1, n2], forgetful, check }) {
        n1.write('1:a').commit(1);
        n2.write('1:a');
        forgetful.add(n2.id);
        check();
      },
    },
    {
      why: 'a commit index goes back',
      promise: /^Commit only rises: n1/,
      act({ nodes: [n1, n2], check }) {
        n1.write('1:a', '1:b').commit(2);
        n2.write('1:a', '1:b');
        check();
        n1.commit(1);
        check();
      },
    },
    {
      why: 'a term goes back',
      promise: /^Terms rise: n1 went from term 5 to 4/,
      act({ nodes: [n1], check }) {
        n1.as('follower', 5);
        check();
        n1.as('follower', 4);
        check();
      },
    },
    {
      why: 'two votes in one term, with a crash in between',
      promise: /^One vote a term: n1 voted for n1 and for n2 in term 2/,
      act({ nodes: [n1], invariants }) {
        n1.as('follower', 2);
        invariants.onSent(vote('n1', 'n1', 2));
        invariants.onEnded(n1.id);
        invariants.onStarted(n1, '');
        invariants.onSent(vote('n1', 'n2', 2));
      },
    },
    {
      why: 'a vote that the disk does not know of',
      promise: /^Durable before it is said: n1 votes for n2 in term 2/,
      act({ nodes: [n1], forgetful, invariants }) {
        n1.as('follower', 2);
        forgetful.add(n1.id);
        invariants.onSent(vote('n1', 'n2', 2));
      },
    },
    {
      why: 'an append accepted that the disk does not hold',
      promise: /^Durable before it is said: n1 accepts up to 1/,
      act({ nodes: [n1], forgetful, invariants }) {
        n1.write('1:a');
        forgetful.add(n1.id);
        invariants.onSent({
          type: 'append-response',
          from: n1.id,
          to: nodeId('n2'),
          term: term(1),
          result: { kind: 'accepted', matchIndex: logIndex(1) },
        });
      },
    },
    {
      why: 'a node comes back in an older term than it voted in',
      promise: /^Terms rise: n1 came back in term 1 after a promise in term 2/,
      act({ nodes: [n1], invariants }) {
        n1.as('follower', 2);
        invariants.onSent(vote('n1', 'n1', 2));
        invariants.onEnded(n1.id);
        invariants.onStarted(n1.as('follower', 1), '');
      },
    },
    {
      why: 'an entry below others changes, which one look at the end of the log does not show',
      promise: /^Log Matching: n1 changed entry 1/,
      act({ nodes: [n1], invariants, check }) {
        n1.write('1:a', '1:b');
        check();
        n1.entries[0] = { index: logIndex(1), term: term(1), kind: 'command', data: Buffer.from('z') };
        invariants.checkEverything();
      },
    },
  ];

  test.each(broken)('broken: $why', ({ act, promise }) => {
    expect(() => act(stage())).toThrow(promise);
  });
});
