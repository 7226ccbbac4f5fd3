import { describe, expect, test } from 'vitest';
import type { NodeStatus, PeerStatus } from '../../../src/node/port.ts';
import type { Millis, NodeId } from '../../../src/protocol/ids.ts';
import { nodeId } from '../../../src/protocol/ids.ts';
import { configuration } from '../../../src/protocol/state.ts';
import { type Order, Pilot, TRIAL_MS } from '../../../src/siblings/quorum-manager/pilot.ts';
import type { Policy } from '../../../src/siblings/quorum-manager/policy.ts';
import { policy } from './members.ts';

const BEAT_MS = 100;

/** A leader `a` with its pilot, in a time that moves when the test says so, one look a heartbeat. */
class Bridge {
  readonly pilot = new Pilot({ heartbeatMs: BEAT_MS, freshMs: 1_000, maxLag: 100 });
  readonly orders: Order[] = [];
  readonly behind = new Set<string>();
  readonly weights = new Map<string, number>();
  readonly standBack = new Set<string>();
  readonly silent = new Map<string, Millis>();
  onOrder: () => unknown = () => undefined;
  now: Millis = 0;
  voters: NodeId[];
  learners: NodeId[];
  #beat = 0;

  constructor(voters: string, learners: string) {
    this.voters = [...voters].map(nodeId);
    this.learners = [...learners].map(nodeId);
    this.pilot.begin();
  }

  lose(...ids: string[]): void {
    for (const id of ids) this.silent.set(id, this.now);
  }

  /** Time passes; orders are carried out at once, unless `refuses`. */
  run(
    ms: Millis,
    { policy: more = {}, refuses = false }: { policy?: Partial<Policy>; refuses?: boolean } = {},
  ): Order[] {
    const before = this.orders.length;
    for (const end = this.now + ms; this.now < end; this.now += BEAT_MS) {
      this.#beat += 1;
      this.pilot.noteConfiguration(configuration(this.voters, this.learners), this.now);
      const sight = {
        status: this.#status(),
        policy: policy(more),
        factsOf: (id: NodeId) => this.#facts(id),
      };
      const order = this.pilot.look(sight, this.now);
      if (order === undefined) continue;
      this.orders.push(order);
      this.onOrder();
      if (order.kind === 'change' && !refuses) this.#change(order.voters);
      this.pilot.settled(order, { done: !refuses, now: this.now });
    }
    return this.orders.slice(before);
  }

  #change(voters: readonly NodeId[]): void {
    const everybody = [...this.voters, ...this.learners];
    this.voters = [...voters];
    this.learners = everybody.filter((id) => !voters.includes(id));
  }

  #facts(id: NodeId) {
    return { transient: false, weight: this.weights.get(id) ?? 1 };
  }

  #status(): NodeStatus {
    const config = configuration(this.voters, this.learners);
    const peers = [...this.voters, ...this.learners].filter((id) => id !== 'a').map((id) => this.#peer(id));
    return {
      id: nodeId('a'),
      role: 'leader',
      configuration: config,
      peers,
      writeMs: 1,
    } as unknown as NodeStatus;
  }

  #peer(id: NodeId): PeerStatus {
    const lostAt = this.silent.get(id);
    const silentMs = lostAt === undefined ? 0 : this.now - lostAt;
    const beat = lostAt === undefined ? this.#beat : 1;
    const lag = this.behind.has(id) ? 5_000 : 0;
    return {
      id,
      beat,
      silentMs,
      aliveMs: silentMs,
      lag,
      mode: 'replicate',
      roundTripMs: 1,
      standing: this.standBack.has(id) ? 'last-resort' : 'eligible',
    } as unknown as PeerStatus;
  }
}

const told = (orders: readonly Order[]): readonly string[] => orders.map(({ why }) => why);

describe('the pilot', () => {
  test('does nothing while it is off, and one thing at a time when it is on', () => {
    const bridge = new Bridge('abc', 'd');
    bridge.run(60_000);
    bridge.lose('c');
    expect(bridge.run(400_000, { policy: { auto: false } })).toEqual([]);
    expect(told(bridge.run(60_000))).toEqual(['d votes in the place of c']);
  });

  test('waits until a voter has been silent for as long as it was told', () => {
    const bridge = new Bridge('abc', 'd');
    bridge.run(60_000);
    bridge.lose('c');
    expect(bridge.run(299_000)).toEqual([]);
    expect(told(bridge.run(2_000))).toEqual(['d votes in the place of c']);
  });

  test('counts anew after an election: the new leader has not heard anybody be silent', () => {
    const bridge = new Bridge('abc', 'd');
    bridge.run(60_000);
    bridge.lose('c');
    bridge.run(299_000);
    bridge.pilot.begin();
    bridge.silent.set('c', bridge.now);
    expect(bridge.run(299_000)).toEqual([]);
  });

  test('puts back what was before when the new voters do not keep up, and leaves them out for a while', () => {
    const bridge = new Bridge('abc', 'de');
    const wanted = { policy: { voters: 5, survive: 1 } };
    bridge.run(29_000, wanted);
    bridge.onOrder = () => {
      bridge.behind.add('d');
      bridge.behind.add('e');
    };
    expect(told(bridge.run(2_000, wanted))).toEqual(['d and e vote too']);
    expect(told(bridge.run(TRIAL_MS, wanted))).toEqual(['d, e did not keep up: what was before is put back']);
    expect(bridge.voters).toEqual(['a', 'b', 'c']);
    bridge.onOrder = () => undefined;
    bridge.behind.clear();
    expect(bridge.run(29_000, wanted)).toEqual([]);
    expect(told(bridge.run(2_000, wanted))).toEqual(['d and e vote too']);
  });

  test('takes nothing back once somebody else has let others vote', () => {
    const bridge = new Bridge('abc', 'def');
    const wanted = { policy: { voters: 5, survive: 1 } };
    bridge.run(29_000, wanted);
    bridge.onOrder = () => [...'de'].map((id) => bridge.behind.add(id));
    expect(told(bridge.run(2_000, wanted))).toEqual(['d and e vote too']);
    [bridge.voters, bridge.learners] = [[...'abf'].map(nodeId), [...'cde'].map(nodeId)];
    expect(bridge.run(TRIAL_MS + 1_000, { policy: { auto: false } })).toEqual([]);
  });

  test('takes nothing back that is no worse than what was before', () => {
    const bridge = new Bridge('abc', 'd');
    bridge.run(60_000);
    bridge.lose('c');
    bridge.onOrder = () => bridge.behind.add('d');
    expect(told(bridge.run(310_000))).toEqual(['d votes in the place of c']);
  });

  test('pauses between two changes', () => {
    const bridge = new Bridge('abc', 'defg');
    bridge.run(60_000, { policy: { auto: false } });
    const times: Millis[] = [];
    for (let step = 0; step < 1_200; step++) {
      if (bridge.run(BEAT_MS, { policy: { voters: 7, survive: 3 } }).length > 0) times.push(bridge.now);
    }
    expect(times).toHaveLength(2);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(30_000);
  });

  test('does not repeat what was refused before the pause is over', () => {
    const bridge = new Bridge('abc', 'd');
    bridge.run(60_000);
    bridge.lose('c');
    expect(bridge.run(301_000, { refuses: true })).toHaveLength(1);
    expect(bridge.run(28_000, { refuses: true })).toEqual([]);
    expect(bridge.run(3_000, { refuses: true })).toHaveLength(1);
  });

  test('keeps a node out for twice as long each time it was demoted', () => {
    const bridge = new Bridge('abc', 'd');
    const barredFor = (): Millis => {
      const began = bridge.now;
      while (bridge.pilot.barred(policy(), bridge.now).has(nodeId('c')))
        bridge.run(BEAT_MS, { policy: { auto: false } });
      return bridge.now - began;
    };
    const demote = (): void => {
      [bridge.voters, bridge.learners] = [['a', 'b', 'd'].map(nodeId), [nodeId('c')]];
      bridge.run(BEAT_MS, { policy: { auto: false } });
    };
    const promote = (): void => {
      [bridge.voters, bridge.learners] = [['a', 'b', 'c'].map(nodeId), [nodeId('d')]];
      bridge.run(BEAT_MS, { policy: { auto: false } });
    };
    const seen: Millis[] = [];
    promote();
    for (let round = 0; round < 3; round++) {
      demote();
      seen.push(Math.round(barredFor() / 1_000));
      promote();
    }
    expect(seen).toEqual([30, 60, 120]);
  });

  test('gives leadership to whoever weighs clearly more and has been there for a while', () => {
    const bridge = new Bridge('abc', '');
    bridge.weights.set('b', 1.2);
    expect(bridge.run(120_000)).toEqual([]);
    bridge.weights.set('c', 1.5);
    expect(bridge.run(BEAT_MS)).toEqual([
      { kind: 'transfer', target: 'c', why: 'c weighs 1.5, the leader 1' },
    ]);
  });

  test('gives no leadership to a voter with which it would not stay', () => {
    const bridge = new Bridge('abc', '');
    bridge.weights.set('c', 2);
    bridge.standBack.add('c');
    expect(bridge.run(120_000)).toEqual([]);
    bridge.standBack.clear();
    expect(bridge.run(60_000).length).toBeGreaterThan(0);
  });

  test('gives leadership away less and less often when it comes back every time', () => {
    const bridge = new Bridge('abc', '');
    bridge.weights.set('c', 2);
    bridge.onOrder = () => {
      bridge.pilot.end();
      bridge.pilot.begin();
    };
    const times: Millis[] = [];
    for (let step = 0; step < 6_000; step++) if (bridge.run(BEAT_MS).length > 0) times.push(bridge.now);
    const pauses = times.map((at, index) => Math.floor((at - (times[index - 1] ?? 0)) / 1_000));
    expect(pauses).toEqual([30, 30, 60, 120, 240]);
  });

  test('moves nobody before a new leader has seen who is there', () => {
    const bridge = new Bridge('abcde', '');
    const fewer = { policy: { voters: 3, survive: 1 } };
    expect(bridge.run(29_000, fewer)).toEqual([]);
    expect(told(bridge.run(2_000, fewer))).toEqual(['d and e only learn']);
  });

  test("takes its own absence for nobody else's", () => {
    const bridge = new Bridge('abc', 'd');
    bridge.run(60_000);
    // Stopped for longer than a voter may be silent; what was under way to it meanwhile is not from all of them.
    bridge.now += 400_000;
    bridge.silent.set('c', bridge.now - 400_000);
    expect(bridge.run(299_000)).toEqual([]);
    expect(told(bridge.run(2_000))).toEqual(['d votes in the place of c']);
  });

  test('does not forget a silence for a moment in which it was not there itself', () => {
    const bridge = new Bridge('abc', 'd');
    bridge.run(60_000);
    bridge.lose('c');
    bridge.run(150_000);
    bridge.now += 1_500;
    expect(bridge.run(149_000)).toEqual([]);
    expect(told(bridge.run(3_000))).toEqual(['d votes in the place of c']);
  });

  test('asks less and less often somebody who does not take leadership', () => {
    const bridge = new Bridge('abc', '');
    bridge.weights.set('c', 2);
    bridge.run(31_000, { refuses: true });
    expect(bridge.run(300_000, { refuses: true }).length).toBeLessThanOrEqual(4);
  });
});
