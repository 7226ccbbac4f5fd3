import { describe, expect, test } from 'vitest';
import { ReadBarriers } from '../../src/node/reads.ts';
import { logIndex } from '../../src/protocol/ids.ts';
import { MAX_PENDING_PROPOSAL_BYTES, MAX_UNCOMMITTED_BYTES } from '../../src/protocol/limits.ts';
import { settled } from './lab.ts';

const MIB = 1024 * 1024;

describe('what waits is bounded before memory grows', () => {
  test('commands of a turn go in until the leader has had enough; the rest is told to come again', () => {
    const lab = settled({ requestTimeoutMs: 60_000 });
    const { node } = lab.at(lab.leader());
    const codes: string[] = [];
    for (let count = 0; count < 100; count++) {
      node.propose(new Uint8Array(MIB), (outcome) => {
        if (!outcome.ok) codes.push(outcome.error.code);
      });
    }
    lab.run(0.5);
    const { role } = node.inspect();
    const uncommitted = role.kind === 'leader' ? role.uncommittedBytes : Number.POSITIVE_INFINITY;
    expect(uncommitted).toBeLessThan(MAX_UNCOMMITTED_BYTES + 2 * MIB);
    expect(new Set(codes)).toEqual(new Set(['BUSY']));
  });

  test('commands that wait for a leader weigh what they weigh, and the refusal says when to come again', () => {
    const lab = settled({ requestTimeoutMs: 60_000 });
    const name = lab.follower();
    const { node } = lab.at(name);
    lab.isolate(name);
    lab.run(5_000);
    const refusals: unknown[] = [];
    for (let count = 0; count <= MAX_PENDING_PROPOSAL_BYTES / MIB; count++) {
      node.propose(new Uint8Array(MIB), (outcome) => {
        if (!outcome.ok) refusals.push([outcome.error.code, outcome.error.details]);
      });
    }
    expect(refusals).toEqual([['BUSY', { retryAfterMs: expect.any(Number) }]]);
  });

  test('barriers that have been answered with an error are forgotten', () => {
    const reads = new ReadBarriers(1);
    let ended = 0;
    const done = (): void => {
      ended += 1;
    };
    for (let at = 0; at < 100; at++) {
      reads.add({ done, deadline: at + 10, trust: 'quorum' });
      for (const { context } of reads.begin(at, at + 5)) {
        reads.onReply({ context, index: logIndex(500) }, logIndex(3), at);
      }
      reads.expire(at);
    }
    reads.expire(5_000);
    expect([ended, reads.size]).toEqual([100, 0]);
  });
});
