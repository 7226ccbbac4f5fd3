import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type LogIndex, logIndex, type NodeId, nodeId } from '../../src/protocol/ids.ts';
import { configuration } from '../../src/protocol/state.ts';
import { committedIndex, voteResult } from '../../src/raft/quorum.ts';

/** One command of a vector file with the last line of its expected output. */
interface Vector {
  readonly command: string;
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly values: readonly string[];
  readonly expected: string;
}

const FILES = [
  { file: 'joint_commit.txt', cases: 50 },
  { file: 'joint_vote.txt', cases: 39 },
  { file: 'majority_commit.txt', cases: 16 },
  { file: 'majority_vote.txt', cases: 22 },
];

/** Blocks `command, ----, output` between blank lines; a comment stands directly above its command. */
function vectorsOf(text: string): Vector[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const vectors: Vector[] = [];
  lines.forEach((line, at) => {
    if (lines[at + 1] !== '----') return;
    const end = lines.findIndex((later, where) => where > at + 1 && later === '');
    const output = lines.slice(at + 2, end < 0 ? lines.length : end);
    const list = (name: string): string[] =>
      (line.match(new RegExp(`${name}=\\(([^)]*)\\)`))?.[1] ?? '').split(/[ ,]+/).filter(Boolean);
    vectors.push({
      command: line,
      voters: list('cfg').map(nodeId),
      votersOutgoing: list('cfgj').map(nodeId),
      values: [...list('idx'), ...list('votes')],
      expected: (output.at(-1) ?? '').replace('<empty majority quorum>', '').trim(),
    });
  });
  return vectors;
}

/** Values go to the ids of both halves in order of first appearance. */
function idsOf({ voters, votersOutgoing }: Vector): NodeId[] {
  return [...new Set([...voters, ...votersOutgoing])];
}

function assign<Value>(vector: Vector, read: (text: string) => Value): Map<NodeId, Value> {
  const known = idsOf(vector).map((id, at) => [id, vector.values[at] ?? '_'] as const);
  return new Map(known.filter(([, text]) => text !== '_').map(([id, text]) => [id, read(text)]));
}

function outcome(vector: Vector): string {
  const config = { ...configuration(vector.voters), votersOutgoing: vector.votersOutgoing };
  if (vector.command.startsWith('committed')) {
    const index = committedIndex(
      config,
      assign<LogIndex>(vector, (text) => logIndex(Number(text))),
    );
    return index === Number.POSITIVE_INFINITY ? '∞' : String(index);
  }
  const result = voteResult(
    config,
    assign(vector, (text) => text === 'y'),
  );
  return { won: 'VoteWon', pending: 'VotePending', lost: 'VoteLost' }[result];
}

describe.each(FILES)(
  'an "optimised" quorum would commit without one (pitfall 11): $file',
  ({ file, cases }) => {
    const text = readFileSync(new URL(`../vectors/quorum/${file}`, import.meta.url), 'utf8');
    const vectors = vectorsOf(text);

    test('every case of the file is there', () => {
      expect(vectors).toHaveLength(cases);
    });

    test.each(vectors)('$command → $expected', (vector) => {
      expect(vector.values).toHaveLength(idsOf(vector).length);
      expect(outcome(vector)).toBe(vector.expected);
    });
  },
);
