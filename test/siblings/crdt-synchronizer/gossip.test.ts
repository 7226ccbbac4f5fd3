import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../../src/protocol/ids.ts';
import { Lab } from './lab.ts';

const inc = (path: string, by = 1) => ({ op: 'inc', path, by }) as const;

/** Every site, or a few of a large swarm, writes at times of its own. */
function writeEverywhere(lab: Lab, rounds: number): number {
  let sum = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, site] of lab.sites.entries()) {
      site.write(inc('hits', index + 1));
      site.write({ op: 'add', path: 'seen', value: `${site.id}-${round}` });
      site.write({ op: 'insert', path: 'board/notes', values: [`${site.id} ${round}`] });
      site.write({ op: 'set', path: 'board/owner', value: site.id });
      sum += index + 1;
      lab.run(7);
    }
  }
  return sum;
}

describe('instances in reach of each other', () => {
  test('hear of a change at once, without comparing', () => {
    const lab = new Lab({ seed: 1, sites: 5 });
    lab.site(2).write(inc('hits', 5));
    const took = lab.runUntil(() => lab.isEqual, 10_000);
    expect(took).toBeLessThanOrEqual(50);
    expect(lab.site(4).library.read('hits').value).toBe(5);
  });

  test('say little while there is nothing to say', () => {
    const lab = new Lab({ seed: 2, sites: 5 });
    writeEverywhere(lab, 5);
    lab.run(5_000);
    const before = { ...lab.traffic };
    lab.run(10_000);
    const requests = lab.traffic.requests - before.requests;
    // Five that each compare once in a second or so, and tell nothing more.
    expect(requests).toBeLessThanOrEqual(5 * 14);
    expect((lab.traffic.bytes - before.bytes) / requests).toBeLessThan(1_500);
  });

  test.each([0.1, 0.4])('come together though a share of %d of all frames is lost', (loss) => {
    for (let seed = 10; seed < 20; seed += 1) {
      const lab = new Lab({ seed, sites: 5, loss });
      const sum = writeEverywhere(lab, 4);
      lab.runUntil(() => lab.isEqual, 60_000);
      expect(lab.isEqual, `seed ${seed}`).toBe(true);
      expect(lab.site(1).library.read('hits').value, `seed ${seed}`).toBe(sum);
      expect(lab.sites.flatMap(({ troubles }) => troubles)).toEqual([]);
    }
  });

  test('tell fifty members by a few steps, and not everybody everybody', () => {
    const lab = new Lab({ seed: 3, sites: 50 });
    lab.run(2_000);
    const before = lab.traffic.requests;
    lab.site(17).write(inc('hits'));
    const took = lab.runUntil(() => lab.isEqual, 10_000);
    expect(took).toBeLessThanOrEqual(300);
    // Each of them tells six others at most, and all compare now and then.
    expect(lab.traffic.requests - before).toBeLessThanOrEqual(50 * 6 + 50);
  });
});

describe('instances that were cut off', () => {
  test.each([
    { why: 'two of five', sites: 5, apart: [4, 5], withinMs: 1_000 },
    { why: 'one of three', sites: 3, apart: [2], withinMs: 1_000 },
    {
      why: 'half of fifty',
      sites: 50,
      apart: Array.from({ length: 25 }, (_, index) => 2 * index + 1),
      withinMs: 1_500,
    },
  ])('go on reading and writing, and are equal soon after it is over: $why', ({ apart, sites, withinMs }) => {
    for (let seed = 100; seed < (sites > 10 ? 102 : 112); seed += 1) {
      const lab = new Lab({ seed, sites });
      lab.run(500);
      lab.cut(apart);
      const sum = writeEverywhere(lab, 2);
      lab.run(3_000);
      expect(lab.isEqual, `seed ${seed}`).toBe(false);
      // Each side is equal in itself: those who are cut off together read what they write.
      const sides = [true, false].map((side) =>
        lab.sites.filter((_, index) => apart.includes(index + 1) === side),
      );
      for (const side of sides) expect(new Set(side.map(({ library }) => library.root)).size).toBe(1);
      lab.heal();
      const took = lab.runUntil(() => lab.isEqual, 30_000);
      expect(lab.site(1).library.read('hits').value, `seed ${seed}`).toBe(sum);
      expect(took, `seed ${seed}`).toBeLessThanOrEqual(withinMs);
    }
  });

  test('keep nothing for each other meanwhile but the documents themselves', () => {
    const lab = new Lab({ seed: 5, sites: 3 });
    lab.cut([3]);
    for (let round = 0; round < 200; round += 1) {
      lab.site(1).write({ op: 'insert', path: 'text', values: 'x'.repeat(500) });
      lab.run(5);
    }
    lab.run(2_000);
    const before = lab.traffic.bytes;
    lab.run(10_000);
    // Who is away is called, four times in a second, with a few hundred bytes; the text is not sent to it again and again.
    expect(lab.traffic.bytes - before).toBeLessThan(200_000);
    lab.heal();
    lab.runUntil(() => lab.isEqual, 5_000);
    expect(String(lab.site(3).library.read('text').value).length).toBe(100_000);
  });
});

test('fifty of whom half are away call about once in a second each', () => {
  const lab = new Lab({ seed: 7, sites: 50 });
  lab.cut(Array.from({ length: 25 }, (_, index) => 2 * index + 1));
  lab.run(2_000);
  const before = lab.traffic.requests;
  lab.run(10_000);
  // Beside what those compare who hear each other.
  expect(lab.traffic.requests - before).toBeLessThanOrEqual(50 * (14 + 14));
});

describe('a document that was cleared', () => {
  const clear = { op: 'clear', path: 'board' } as const;

  test('is forgotten by all once all have heard of it', () => {
    const lab = new Lab({ seed: 6, sites: 5 });
    writeEverywhere(lab, 2);
    lab.run(3_000);
    lab.site(1).write(clear);
    lab.run(1_000);
    for (const { library } of lab.sites) expect(library.find('board')?.isGone).toBe(true);
    lab.runUntil(() => lab.sites.every(({ library }) => library.find('board') === undefined), 600_000);
    for (const { library } of lab.sites) expect(library.names).toEqual(['hits', 'seen']);
    lab.run(120_000);
    for (const { library } of lab.sites) expect(library.names).toEqual(['hits', 'seen']);
  });

  test('is kept as long as one member has not heard of it, and keeps what that one writes', () => {
    const lab = new Lab({ seed: 7, sites: 5 });
    writeEverywhere(lab, 2);
    lab.run(3_000);
    lab.cut([5]);
    lab.site(1).write(clear);
    lab.run(300_000);
    for (const { id, library } of lab.sites) {
      expect(library.find('board'), id).toBeDefined();
    }
    lab.site(5).write({ op: 'insert', path: 'board/notes', values: ['not gone'] });
    lab.heal();
    lab.run(3_000);
    expect(lab.isEqual).toBe(true);
    expect(lab.site(1).library.read('board').value).toEqual({ notes: ['not gone'] });
  });

  test('does not wait for a member that was removed', () => {
    const lab = new Lab({ seed: 8, sites: 5 });
    writeEverywhere(lab, 2);
    lab.run(3_000);
    lab.cut([5]);
    lab.site(1).write(clear);
    lab.run(10_000);
    lab.members = lab.members.filter((id) => id !== ('n5' as NodeId));
    for (const { gossip } of lab.sites) gossip.onMembers();
    const there = lab.sites.slice(0, 4);
    lab.runUntil(() => there.every(({ library }) => library.find('board') === undefined), 600_000);
    for (const { library } of there) expect(library.names).toEqual(['hits', 'seen']);
    // Nor is it among those who are there.
    for (const { presence } of there) expect(presence.all.map(({ id }) => id)).not.toContain('n5');
  });
});

test('presence reaches everybody, through others where need be, and grows no document', () => {
  const lab = new Lab({ seed: 9, sites: 5 });
  lab.run(30_000);
  for (const { library, presence } of lab.sites) {
    expect(presence.all.map(({ id }) => id).sort()).toEqual(['n1', 'n2', 'n3', 'n4', 'n5']);
    for (const { ageMs } of presence.all) expect(ageMs).toBeLessThan(10_000);
    expect(library.names).toEqual([]);
  }
  lab.cut([5]);
  lab.run(30_000);
  const [, ...others] = lab.site(5).presence.all;
  expect(others.length).toBe(4);
  for (const { ageMs } of others) expect(ageMs).toBeGreaterThan(25_000);
});
