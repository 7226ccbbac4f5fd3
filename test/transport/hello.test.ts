import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterId, nodeId } from '../../src/protocol/ids.ts';
import { decodeHello, encodeHello, type Identity, refusalOf } from '../../src/transport/hello.ts';
import { PROTOCOLS } from '../../src/transport/protocol.ts';
import { verdict } from './messages.ts';

const OURS: Identity = {
  clusterId: clusterId('c1'),
  nodeId: nodeId('n1'),
  token: 'secret',
  version: '1.2.3',
  level: 3,
  nonce: 'a1',
};
const THEIRS: Identity = { ...OURS, nodeId: nodeId('n2'), nonce: 'b2' };

const encode = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const wellFormed = { protocol: PROTOCOLS.min, kind: 'peer', ...THEIRS };

describe('a hello', () => {
  test('comes back as it was sent', () => {
    const bytes = Buffer.from(encodeHello(THEIRS, 'peer', 'link-1'));
    expect(decodeHello(bytes)).toStrictEqual({
      ok: true,
      value: { ...THEIRS, kind: 'peer', level: 3, protocol: PROTOCOLS.max, link: 'link-1' },
    });
  });

  test('of a release that says no level is of the first', () => {
    const { level, ...old } = wellFormed;
    expect(level).toBe(3);
    expect(decodeHello(encode(old))).toMatchObject({ ok: true, value: { level: 1 } });
  });

  test('may say more than this release knows', () => {
    expect(decodeHello(encode({ ...wellFormed, region: 'north' }))).toMatchObject({ ok: true });
  });

  test('is read by the first release, which knows one number', () => {
    expect(
      JSON.parse(encodeHello({ ...THEIRS, protocols: { min: 1, max: 7 } }, 'peer', 'link-1')),
    ).toMatchObject({
      protocol: 1,
      protocolMax: 7,
    });
  });

  test('without a nonce for the link speaks the last protocol that did not number frames', () => {
    const { protocolMax, link } = JSON.parse(encodeHello(THEIRS, 'peer'));
    expect({ protocolMax, link }).toEqual({ protocolMax: 3, link: undefined });
  });

  const only = (protocol: number): object => ({ protocol });
  const range = (protocol: number, protocolMax: number): object => ({ protocol, protocolMax });
  test.each([
    { why: 'the same release', theirs: range(2, 3), protocol: 3 },
    { why: 'the next release', theirs: range(3, 4), protocol: 3 },
    { why: 'the former release', theirs: range(1, 2), protocol: 2 },
    { why: 'a release that speaks everything', theirs: range(1, 9), protocol: 3 },
    { why: 'a release that speaks one version of ours', theirs: range(2, 2), protocol: 2 },
    { why: 'the first release, which says one number', theirs: only(2), protocol: 2 },
  ])('of $why settles on the highest version that both know', ({ theirs, protocol }) => {
    const outcome = decodeHello(encode({ ...wellFormed, ...theirs }), { min: 2, max: 3 });
    expect(outcome).toMatchObject({ ok: true, value: { protocol } });
  });

  test.each([
    { why: 'two releases behind', theirs: only(1), says: 'protocol 1 where 2 to 3 is spoken' },
    { why: 'two releases ahead', theirs: range(4, 5), says: 'protocol 4 to 5 where 2 to 3 is spoken' },
  ])('of somebody $why names both sides and what to do', ({ theirs, says }) => {
    const outcome = decodeHello(encode({ ...theirs, me: 'looks different' }), { min: 2, max: 3 });
    if (outcome.ok) throw new Error('there is no version in common');
    expect(outcome.error.code).toBe('WRONG_PROTOCOL');
    expect(outcome.error.message).toContain(says);
    expect(outcome.error.message).toContain('upgrade the older node');
    // All of it fits into the reason of a close.
    expect(Buffer.byteLength(outcome.error.message)).toBeLessThan(123);
  });

  test.each([
    { why: 'nothing', bytes: Buffer.of(), code: 'MALFORMED' },
    { why: 'no JSON', bytes: Buffer.from('hello'), code: 'MALFORMED' },
    { why: 'numbers, but no nonce', bytes: encode({ ...wellFormed, protocolMax: 4 }), code: 'MALFORMED' },
    { why: 'JSON, but no object', bytes: encode([1]), code: 'MALFORMED' },
    { why: 'another protocol', bytes: encode({ ...wellFormed, protocol: 99 }), code: 'WRONG_PROTOCOL' },
    {
      why: 'another protocol, whose hello looks different',
      bytes: encode({ protocol: 98, me: 'n2' }),
      code: 'WRONG_PROTOCOL',
    },
    { why: 'a range turned over', bytes: encode({ ...wellFormed, protocolMax: 0 }), code: 'MALFORMED' },
    { why: 'a range of text', bytes: encode({ ...wellFormed, protocolMax: '2' }), code: 'MALFORMED' },
    { why: 'protocol 0', bytes: encode({ ...wellFormed, protocol: 0 }), code: 'MALFORMED' },
    { why: 'no token', bytes: encode({ ...wellFormed, token: undefined }), code: 'MALFORMED' },
    { why: 'an id with a slash', bytes: encode({ ...wellFormed, nodeId: '../n2' }), code: 'MALFORMED' },
    { why: 'an unknown kind', bytes: encode({ ...wellFormed, kind: 'admin' }), code: 'MALFORMED' },
    { why: 'too long', bytes: encode({ ...wellFormed, pad: 'x'.repeat(5_000) }), code: 'MALFORMED' },
  ])('is not understood: $why', ({ bytes, code }) => {
    expect(decodeHello(bytes)).toMatchObject({ ok: false, error: { code } });
  });

  test('of any bytes is a hello or a clean error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const outcome = decodeHello(bytes);
          expect(['ok', 'MALFORMED', 'WRONG_PROTOCOL']).toContain(verdict(outcome));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  const changed = fc.record(
    { kind: fc.json(), clusterId: fc.json(), nodeId: fc.json(), token: fc.json(), nonce: fc.json() },
    { requiredKeys: [] },
  );
  test('with any values in its fields is a hello or a clean error', () => {
    fc.assert(
      fc.property(changed, (fields) => {
        const values = Object.entries(fields).map(([key, json]) => [key, JSON.parse(json)]);
        const outcome = decodeHello(encode({ ...wellFormed, ...Object.fromEntries(values) }));
        expect(['ok', 'MALFORMED']).toContain(verdict(outcome));
      }),
    );
  });
});

describe('the sender of a hello', () => {
  const objection = (id: string): string | undefined => (id === 'n2' ? undefined : `who is ${id}?`);
  const hello = { ...THEIRS, kind: 'peer', level: 3, protocol: 2 } as const;

  test.each([
    { why: 'a peer with all the right words', hello, code: undefined },
    { why: 'of another cluster', hello: { ...hello, clusterId: clusterId('c2') }, code: 'WRONG_CLUSTER' },
    { why: 'without the secret', hello: { ...hello, token: 'guess' }, code: 'UNAUTHORIZED' },
    { why: 'with a longer secret', hello: { ...hello, token: 'secret1' }, code: 'UNAUTHORIZED' },
    { why: 'a node nobody announced', hello: { ...hello, nodeId: nodeId('n9') }, code: 'UNKNOWN_NODE' },
    { why: 'ourselves', hello: { ...hello, nodeId: OURS.nodeId }, code: 'UNKNOWN_NODE' },
    {
      why: 'a client at the door of the peers',
      hello: { ...hello, kind: 'client' as const },
      code: 'MALFORMED',
    },
    {
      why: 'an unknown node without the secret learns only that the secret is wrong',
      hello: { ...hello, nodeId: nodeId('n9'), token: 'guess' },
      code: 'UNAUTHORIZED',
    },
  ])('$why: $code', ({ hello: given, code }) => {
    const refusal = refusalOf(given, OURS, { kind: 'peer', objection });
    expect(refusal?.code).toBe(code);
    expect(refusal?.message ?? '').not.toContain(OURS.token);
  });
});
