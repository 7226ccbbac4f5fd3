import { describe, expect, test } from 'vitest';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import { MAX_COMMAND_BYTES } from '../../src/protocol/limits.ts';
import { Lab } from './lab.ts';

const voters = ['a', 'b', 'c'];

function settled(options: Partial<ConstructorParameters<typeof Lab>[0]> = {}): Lab {
  const lab = new Lab({ voters, ...options });
  lab.settle();
  return lab;
}

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
    const answers = lab.propose(old, 'lost');
    lab.run(6_000);
    expect(answers).toEqual([]);
    const kept = lab.propose(lab.leader(), 'kept');
    lab.run(100);
    lab.mend(old);
    lab.run(3_000);
    expect(kept).toMatchObject([{ ok: true }]);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'PROPOSAL_DROPPED' } }]);
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
    const first = lab.propose(old, 'first');
    lab.run(6_000);
    // The other leader's entries come to the very places where the first one hoped to be.
    lab.mend(old);
    const second = lab.propose(old, 'second');
    lab.run(5_000);
    expect(first).toMatchObject([{ ok: false, error: { code: 'PROPOSAL_DROPPED' } }]);
    expect(second).toMatchObject([{ ok: true }]);
    expect(lab.at('a').applied).toEqual(['second']);
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

describe('a read barrier', () => {
  test('on any node sees what was acknowledged before it', () => {
    const lab = settled();
    for (let round = 0; round < 20; round++) {
      const written = lab.propose(lab.leader(), `w${round}`);
      while (written.length === 0) lab.run(1);
      for (const name of voters) {
        const answers = lab.read(name);
        while (answers.length === 0) lab.run(1);
        expect(answers).toMatchObject([{ ok: true }]);
        expect(lab.at(name).applied).toContain(`w${round}`);
      }
    }
  });

  test('many of one turn are one question', () => {
    const lab = settled();
    const follower = lab.follower();
    const answers = Array.from({ length: 50 }, () => lab.read(follower));
    lab.run(100);
    for (const each of answers) expect(each).toMatchObject([{ ok: true }]);
    expect(lab.sent('read-request')).toHaveLength(1);
  });

  test('that is tried again asks with a context never used before, in any life', () => {
    const lab = settled({ voters: ['a', 'b', 'c', 'd', 'e'] });
    const [leader, follower] = [lab.leader(), lab.follower()];
    // The two see each other only: the leader admits the read and cannot confirm it.
    for (const name of [leader, follower]) lab.isolate(name);
    lab.hub.mend(nodeId(leader), nodeId(follower));
    lab.run(200);
    const answers = lab.read(follower);
    lab.run(1_000);
    const contexts = (): number[] => lab.sent('read-request').map(({ context }) => context);
    expect(answers).toEqual([]);
    expect(contexts().length).toBeGreaterThan(2);
    lab.crash(follower);
    for (const name of [leader, follower]) lab.mend(name);
    lab.start(follower);
    lab.run(3_000);
    const later = lab.read(follower);
    lab.run(1_000);
    expect(later).toMatchObject([{ ok: true }]);
    expect(new Set(contexts()).size).toBe(contexts().length);
  });

  test('NO_QUORUM where no leader can confirm it in time', () => {
    const lab = settled({ requestTimeoutMs: 3_000 });
    const leader = lab.leader();
    lab.isolate(leader);
    const answers = lab.read(leader);
    lab.run(2_900);
    expect(answers).toEqual([]);
    lab.run(500);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'NO_QUORUM' } }]);
  });

  test('waits for the first leader', () => {
    const lab = new Lab({ voters });
    const answers = voters.map((name) => lab.read(name));
    lab.run(3_000);
    for (const each of answers) expect(each).toMatchObject([{ ok: true }]);
  });
});

describe('a transfer', () => {
  test('answers with the new leader once it has spoken', () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    const answers = lab.transfer(leader, follower);
    lab.run(500);
    expect(answers).toEqual([{ ok: true, value: follower }]);
    expect(lab.leader()).toBe(follower);
  });

  test('NOT_LEADER elsewhere', () => {
    const lab = settled();
    const answers = lab.transfer(lab.follower(), lab.leader());
    expect(answers).toMatchObject([{ ok: false, error: { code: 'NOT_LEADER' } }]);
  });

  test('a second one is refused and leaves the first alone', () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    const first = lab.transfer(leader, follower);
    const second = lab.transfer(leader, undefined);
    expect(second).toMatchObject([{ ok: false, error: { code: 'TRANSFER_FAILED' } }]);
    expect(first).toEqual([]);
    lab.run(500);
    expect(first).toEqual([{ ok: true, value: follower }]);
  });

  test('fails in time when the target never takes over', () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    lab.hub.cut(nodeId(leader), nodeId(follower));
    lab.run(5);
    lab.propose(leader, 'x');
    lab.run(5);
    const answers = lab.transfer(leader, follower);
    lab.run(5_000);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'TRANSFER_FAILED' } }]);
    expect(lab.leader()).toBe(leader);
  });
});

describe('stopping', () => {
  test('in order hands leadership over first: nobody waits for a time-out', async () => {
    const lab = settled();
    const leader = lab.leader();
    const began = lab.now;
    await lab.drive(lab.at(leader).node.stop('hand-over'));
    expect(lab.now - began).toBeLessThan(100);
    expect(lab.leader()).not.toBe(leader);
    expect(lab.at(leader).isTransportClosed).toBe(true);
    const answers = lab.propose(lab.leader(), 'x');
    lab.run(100);
    expect(answers).toMatchObject([{ ok: true }]);
  });

  test('at once, without asking anybody', async () => {
    const lab = settled();
    const leader = lab.leader();
    await lab.drive(lab.at(leader).node.stop('at-once'));
    expect(lab.sent('timeout-now')).toEqual([]);
  });

  test('a leader that reaches nobody goes without a successor', async () => {
    const lab = settled();
    const leader = lab.leader();
    lab.isolate(leader);
    lab.run(5);
    const began = lab.now;
    await lab.drive(lab.at(leader).node.stop('hand-over'));
    expect(lab.now - began).toBeLessThan(100);
  });

  test('waits for a hand-over that is under way', async () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    const answers = lab.transfer(leader, follower);
    await lab.drive(lab.at(leader).node.stop('hand-over'));
    expect(answers).toEqual([{ ok: true, value: follower }]);
  });

  test('twice is once, and `at-once` cuts a hand-over short', async () => {
    const lab = settled();
    const leader = lab.leader();
    const others = voters.filter((name) => name !== leader);
    for (const other of others) lab.holdDisk(other);
    const { node } = lab.at(leader);
    const first = node.stop('hand-over');
    lab.run(50);
    expect(lab.at(leader).isTransportClosed).toBe(false);
    const second = node.stop('at-once');
    const began = lab.now;
    await lab.drive(Promise.all([first, second]));
    expect(lab.now - began).toBeLessThan(100);
  });

  test('ends every pending call, once', async () => {
    const lab = settled();
    const leader = lab.leader();
    lab.isolate(leader);
    const proposed = lab.propose(leader, 'placed');
    lab.run(1);
    const waiting = lab.propose(leader, 'waiting');
    const read = lab.read(leader);
    await lab.drive(lab.at(leader).node.stop('at-once'));
    lab.run(20_000);
    for (const answers of [proposed, waiting, read]) {
      expect(answers).toMatchObject([{ ok: false, error: { code: 'STOPPED' } }]);
    }
  });
});

describe('a disk that fails', () => {
  test('stops the node, which says so once, says nothing more to anybody, and never tries again', () => {
    const lab = settled();
    const leader = lab.leader();
    const { node, storage, failures } = lab.at(leader);
    const failure = new Error('no space left');
    storage.failNextSync(failure);
    const answers = lab.propose(leader, 'x');
    lab.run(10);
    expect(failures).toEqual([failure]);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'STOPPED' } }]);
    const said = lab.frames.filter(({ from }) => from === leader).length;
    lab.run(10_000);
    expect(lab.frames.filter(({ from }) => from === leader)).toHaveLength(said);
    expect(failures).toHaveLength(1);
    expect(lab.propose(node.id, 'y')).toMatchObject([{ ok: false, error: { code: 'STOPPED' } }]);
  });

  test('leaves links and folder to be closed', async () => {
    const lab = settled();
    const leader = lab.leader();
    lab.at(leader).storage.failNextSync(new Error('no space left'));
    lab.propose(leader, 'x');
    lab.run(10);
    expect(lab.at(leader).isTransportClosed).toBe(false);
    await lab.drive(lab.at(leader).node.stop('hand-over'));
    expect(lab.at(leader).isTransportClosed).toBe(true);
    lab.run(500);
    expect(lab.leader()).not.toBe(leader);
  });
});

describe('a broken promise of the algorithm', () => {
  test('stops the node, and ends what is pending', () => {
    const lab = settled();
    const leader = lab.leader();
    const answers = lab.propose(leader, 'x');
    const { node, listener, failures } = lab.at(leader);
    const rival = nodeId(lab.follower());
    listener.onMessages(rival, [
      {
        type: 'heartbeat',
        from: rival,
        to: node.id,
        term: term(node.status().term),
        commitIndex: node.status().commitIndex,
        round: 0,
      },
    ]);
    lab.run(100);
    expect(failures.map((error) => error.name)).toEqual(['InvariantError']);
    expect(answers).toMatchObject([{ ok: false, error: { code: 'STOPPED' } }]);
  });
});

describe('one frame a peer and a turn', () => {
  test('carries all that one turn has for that peer', () => {
    const lab = settled();
    const leader = lab.leader();
    lab.run(1_000);
    const before = lab.frames.length;
    for (const command of ['x', 'y', 'z']) lab.propose(leader, command);
    lab.read(leader);
    lab.run(0.5);
    const frames = lab.frames.slice(before).filter(({ from }) => from === leader);
    expect(frames.map(({ to }) => to).sort()).toEqual(voters.filter((name) => name !== leader));
    for (const { messages } of frames) {
      expect(messages.map(({ type }) => type)).toEqual(['append-request', 'heartbeat']);
      expect(messages[0]).toMatchObject({ entries: [{}, {}, {}] });
    }
  });

  test('at no time two of one turn', () => {
    const lab = settled();
    for (let round = 0; round < 50; round++) {
      for (const name of voters) lab.propose(name, `${name}${round}`);
      lab.run(7);
    }
    const turns = lab.frames.map(({ at, from, to }) => `${at} ${from} ${to}`);
    const doubled = turns.filter((turn, at) => turns.indexOf(turn) !== at);
    // Deliveries and syncs of one instant may belong to two turns; never to three.
    expect(doubled.filter((turn, at) => doubled.indexOf(turn) !== at)).toEqual([]);
  });
});

describe('durability', () => {
  test('a node alone acknowledges a command only when it is on its disk', () => {
    const lab = new Lab({ voters: ['a'] });
    lab.settle();
    lab.holdDisk('a');
    const answers = lab.propose('a', 'x');
    lab.run(5_000);
    expect(answers).toEqual([]);
    expect(lab.at('a').applied).toEqual([]);
    lab.releaseDisk('a');
    lab.run(10);
    expect(answers).toMatchObject([{ ok: true }]);
  });

  test('what was acknowledged is there after every node was killed', () => {
    const lab = settled();
    const answers = lab.propose(lab.leader(), 'x');
    while (answers.length === 0) lab.run(1);
    for (const name of voters) lab.crash(name);
    lab.run(5);
    for (const name of voters) lab.start(name);
    lab.settle();
    for (const name of voters) expect(lab.at(name).applied).toEqual(['x']);
  });

  test('no answer to an append or a vote leaves before the write it speaks of', () => {
    const lab = new Lab({ voters });
    for (const name of voters) lab.holdDisk(name);
    lab.run(3_000);
    expect(lab.sent('vote-request')).toEqual([]);
    for (const name of voters) lab.releaseDisk(name);
    lab.settle();
    const follower = lab.follower();
    lab.holdDisk(follower);
    const before = lab.sent('append-response').filter(({ from }) => from === follower).length;
    lab.propose(lab.leader(), 'x');
    lab.run(1_000);
    expect(lab.sent('append-response').filter(({ from }) => from === follower)).toHaveLength(before);
    lab.releaseDisk(follower);
    lab.run(50);
    expect(lab.sent('append-response').filter(({ from }) => from === follower).length).toBeGreaterThan(
      before,
    );
  });
});

describe('time', () => {
  test('an idle swarm wakes for heartbeats and little else', () => {
    const lab = settled();
    const before = lab.wakeUps;
    lab.run(10_000);
    // The leader every 100 ms; each follower once an election timeout.
    expect(lab.wakeUps - before).toBeLessThan(130);
  });

  test('calls that wait without a leader do not spin', () => {
    const lab = new Lab({ voters });
    lab.isolate('a');
    lab.propose('a', 'x');
    lab.read('a');
    const before = lab.wakeUps;
    lab.run(9_000);
    expect(lab.wakeUps - before).toBeLessThan(300);
  });

  test('status tells how long the leader has been silent, though nothing has happened since', () => {
    const lab = settled();
    const follower = lab.follower();
    const { node } = lab.at(follower);
    expect(node.status().leaderContactMs).toBeLessThanOrEqual(110);
    lab.isolate(lab.leader());
    const leaderNode = lab.at(lab.leader()).node;
    lab.run(400);
    const silent = leaderNode.status().peers.map(({ lastContactMs }) => lastContactMs ?? 0);
    expect(Math.min(...silent)).toBeGreaterThan(250);
  });
});

describe('status and history', () => {
  test('name the leader, the term and the place of the log on every node', () => {
    const lab = settled();
    const leader = lab.leader();
    lab.propose(leader, 'x');
    lab.run(200);
    for (const name of voters) {
      expect(lab.at(name).node.status()).toMatchObject({
        id: name,
        clusterId: 'lab',
        role: name === leader ? 'leader' : 'follower',
        leaderId: leader,
        commitIndex: 2,
        appliedIndex: 2,
        lastIndex: 2,
        electionsWon: name === leader ? 1 : 0,
      });
    }
  });

  test.each([
    { why: 'all', from: 1, limit: 10, indexes: [1, 2, 3] },
    { why: 'a page', from: 2, limit: 1, indexes: [2] },
    { why: 'from before the beginning', from: 0, limit: 2, indexes: [1, 2] },
    { why: 'beyond the end', from: 9, limit: 5, indexes: [] },
    { why: 'nothing asked', from: 1, limit: 0, indexes: [] },
  ])('committed entries: $why', ({ from, limit, indexes }) => {
    const lab = settled();
    for (const command of ['x', 'y']) lab.propose(lab.leader(), command);
    lab.run(200);
    const { node } = lab.at('a');
    const found = node.committed(logIndex(from), limit);
    expect(found.map(({ index }) => index)).toEqual(indexes);
  });
});
