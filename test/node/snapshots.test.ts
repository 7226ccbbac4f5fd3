import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { type Lab, settled } from './lab.ts';

const NO_TAIL = { config: { snapshotTailEntries: 0 } };

function proposeMany(lab: Lab, name: string, count: number): void {
  for (let at = 0; at < count; at++) {
    lab.propose(name, `p${at}`);
    lab.run(10);
  }
}

function snapshot(lab: Lab, name: string): unknown[] {
  const answers: unknown[] = [];
  lab
    .at(name)
    .node.snapshot((outcome) => answers.push(outcome.ok ? outcome.value.index : outcome.error.code));
  return answers;
}

describe('a snapshot', () => {
  test('takes the place of the log, and a node comes back from it', () => {
    const lab = settled(NO_TAIL);
    const leader = lab.leader();
    proposeMany(lab, leader, 5);
    const answers = snapshot(lab, leader);
    lab.run(50);
    expect(answers).toEqual([6]);
    expect(lab.at(leader).node.status()).toMatchObject({ firstIndex: 7, snapshotIndex: 6 });
    const applied = [...lab.at(leader).applied];
    lab.crash(leader);
    lab.start(leader);
    lab.settle();
    expect(lab.at(leader).applied).toEqual(applied);
  });

  test('leads a follower on that lacks what is gone', () => {
    const lab = settled(NO_TAIL);
    const [leader, follower] = [lab.leader(), lab.follower()];
    lab.isolate(follower);
    lab.run(20);
    proposeMany(lab, leader, 5);
    snapshot(lab, leader);
    lab.run(50);
    lab.mend(follower);
    lab.run(3_000);
    expect(lab.at(follower).applied).toEqual(lab.at(leader).applied);
    expect(lab.sent('snapshot-answer').map(({ status }) => status)).toContain('installed');
  });

  test('is not called installed as long as a crash would forget what it stands for', () => {
    const lab = settled(NO_TAIL);
    const [leader, follower] = [lab.leader(), lab.follower()];
    lab.holdDisk(follower);
    proposeMany(lab, leader, 5);
    snapshot(lab, leader);
    lab.run(20);
    proposeMany(lab, leader, 3);
    lab.hub.cut(nodeId(leader), nodeId(follower));
    lab.run(3);
    lab.hub.mend(nodeId(leader), nodeId(follower));
    lab.run(40);
    lab.crash(follower);
    lab.releaseDisk(follower);
    lab.run(5);
    lab.start(follower);
    lab.run(3_000);
    expect(lab.at(follower).failures).toEqual([]);
    expect(lab.at(follower).applied).toEqual(lab.at(lab.leader()).applied);
  });

  test('that was asked for is answered also when the node stops', async () => {
    const lab = settled();
    const name = lab.follower();
    proposeMany(lab, lab.leader(), 2);
    const answers = [snapshot(lab, name), snapshot(lab, name)];
    await lab.drive(lab.at(name).node.stop('at-once'));
    lab.run(5_000);
    expect(answers).toEqual([['STOPPED'], ['STOPPED']]);
  });
});

test('a state machine that throws stops its node: nothing is applied behind the hole', () => {
  const lab = settled();
  const name = lab.follower();
  const { applied, failures } = lab.at(name);
  const push = applied.push.bind(applied);
  applied.push = (...texts: string[]): number => {
    if (texts[0] === 'bad') throw new TypeError('a bug');
    return push(...texts);
  };
  expect(() => {
    for (const command of ['one', 'bad', 'two']) {
      lab.propose(lab.leader(), command);
      lab.run(40);
    }
  }).toThrow('a bug');
  lab.propose(lab.leader(), 'three');
  lab.run(40);
  expect([...applied]).toEqual(['one']);
  expect(failures.map(String)).toEqual(['TypeError: a bug']);
});
