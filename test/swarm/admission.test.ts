import { describe, expect, test } from 'vitest';
import type { PeerStatus } from '../../src/node/port.ts';
import { nodeId } from '../../src/protocol/ids.ts';
import { type Configuration, configuration } from '../../src/protocol/state.ts';
import { applySimple, enterJoint, MembershipError } from '../../src/raft/membership.ts';
import { nextStep, type Step, type Wanted } from '../../src/swarm/admission.ts';

const a = nodeId('a');
const b = nodeId('b');
/** Lost its data, and comes back as `again`. */
const former = nodeId('c');
const again = nodeId('c.9');

const WANTED: Wanted = { memberId: again, former, shallVote: true, wasIn: false, hasRetired: false };
const LET_IN = { wasIn: true, hasRetired: true };

function peer(more: Partial<PeerStatus> = {}): PeerStatus {
  return { id: again, mode: 'replicate', matchIndex: 0, lag: 0, inFlight: 0, ...more } as PeerStatus;
}

function joint(config: Configuration): Configuration {
  const next = enterJoint(config, [{ type: 'add-voter', id: again }], { autoLeave: true });
  if (next instanceof MembershipError) throw next;
  return next;
}

const REPLACE = [
  { type: 'remove', id: former },
  { type: 'add-learner', id: again },
];

test.each<{
  why: string;
  seen: Configuration;
  peers?: readonly PeerStatus[];
  wanted?: Partial<Wanted>;
  step: Step | { kind: 'change'; changes: readonly object[] };
}>([
  {
    why: 'at first it takes the place of what it was, in one change',
    seen: configuration([a, b, former]),
    step: { kind: 'change', changes: REPLACE },
  },
  {
    why: 'another change is on its way, and would refuse this one',
    seen: joint(configuration([a, b, former])),
    step: { kind: 'wait' },
  },
  {
    why: 'somebody else has taken its former self out meanwhile',
    seen: configuration([a, b]),
    step: { kind: 'change', changes: [REPLACE[1] ?? {}] },
  },
  {
    why: 'the answer was lost: that it is in counts once the leader says that this is committed',
    seen: configuration([a, b], [again]),
    step: { kind: 'change', changes: [] },
  },
  {
    why: 'let in, but what its former self held is not given back',
    seen: configuration([a, b], [again]),
    wanted: { wasIn: true },
    step: { kind: 'retire' },
  },
  {
    why: 'it came in nobody’s place, so there is nothing to give back',
    seen: configuration([a, b], [again]),
    wanted: { wasIn: true, former: undefined, shallVote: false },
    step: { kind: 'done' },
  },
  {
    why: 'the leader does not keep book of it yet',
    seen: configuration([a, b], [again]),
    wanted: LET_IN,
    step: { kind: 'wait' },
  },
  {
    why: 'a snapshot is on its way to it',
    seen: configuration([a, b], [again]),
    peers: [peer({ mode: 'snapshot' })],
    wanted: LET_IN,
    step: { kind: 'wait' },
  },
  {
    why: 'too much is missing: as a voter it would hold up every decision',
    seen: configuration([a, b], [again]),
    peers: [peer({ lag: 100 })],
    wanted: LET_IN,
    step: { kind: 'wait' },
  },
  {
    why: 'it has caught up',
    seen: configuration([a, b], [again]),
    peers: [peer({ lag: 99 })],
    wanted: LET_IN,
    step: { kind: 'change', changes: [{ type: 'add-voter', id: again }] },
  },
  {
    why: 'it shall not vote, nor did its former self',
    seen: configuration([a, b], [again]),
    peers: [peer()],
    wanted: { ...LET_IN, shallVote: false },
    step: { kind: 'done' },
  },
  { why: 'it votes', seen: configuration([a, b, again]), wanted: LET_IN, step: { kind: 'done' } },
  {
    why: 'a person has taken it out before it could vote: that counts',
    seen: configuration([a, b]),
    wanted: { wasIn: true },
    step: { kind: 'superseded' },
  },
])('$why: $step.kind', ({ seen, peers = [], wanted, step }) => {
  expect(nextStep({ configuration: seen, peers }, { ...WANTED, ...wanted })).toEqual(step);
});

describe('whatever has happened meanwhile, going on by what is seen ends with one voter more and the former one gone', () => {
  test.each([
    { why: 'nothing', seen: configuration([a, b, former]) },
    { why: 'its former self was demoted', seen: configuration([a, b], [former]) },
    { why: 'a person has let it in', seen: configuration([a, b, former], [again]) },
    { why: 'a person has let it vote', seen: configuration([a, b, former, again]) },
  ])('$why', ({ seen }) => {
    let now = seen;
    let wanted: Wanted = WANTED;
    const kinds: string[] = [];
    for (;;) {
      const step = nextStep({ configuration: now, peers: [peer()] }, wanted);
      kinds.push(step.kind);
      if (step.kind === 'done') break;
      if (step.kind === 'retire') wanted = { ...wanted, hasRetired: true };
      if (step.kind !== 'change') continue;
      const next = applySimple(now, step.changes);
      if (next instanceof MembershipError) throw next;
      now = next;
      wanted = { ...wanted, wasIn: true };
    }
    expect(now).toEqual(configuration([a, b, again]));
    expect(kinds.length).toBeLessThan(6);
  });
});
