import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterId, nodeId } from '../../src/protocol/ids.ts';
import { decodeHello, encodeHello, type Identity, PROTOCOL, refusalOf } from '../../src/transport/hello.ts';
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
const wellFormed = { protocol: PROTOCOL, kind: 'peer', ...THEIRS };

describe('a hello', () => {
  test('comes back as it was sent', () => {
    const bytes = Buffer.from(encodeHello(THEIRS, 'peer'));
    expect(decodeHello(bytes)).toStrictEqual({ ok: true, value: { ...THEIRS, kind: 'peer', level: 3 } });
  });

  test('of a release that says no level is of the first', () => {
    const { level, ...old } = wellFormed;
    expect(level).toBe(3);
    expect(decodeHello(encode(old))).toMatchObject({ ok: true, value: { level: 1 } });
  });

  test('may say more than this release knows', () => {
    expect(decodeHello(encode({ ...wellFormed, region: 'north' }))).toMatchObject({ ok: true });
  });

  test.each([
    { why: 'nothing', bytes: Buffer.of(), code: 'MALFORMED' },
    { why: 'no JSON', bytes: Buffer.from('hello'), code: 'MALFORMED' },
    { why: 'JSON, but no object', bytes: encode([1]), code: 'MALFORMED' },
    { why: 'another protocol', bytes: encode({ ...wellFormed, protocol: 99 }), code: 'WRONG_PROTOCOL' },
    {
      why: 'another protocol, whose hello looks different',
      bytes: encode({ protocol: 2, me: 'n2' }),
      code: 'WRONG_PROTOCOL',
    },
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
  const isWelcome = (id: string): boolean => id === 'n2';
  const hello = { ...THEIRS, kind: 'peer', level: 3 } as const;

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
    const refusal = refusalOf(given, OURS, { kind: 'peer', isWelcome });
    expect(refusal?.code).toBe(code);
    expect(refusal?.message ?? '').not.toContain(OURS.token);
  });
});
