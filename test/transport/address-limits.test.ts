import { describe, expect, test } from 'vitest';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import * as limits from '../../src/protocol/limits.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { Ballot } from '../../src/protocol/misconduct.ts';
import { createAddressLimits } from '../../src/transport/address-limits.ts';
import { createBans } from '../../src/transport/bans.ts';
import { createConductWatch } from '../../src/transport/conduct.ts';
import { remoteAddressOf } from '../../src/transport/remote-address.ts';
import { heartbeat } from './messages.ts';

const A = nodeId('a');
const B = nodeId('b');

describe('who shares an allowance', () => {
  test.each([
    { why: 'one address', text: '10.0.0.7', address: '10.0.0.7' },
    {
      why: 'one address, as a socket for both families says it',
      text: '::ffff:10.0.0.7',
      address: '10.0.0.7',
    },
    { why: 'all of loopback', text: '127.0.0.2', address: 'loopback' },
    { why: 'all of loopback, in IPv6', text: '::1', address: 'loopback' },
    { why: 'what one host has to itself', text: '2001:db8:1:2:3:4:5:6', address: '2001:db8:1:2::/64' },
    { why: 'the same, however it is spelt', text: '2001:db8:1:2::6', address: '2001:db8:1:2::/64' },
    { why: 'a network that is mostly zeros', text: '2001:db8::6', address: '2001:db8:0:0::/64' },
    { why: 'a link, whatever its interface is called', text: 'fe80::1%eth0', address: 'fe80:0:0:0::/64' },
    { why: 'whoever has gone already', text: undefined, address: 'unknown' },
  ])('$why', ({ text, address }) => {
    expect(remoteAddressOf(text)).toBe(address);
  });
});

describe('the allowance of an address', () => {
  const elsewhere = remoteAddressOf('10.0.0.7');
  const another = remoteAddressOf('10.0.0.8');
  const loopback = remoteAddressOf('127.0.0.1');
  function lab() {
    const one = { time: 0, floods: 0 };
    const options = { now: () => one.time, onFlood: () => void one.floods++ };
    return Object.assign(one, { limits: createAddressLimits(options) });
  }
  const visits = (one: ReturnType<typeof lab>, address: typeof loopback, times: number): number =>
    Array.from({ length: times }).filter(() => one.limits.visit(address) === undefined).length;

  test.each([
    { why: 'elsewhere', from: elsewhere, burst: limits.MAX_VISIT_BURST, rate: limits.MAX_VISITS_PER_SECOND },
    {
      why: 'on loopback, which all of a machine share',
      from: loopback,
      burst: limits.MAX_LOOPBACK_VISIT_BURST,
      rate: limits.MAX_LOOPBACK_VISITS_PER_SECOND,
    },
  ])('$why is used up, counted, and comes again', ({ from, burst, rate }) => {
    const one = lab();
    expect(visits(one, from, burst + 7)).toBe(burst);
    expect([one.floods, visits(one, another, 1)]).toEqual([7, 1]);
    one.time += 1_000;
    expect(visits(one, from, 2 * rate)).toBe(rate);
  });

  test('is large enough on loopback for 50 instances that start at once, and hooks beside them', () => {
    const one = lab();
    // Six attempts of 49 peers in the first second, and 50 sessions with ten hooks a second each.
    expect(visits(one, loopback, 6 * 49 + 500)).toBe(794);
    for (let second = 0; second < 60; second++) {
      one.time += 1_000;
      expect(visits(one, loopback, 49 + 500)).toBe(549);
    }
  });

  test('ends with hellos that are refused, but never for everybody on this machine', () => {
    const one = lab();
    const { MAX_REFUSED_HELLO_BURST: burst, MAX_REFUSED_HELLOS_PER_SECOND: rate } = limits;
    for (const address of [elsewhere, loopback]) {
      for (let i = 0; i < burst; i++) one.limits.noteRefusal(address);
    }
    expect(one.limits.visit(elsewhere)).toContain('too many hellos');
    expect([one.limits.visit(another), one.limits.visit(loopback)]).toEqual([undefined, undefined]);
    one.time += 1_000 / rate;
    expect(one.limits.visit(elsewhere)).toBeUndefined();
  });
});

describe('a member that sends what no node sends', () => {
  test('is kept out from the second time on, longer each time, and forgiven at last', () => {
    let time = 0;
    const bans = createBans(() => time);
    const lengths = Array.from({ length: 10 }, () => {
      bans.add(B);
      const left = bans.leftFor(B);
      time += left;
      return left;
    });
    expect(lengths).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(bans.leftFor(B)).toBe(0);
    time += limits.BAN_FORGOTTEN_AFTER_MS + 1;
    bans.add(B);
    expect(bans.leftFor(B)).toBe(0);
  });
});

describe('what members say of terms', () => {
  function watching() {
    const seen = { time: 0, ballots: [] as Ballot[] };
    const options = {
      self: A,
      now: () => seen.time,
      onBallot: (ballot: Ballot) => void seen.ballots.push(ballot),
    };
    return Object.assign(seen, { watch: createConductWatch(options) });
  }
  const at = (value: number): Message => ({ ...heartbeat(1, { from: B, to: A }), term: term(value) });
  const ends = { from: B, to: A, term: term(7) };
  const candidacy = { lastLogIndex: logIndex(0), lastLogTerm: term(0), transfer: false };

  test('may rise as often as elections can be held', () => {
    const { watch } = watching();
    const most = limits.MAX_TERM_RAISES_PER_MINUTE;
    const verdicts = Array.from({ length: most + 1 }, (_, i) => watch.observe(B, [at(i + 1)]));
    expect(verdicts.slice(0, -1).every((verdict) => verdict === undefined)).toBe(true);
    expect(verdicts.at(-1)).toBe(`it has begun ${most + 1} terms within a minute`);
  });

  test('are counted anew each minute', () => {
    const lab = watching();
    for (let i = 1; i <= 3 * limits.MAX_TERM_RAISES_PER_MINUTE; i++) {
      lab.time += 500;
      expect(lab.watch.observe(B, [at(i)])).toBeUndefined();
    }
  });

  test('cannot be used up by one lie', () => {
    const { watch } = watching();
    expect(watch.observe(B, [at(3)])).toBeUndefined();
    expect(watch.observe(B, [at(2 ** 53 - 1)])).toContain('where 3 is the latest');
    expect(watch.observe(B, [at(4)])).toBeUndefined();
  });

  test('may be over for a while, but not for ever', () => {
    const { watch } = watching();
    watch.observe(nodeId('c'), [at(9)]);
    const backlog = Array.from({ length: limits.MAX_STALE_MESSAGES_PER_MINUTE }, () => at(8));
    expect(watch.observe(B, backlog)).toBeUndefined();
    expect(watch.observe(B, [at(8)])).toContain('terms that are over');
  });

  test('of a pre-vote are nobody’s yet', () => {
    const { watch, ballots } = watching();
    const preVotes: Message[] = Array.from({ length: 1_000 }, (_, i) => ({
      ...{ type: 'pre-vote-request', from: B, to: A, term: term(i + 1) },
      ...candidacy,
    }));
    expect([watch.observe(B, preVotes), ballots]).toEqual([undefined, []]);
  });

  test.each([
    { why: 'a candidate', message: { type: 'vote-request', ...ends, ...candidacy }, candidate: B },
    { why: 'a leader', message: at(7), candidate: B },
    {
      why: 'whoever grants us a vote',
      message: { type: 'vote-response', ...ends, granted: true },
      candidate: A,
    },
    {
      why: 'nobody, who refuses',
      message: { type: 'vote-response', ...ends, granted: false },
      candidate: undefined,
    },
  ])('tell whom $why has voted for', ({ message, candidate }) => {
    const { watch, ballots } = watching();
    watch.observe(B, [message as Message, message as Message]);
    expect(ballots[0]).toEqual(candidate && { term: 7, voter: B, candidate });
  });
});
