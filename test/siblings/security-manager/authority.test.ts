import { describe, expect, test } from 'vitest';
import {
  createRequest,
  fingerprintOf,
  newKey,
  publicHalf,
  readRequest,
} from '../../../src/siblings/security-manager/authority.ts';
import { authorityWarnings } from '../../../src/siblings/security-manager/expiry.ts';
import { whyDistrusted } from '../../../src/swarm/link-credentials.ts';
import { certifiedIdentity } from '../../../src/transport/client-credentials.ts';
import { authority, certify, HOUR_MS, trustIn, x509 } from './pki.ts';

describe('a certificate', () => {
  test('names one member of one cluster, and is of its authority', async () => {
    const ca = await authority();
    const pair = await certify(ca, { name: 'builder.17', clusterId: 'c0ffee' });
    expect(certifiedIdentity(x509(pair))).toEqual({
      clusterId: 'c0ffee',
      kind: 'member',
      name: 'builder.17',
    });
    expect(x509(pair).subjectAltName).toBe('URI:raft://c0ffee/builder.17');
    expect(whyDistrusted(x509(pair), trustIn([ca.certificate]), Date.now())).toBeUndefined();
  });

  test('is on P-256, and the authority may sign no further authorities', async () => {
    const ca = await authority();
    expect(x509(ca).ca).toBe(true);
    expect(x509(ca).publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    const pair = await certify(ca, { name: 'n1' });
    expect(x509(pair).ca).toBe(false);
    const grandchild = await certify(pair, { name: 'n2' });
    expect(whyDistrusted(x509(grandchild), trustIn([ca.certificate]), Date.now())).toMatch(
      /not trusted here/,
    );
  });

  test.each([
    { why: 'it has expired', until: -HOUR_MS, revoked: [], own: true, told: /n1 expired on/ },
    { why: 'it was revoked', until: HOUR_MS, revoked: ['n1'], own: true, told: /n1 was revoked/ },
    { why: 'it is of another authority', until: HOUR_MS, revoked: [], own: false, told: /not trusted here/ },
  ])('is worth nothing when $why', async ({ until, revoked, own, told }) => {
    const [ca, other] = [await authority(), await authority()];
    const from = new Date(Date.now() - 2 * HOUR_MS);
    const pair = await certify(ca, { name: 'n1', from, until: new Date(Date.now() + until) });
    const trust = trustIn([(own ? ca : other).certificate], revoked);
    expect(whyDistrusted(x509(pair), trust, Date.now())).toMatch(told);
  });

  test('of two authorities that are trusted, either will do', async () => {
    const [before, next] = [await authority(), await authority()];
    const pair = await certify(next, { name: 'n1' });
    const both = trustIn([before.certificate, next.certificate]);
    expect(whyDistrusted(x509(pair), both, Date.now())).toBeUndefined();
    expect(fingerprintOf(before.certificate)).not.toBe(fingerprintOf(next.certificate));
  });
});

describe('a request for a certificate', () => {
  test('says the key that its sender has', async () => {
    const key = newKey();
    expect(await readRequest(await createRequest(key))).toContain(
      publicHalf(key).split('\n').slice(1, -2).join('').slice(0, 40),
    );
  });

  test('with a changed byte proves nothing', async () => {
    const pem = await createRequest(newKey());
    const lines = pem.split('\n');
    const der = Buffer.from(lines.slice(1, -1).join(''), 'base64');
    der[der.length - 20] = (der[der.length - 20] ?? 0) ^ 1;
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    await expect(readRequest(changed)).rejects.toMatchObject({ code: 'MALFORMED' });
  });

  test.each([
    { why: 'nothing', pem: '' },
    { why: 'something else', pem: 'hello' },
  ])('that is $why is malformed', async ({ pem }) => {
    await expect(readRequest(pem)).rejects.toMatchObject({ code: 'MALFORMED' });
  });
});

test('an authority that ends within half a year is worth a warning', async () => {
  const { certificate } = await authority();
  const end = Date.parse(x509({ certificate }).validTo);
  const halfYear = 180 * 24 * HOUR_MS;
  expect(authorityWarnings(certificate, end - halfYear - 1)).toEqual([]);
  expect(authorityWarnings(certificate, end - halfYear)).toEqual([
    expect.stringContaining('security rotate'),
  ]);
});
