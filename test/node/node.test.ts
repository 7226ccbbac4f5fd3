import { describe, expect, test } from 'vitest';
import { logIndex, nodeId } from '../../src/protocol/ids.ts';
import { members } from '../../src/protocol/state.ts';
import { Lab, settled, voters } from './lab.ts';

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

  test('an answer waits for its own write, not for the one before', () => {
    const lab = settled();
    const [leader, follower] = [lab.leader(), lab.follower()];
    // Appends arrive faster than the disk syncs; the lab checks every answer against the disk.
    const answers = Array.from({ length: 20 }, (_, at) => {
      const outcome = lab.propose(leader, `c${at}`);
      lab.run(1);
      return outcome;
    });
    lab.run(100);
    for (const each of answers) expect(each).toMatchObject([{ ok: true }]);
    const acks = lab.sent('append-response').filter(({ from }) => from === follower);
    expect(acks.length).toBeGreaterThan(10);
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

describe('a link from somebody who is no member here', () => {
  test('is welcome from the leader, and from anybody while there is none', () => {
    const lab = settled();
    const leader = lab.leader();
    const [follower = ''] = voters.filter((name) => name !== leader);
    const welcomes = (peer: string): boolean | undefined =>
      lab.at(follower).listener.onStranger?.(nodeId(peer));
    expect([welcomes(leader), welcomes('x')]).toEqual([true, false]);
    lab.crash(leader);
    lab.isolate(follower);
    lab.run(2_000);
    expect(welcomes('x')).toBe(true);
  });

  test('is welcome to a newcomer that is led, and has not read yet who the members are', () => {
    const lab = settled();
    lab.start('d');
    const [leader, follower] = [lab.leader(), lab.follower()];
    lab.at(leader).node.changeMembership([{ type: 'add-learner', id: nodeId('d') }], () => undefined);
    const { node, listener } = lab.at('d');
    while (node.status().leaderId !== leader) lab.run(1);
    expect(members(node.status().configuration)).toEqual([]);
    expect(listener.onStranger?.(nodeId(follower))).toBe(true);
    lab.run(1_000);
    expect(members(node.status().configuration)).toContain('d');
    expect(listener.onStranger?.(nodeId('x'))).toBe(false);
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
