import { describe, expect, test } from 'vitest';
import { MAX_CRDT_FRAME_BYTES } from '../../../src/protocol/limits.ts';
import {
  encodePeer,
  type PeerRequest,
  parsePushed,
} from '../../../src/siblings/crdt-synchronizer/peer-wire.ts';
import { Lab, type Site } from './lab.ts';
import { Replica } from './replicas.ts';

/** Writes as much as one instance may into a document of two lists, in pieces that do not become one. */
function fill({ library }: Pick<Site, 'library'>, name: string): void {
  for (let number = 0; ; number += 1) {
    try {
      library.mutate({ op: 'insert', path: `${name}/l${number % 2}`, values: ['x'.repeat(16_000)] });
    } catch {
      return;
    }
  }
}

describe('a document at its limit', () => {
  test('comes to one who lacks all of it, and back, in frames of the usual size', () => {
    const lab = new Lab({ seed: 21, sites: 3 });
    lab.cut([3]);
    fill(lab.site(1), 'big');
    fill(lab.site(3), 'big');
    lab.run(3_000);
    lab.heal();
    lab.runUntil(() => lab.isEqual, 60_000);
    expect(lab.isEqual).toBe(true);
    expect(lab.site(2).library.find('big')?.measure()).toBeGreaterThan(4_000_000);
    expect(lab.traffic.largest).toBeLessThan(MAX_CRDT_FRAME_BYTES + 40_000);
    expect(lab.sites.flatMap(({ troubles }) => troubles)).toEqual([]);
  });

  test('comes over though four of ten frames are lost', () => {
    const lab = new Lab({ seed: 22, sites: 2, loss: 0.4 });
    fill(lab.site(1), 'big');
    lab.runUntil(() => lab.isEqual, 600_000);
    expect(lab.isEqual).toBe(true);
    expect(lab.site(2).library.read('big').value).toEqual(lab.site(1).library.read('big').value);
  });
});

describe('a document that is refused', () => {
  test('does not keep the others from coming together, and comes together itself when there is room', () => {
    let isWhole = false;
    const lab = new Lab({ seed: 23, sites: 5, passes: () => isWhole });
    // Five that hear nothing of each other: together more than one document may have.
    for (const site of lab.sites) fill(site, 'big');
    for (const site of lab.sites) site.write({ op: 'inc', path: 'hits', by: 1 });
    lab.run(2_000);
    isWhole = true;
    lab.runUntil(() => lab.sites.every(({ library }) => library.read('hits').value === 5), 5_000);
    for (const { library } of lab.sites) expect(library.read('hits').value).toBe(5);
    lab.run(30_000);
    const troubles = lab.sites.flatMap((site) => site.troubles);
    expect(new Set(troubles.map(({ code }) => code))).toEqual(new Set(['LIMIT_EXCEEDED']));
    for (const { message } of troubles) expect(message).toMatch(/big has \d+ bytes/);
    // It is not offered again and again.
    const { bytes } = lab.traffic;
    lab.run(20_000);
    expect(lab.traffic.bytes - bytes).toBeLessThan(2_000_000);
    for (const site of lab.sites) site.write({ op: 'clear', path: 'big' });
    lab.runUntil(() => lab.isEqual, 300_000);
    expect(lab.isEqual).toBe(true);
  });

  test('is named to whoever pushes it; what was pushed with it is taken in', () => {
    const lab = new Lab({ seed: 24, sites: 2 });
    const writer = new Replica(9);
    writer.library.mutate({ op: 'inc', path: 'good', by: 3 });
    const [[name, update] = ['', new Uint8Array(0)]] = writer.updates;
    const updates: [string, Uint8Array][] = [
      ['bad', Uint8Array.from([1, 2, 3])],
      [name, update],
    ];
    let answer: unknown;
    lab.site(1).gossip.handle({ kind: 'push', from: 'n2', updates }, (outcome) => {
      answer = outcome.ok ? parsePushed(outcome.value) : outcome;
    });
    lab.run(10);
    expect(answer).toMatchObject({ ok: true, value: { refused: [{ name: 'bad', code: 'MALFORMED' }] } });
    expect(lab.site(1).library.names).toEqual(['good']);
    lab.runUntil(() => lab.isEqual, 1_000);
    expect(lab.site(2).library.read('good').value).toBe(3);
    expect(encodePeer({ refused: [] }).length).toBeLessThan(20);
  });
});

test('whoever is no member, or not any more, is given nothing and brings nothing', () => {
  const lab = new Lab({ seed: 25, sites: 3 });
  lab.site(1).write({ op: 'inc', path: 'hits', by: 1 });
  lab.run(1_000);
  lab.members = lab.members.filter((id) => id !== lab.site(3).id);
  for (const { gossip } of lab.sites) gossip.onMembers();
  lab.site(3).write({ op: 'inc', path: 'hits', by: 5 });
  lab.site(3).write({ op: 'inc', path: 'late', by: 5 });
  lab.site(1).write({ op: 'inc', path: 'secret', by: 1 });
  const answers: unknown[] = [];
  const from = lab.site(3).id;
  const requests: readonly PeerRequest[] = [
    { kind: 'pull', from, root: '', presence: [] },
    { kind: 'fetch', from, wants: [] },
    { kind: 'push', from, updates: [] },
  ];
  for (const request of requests) {
    lab.site(2).gossip.handle(request, (outcome) => answers.push(outcome));
  }
  lab.run(20_000);
  expect(answers).toHaveLength(3);
  for (const answer of answers) expect(answer).toMatchObject({ ok: false, error: { code: 'UNKNOWN_NODE' } });
  for (const site of [lab.site(1), lab.site(2)]) {
    expect(site.library.read('hits').value).toBe(1);
    expect(site.library.names).toEqual(['hits', 'secret']);
  }
  expect(lab.site(3).library.names).toEqual(['hits', 'late']);
});
