import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { type Configuration, configuration, isJoint, members } from '../../src/protocol/state.ts';
import {
  applySimple,
  enterJoint,
  leaveJoint,
  type MembershipChange,
  MembershipError,
} from '../../src/raft/membership.ts';

/** `v1 l2 r3`: add voter 1, add learner 2, remove 3. */
function changes(text: string): MembershipChange[] {
  const types = { v: 'add-voter', l: 'add-learner', r: 'remove' } as const;
  return text.split(' ').flatMap((word) => {
    const type = types[word[0] as keyof typeof types];
    return type === undefined ? [] : [{ type, id: nodeId(word.slice(1)) }];
  });
}

function config(voters: string, learners = ''): Configuration {
  const ids = (text: string) => text.split(' ').filter(Boolean).map(nodeId);
  return configuration(ids(voters), ids(learners));
}

/** `1 2 & 1 learners 3 next 4 auto`, or the code of the refusal. */
function shown(result: Configuration | MembershipError): string {
  if (result instanceof MembershipError) return result.code;
  const part = (name: string, ids: readonly string[]): string =>
    ids.length === 0 ? '' : ` ${name} ${[...ids].sort().join(' ')}`;
  const voters = [...result.voters].sort().join(' ');
  const outgoing = part('&', result.votersOutgoing);
  const learning = part('learners', result.learners) + part('next', result.learnersNext);
  return `${voters}${outgoing}${learning}${result.autoLeave ? ' auto' : ''}`;
}

const JOINT = { ...config('1 2'), votersOutgoing: [nodeId('1')] };

describe('applySimple', () => {
  test.each([
    { why: 'a first voter', of: config(''), do: 'v1', gives: '1' },
    { why: 'one more', of: config('1 2'), do: 'v3', gives: '1 2 3' },
    { why: 'one less', of: config('1 2 3'), do: 'r2', gives: '1 3' },
    { why: 'any number of learners', of: config('1'), do: 'l2 l3', gives: '1 learners 2 3' },
    { why: 'a promotion', of: config('1', '2'), do: 'v2', gives: '1 2' },
    { why: 'a demotion', of: config('1 2'), do: 'l2', gives: '1 learners 2' },
    { why: 'it was so already', of: config('1', '2'), do: 'v1 l2 r3', gives: '1 learners 2' },
    { why: 'there and back again', of: config('1'), do: 'v2 r2', gives: '1' },
    { why: 'two voters come', of: config('1'), do: 'v2 v3', gives: 'NEEDS_JOINT' },
    { why: 'one comes and one goes', of: config('1 2'), do: 'v3 r1', gives: 'NEEDS_JOINT' },
    { why: 'the last one goes', of: config('1', '2'), do: 'r1', gives: 'NO_VOTERS_LEFT' },
    { why: 'the last one learns', of: config('1'), do: 'l1', gives: 'NO_VOTERS_LEFT' },
    { why: 'in a joint phase', of: JOINT, do: 'l3', gives: 'JOINT_PHASE' },
  ])('$why: $do gives $gives', ({ of, do: text, gives }) => {
    expect(shown(applySimple(of, changes(text)))).toBe(gives);
  });
});

describe('enterJoint and leaveJoint', () => {
  test.each([
    { why: 'two come', of: config('1'), do: 'v2 v3', joint: '1 2 3 & 1', gives: '1 2 3' },
    { why: 'one for another', of: config('1 2 3'), do: 'v4 r1', joint: '2 3 4 & 1 2 3', gives: '2 3 4' },
    {
      why: 'a demotion waits for the outgoing half to be gone',
      of: config('1 2'),
      do: 'l1 v3',
      joint: '2 3 & 1 2 next 1',
      gives: '2 3 learners 1',
    },
    {
      why: 'a learner that comes beside is one at once',
      of: config('1'),
      do: 'l2 v3',
      joint: '1 3 & 1 learners 2',
      gives: '1 3 learners 2',
    },
    {
      why: 'demoted and promoted again in one go',
      of: config('1 2'),
      do: 'l2 v2',
      joint: '1 2 & 1 2',
      gives: '1 2',
    },
    {
      why: 'demoted and removed in one go',
      of: config('1 2'),
      do: 'l2 r2',
      joint: '1 & 1 2',
      gives: '1',
    },
    { why: 'nothing to do', of: config('1'), do: '', joint: '1 & 1', gives: '1' },
  ])('$why', ({ of, do: text, joint, gives }) => {
    const entered = enterJoint(of, changes(text), { autoLeave: false });
    expect(shown(entered)).toBe(joint);
    expect(shown(leaveJoint(entered as Configuration))).toBe(gives);
  });

  test('says whether it is left by itself', () => {
    expect(shown(enterJoint(config('1'), [], { autoLeave: true }))).toBe('1 & 1 auto');
  });

  test.each([
    { why: 'twice', result: enterJoint(JOINT, [], { autoLeave: false }), code: 'JOINT_PHASE' },
    {
      why: 'without voters',
      result: enterJoint(config(''), [], { autoLeave: true }),
      code: 'NO_VOTERS_LEFT',
    },
    {
      why: 'into nothing',
      result: enterJoint(config('1'), changes('r1'), { autoLeave: true }),
      code: 'NO_VOTERS_LEFT',
    },
    { why: 'left without being entered', result: leaveJoint(config('1')), code: 'NOT_JOINT' },
  ])('refused: $why', ({ result, code }) => {
    expect(shown(result)).toBe(code);
  });
});

const anyId = fc.constantFrom('1', '2', '3', '4', '5').map(nodeId);
const anyChange = fc.record({
  type: fc.constantFrom('add-voter' as const, 'add-learner' as const, 'remove' as const),
  id: anyId,
});

test('nobody is two things at once, on the way and at its end', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyId, { minLength: 1 }), fc.array(anyChange), (voters, wanted) => {
      const joint = enterJoint(configuration(voters), wanted, { autoLeave: true });
      fc.pre(!(joint instanceof MembershipError));
      expect(isJoint(joint)).toBe(true);
      expectDisjoint(joint.voters, joint.learners, joint.learnersNext);
      const after = leaveJoint(joint) as Configuration;
      expectDisjoint(after.voters, after.learners);
      expect([...members(after)].sort()).toEqual([...new Set([...after.voters, ...after.learners])].sort());
    }),
  );
});

function expectDisjoint(...groups: readonly (readonly string[])[]): void {
  const all = groups.flat();
  expect(new Set(all).size).toBe(all.length);
}
