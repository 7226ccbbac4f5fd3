import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { MAX_COMMAND_BYTES } from '../../src/protocol/limits.ts';
import { Lab, settled, voters } from './lab.ts';

describe('a command', () => {
  test.each([
    { why: 'through the leader', through: (lab: Lab) => lab.leader() },
    { why: 'through a follower', through: (lab: Lab) => lab.follower() },
  ])('$why is applied everywhere, and answered once with its result', ({ through }) => {
    const lab = settled();
    const answers = lab.propose(through(lab), 'x');
    lab.run(1_000);
    expect(answers).toEqual([{ ok: true, value: { index: 2, result: 'did x' } }]);
    for (const name of voters) expect(lab.at(name).applied).toEqual(['x']);
  });

  test('through a learner', () => {
    const lab = settled({ learners: ['l'] });
    const answers = lab.propose('l', 'x');
    lab.run(1_000);
    expect(answers).toMatchObject([{ ok: true, value: { result: 'did x' } }]);
  });

  test('is answered by the node that was asked, from its own state machine', () => {
    const lab = settled();
    const follower = lab.follower();
    const answers = lab.propose(follower, 'x');
    while (answers.length === 0) lab.run(1);
    expect(lab.at(follower).applied).toEqual(['x']);
  });

  test('waits for the first leader', () => {
    const lab = new Lab({ voters });
    const answers = voters.map((name) => lab.propose(name, `from ${name}`));
    lab.run(5_000);
    for (const each of answers) expect(each).toMatchObject([{ ok: true }]);
    expect(lab.at('a').applied).toHaveLength(3);
  });

  test('each of a thousand gets its own answer, in order', () => {
    const lab = settled();
    const answers = Array.from({ length: 1_000 }, (_, at) => lab.propose(lab.follower(), `c${at}`));
    lab.run(1_000);
    expect(answers.map(([answer]) => answer?.ok === true && answer.value.result)).toEqual(
      answers.map((_, at) => `did c${at}`),
    );
    expect(lab.at('a').applied).toEqual(answers.map((_, at) => `c${at}`));
  });

  test('proposed from within an answer goes on', () => {
    const lab = settled();
    const results: string[] = [];
    const { node } = lab.at(lab.leader());
    node.propose(Buffer.from('first'), () => {
      node.propose(Buffer.from('second'), (outcome) =>
        results.push(outcome.ok ? outcome.value.result : 'no'),
      );
    });
    lab.run(1_000);
    expect(results).toEqual(['did second']);
  });
});

describe('a command that is refused was not proposed', () => {
  test('NO_QUORUM: no leader in time', () => {
    const lab = new Lab({ voters, requestTimeoutMs: 5_000 });
    lab.isolate('a');
    const answers = lab.propose('a', 'x');
    lab.run(4_999);
    expect(answers).toEqual([]);
    lab.run(2);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'NO_QUORUM' } }]);
    lab.mend('a');
    lab.run(5_000);
    expect(lab.at('b').applied).toEqual([]);
  });

  test('PROPOSAL_TOO_LARGE', () => {
    const lab = settled();
    const answers = lab.propose('a', 'x'.repeat(MAX_COMMAND_BYTES + 1));
    expect(answers).toMatchObject([{ ok: false, error: { code: 'PROPOSAL_TOO_LARGE' } }]);
  });

  test('BUSY: too much is uncommitted', () => {
    const lab = settled({ config: { maxUncommittedBytes: 100 } });
    const leader = lab.leader();
    lab.isolate(leader);
    lab.propose(leader, 'x'.repeat(200));
    lab.run(10);
    const answers = lab.propose(leader, 'y');
    lab.run(10);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'BUSY' } }]);
  });

  test('STOPPED', async () => {
    const lab = settled();
    await lab.drive(lab.at('a').node.stop('at-once'));
    expect(lab.propose('a', 'x')).toMatchObject([{ ok: false, error: { code: 'STOPPED' } }]);
    expect(lab.read('a')).toMatchObject([{ ok: false, error: { code: 'STOPPED' } }]);
    expect(lab.transfer('a', 'b')).toMatchObject([{ ok: false, error: { code: 'STOPPED' } }]);
  });
});

describe('a command whose leader is lost', () => {
  test("PROPOSAL_DROPPED: another leader's entry took its place", () => {
    const lab = settled();
    const old = lab.leader();
    lab.isolate(old);
    // The next leader's no-op takes the place of the first, its command that of the second.
    const lost = ['lost', 'too'].map((command) => lab.propose(old, command));
    lab.run(6_000);
    expect(lost).toEqual([[], []]);
    const kept = lab.propose(lab.leader(), 'kept');
    lab.run(100);
    lab.mend(old);
    lab.run(3_000);
    expect(kept).toMatchObject([{ ok: true, value: { index: 3 } }]);
    for (const answers of lost) {
      expect(answers).toMatchObject([{ ok: false, error: { code: 'PROPOSAL_DROPPED' } }]);
    }
    expect(lab.at(old).applied).toEqual(['kept']);
  });

  test('OUTCOME_UNKNOWN: not committed in time', () => {
    const lab = settled({ requestTimeoutMs: 1_000 });
    const leader = lab.leader();
    lab.isolate(leader);
    const answers = lab.propose(leader, 'x');
    lab.run(1_100);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'OUTCOME_UNKNOWN' } }]);
    lab.mend(leader);
    lab.run(5_000);
    expect(answers).toHaveLength(1);
  });

  test('OUTCOME_UNKNOWN: the leader went before it said where the command stands', () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    const answers = lab.propose(follower, 'x');
    lab.run(0.5);
    expect(lab.sent('proposal-forward')).toHaveLength(1);
    lab.crash(leader);
    lab.run(3_000);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'OUTCOME_UNKNOWN' } }]);
  });

  test('while the way to the leader is closed, it waits instead of being lost on it', () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    lab.crash(leader);
    lab.run(2);
    const answers = lab.propose(follower, 'x');
    lab.run(3_000);
    expect(answers).toMatchObject([{ ok: true, value: { result: 'did x' } }]);
  });

  test('it goes on once the way to the same leader is open again', () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    lab.hub.cut(nodeId(leader), nodeId(follower));
    lab.run(5);
    const answers = lab.propose(follower, 'x');
    lab.run(300);
    lab.hub.mend(nodeId(leader), nodeId(follower));
    lab.run(500);
    expect(lab.leader()).toBe(leader);
    expect(answers).toMatchObject([{ ok: true }]);
  });

  test('two commands that hoped for one place are both answered, once each', () => {
    const lab = settled({ requestTimeoutMs: 60_000 });
    const old = lab.leader();
    lab.isolate(old);
    const first = ['at 2', 'at 3'].map((command) => lab.propose(old, command));
    lab.run(6_000);
    // The next leader has a no-op at 2, and puts what the old one forwards to it at 3.
    lab.mend(old);
    const second = lab.propose(old, 'second');
    lab.run(5_000);
    for (const answers of first) {
      expect(answers).toMatchObject([{ ok: false, error: { code: 'PROPOSAL_DROPPED' } }]);
    }
    expect(second).toMatchObject([{ ok: true, value: { index: 3, result: 'did second' } }]);
    for (const name of voters) expect(lab.at(name).applied).toEqual(['second']);
  });

  test('commands that a leader refuses during a hand-over are brought to the next', () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    const third = voters.find((name) => name !== leader && name !== follower) ?? '';
    lab.transfer(leader, follower);
    const answers = [lab.propose(leader, 'x'), lab.propose(third, 'y')];
    lab.run(1_000);
    expect(lab.leader()).toBe(follower);
    for (const each of answers) expect(each).toMatchObject([{ ok: true }]);
  });
});
