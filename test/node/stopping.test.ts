import { describe, expect, test } from 'vitest';
import { nodeId, term } from '../../src/protocol/ids.ts';
import { settled, voters } from './lab.ts';

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
    expect(lab.at(leader).transportClosings).toBe(1);
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
    expect(lab.at(leader).transportClosings).toBe(0);
    const second = node.stop('at-once');
    const began = lab.now;
    await lab.drive(Promise.all([first, second]));
    expect(lab.now - began).toBeLessThan(100);
    expect(lab.at(leader).transportClosings).toBe(1);
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
    // What is in the log may still be committed by the others; what never got there may not.
    expect(proposed).toMatchObject([{ ok: false, error: { code: 'OUTCOME_UNKNOWN' } }]);
    for (const answers of [waiting, read]) {
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
    expect(answers).toMatchObject([{ ok: false, error: { code: 'OUTCOME_UNKNOWN' } }]);
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
    expect(lab.at(leader).transportClosings).toBe(0);
    await lab.drive(lab.at(leader).node.stop('hand-over'));
    expect(lab.at(leader).transportClosings).toBe(1);
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
