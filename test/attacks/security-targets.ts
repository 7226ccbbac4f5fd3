import { X509Certificate } from 'node:crypto';
import { decodeRequest, encodeRequest } from '../../src/siblings/quorum-manager/requests.ts';
import { createRequest, newKey, readRequest } from '../../src/siblings/security-manager/authority.ts';
import { createDesk } from '../../src/siblings/security-manager/desk.ts';
import { judge } from '../../src/siblings/security-manager/gate.ts';
import type { Guarded } from '../../src/siblings/security-manager/guarded.ts';
import { readRecords } from '../../src/siblings/security-manager/records.ts';
import { hashOf, readJoinToken, writeJoinToken } from '../../src/siblings/security-manager/tokens.ts';
import type { CompanionHost } from '../../src/swarm/companion.ts';
import { pack } from '../../src/swarm/wire.ts';
import { TaskMachine } from '../../src/tasks/machine.ts';
import { authority, certify, HOUR_MS, trustIn, x509 } from '../siblings/security-manager/pki.ts';
import { isClean, refusing, type Target } from './targets.ts';

const SECRET = 'a-secret-of-32-characters-or-so_';
const NOW = Date.now();
const nothing = async (): Promise<void> => undefined;

const RECORDS = {
  'join:t1': { hash: hashOf(SECRET), createdAt: NOW, expiresAt: NOW + HOUR_MS },
  'client:c1': { role: 'work', hash: hashOf(SECRET), createdAt: NOW, expiresAt: null },
  'revoked:n9': { at: NOW, why: 'lost' },
  'cert:n1': { name: 'n1', certificate: 'x' },
  'request:n1': { name: 'n1', csr: 'x', former: 'n0', proof: 'x' },
  'trust:n1': { authorities: ['x'], shows: 'y' },
};
const raw = Object.entries(RECORDS).map(([key, value]) => ({
  key,
  value: JSON.stringify(value),
  version: 1,
}));

/** What is asked of a desk in a swarm that knows nobody's token: all of it is read, and then refused. */
function desk() {
  const machine = new TaskMachine();
  const guarded = { isSecured: true, machine, folder: {}, server: { links: () => [] }, bundle: '' };
  const host = { id: 'n1', readBarrier: nothing } as unknown as CompanionHost;
  return createDesk({ guarded: guarded as unknown as Guarded, host, nextChange: nothing });
}

async function refusingLater(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isClean(error)) throw error;
  }
}

const derOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');

const pemOf = (der: Uint8Array, what: string): string =>
  `-----BEGIN ${what}-----\n${Buffer.from(der).toString('base64')}\n-----END ${what}-----\n`;

/** As OpenSSL reads it in the handshake; undefined for what never comes as far as to us. */
function certificateOf(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

/** What strangers and members bring before the security and the quorum manager. */
export async function createSecurityTargets(): Promise<readonly Target[]> {
  const ca = await authority();
  const certificates = await Promise.all([
    certify(ca, { name: 'n1' }),
    certify(ca, { name: 'c1', kind: 'client' }),
    certify(await authority(), { name: 'n1' }),
  ]);
  const csr = await createRequest(newKey());
  const ask = desk();
  const view = {
    clusterId: 'test',
    localToken: SECRET,
    trust: trustIn([ca.certificate]),
    records: readRecords(raw),
  };
  const claim = { kind: 'client', clusterId: 'test', nodeId: 'n1', isHere: true } as const;
  return [
    {
      name: 'certificates',
      share: 2,
      seeds: certificates.map((one) => x509(one).raw),
      feed(der) {
        const certificate = certificateOf(der);
        if (certificate === undefined) return;
        for (const kind of ['peer', 'client'] as const) {
          judge({ ...claim, kind, token: '', certificate }, view, NOW);
        }
      },
    },
    {
      name: 'requests for certificates',
      share: 2,
      seeds: [derOf(csr)],
      feed: (der) => refusingLater(() => readRequest(pemOf(der, 'CERTIFICATE REQUEST'))),
    },
    {
      name: 'requests to the security manager',
      share: 2,
      seeds: [
        pack({ kind: 'enrol', token: 't1', secret: SECRET, name: 'n2', csr }),
        pack({ kind: 'enrol', token: 't1', secret: SECRET, name: 'n2', csr, memberId: 'n1', proof: 'x' }),
        pack({ kind: 'links' }),
      ],
      feed: (bytes) => refusingLater(async () => ask(bytes, {} as never)),
    },
    {
      name: 'tokens',
      share: 2,
      seeds: [`rm-client:c1:${SECRET}`, `rm-join:t1:${SECRET}`, SECRET, joinToken()].map((text) =>
        Buffer.from(text),
      ),
      feed(bytes) {
        const token = bytes.toString();
        judge({ ...claim, token, certificate: undefined }, view, NOW);
        judge({ ...claim, token, certificate: undefined }, { ...view, trust: undefined }, NOW);
        refusing(() => readJoinToken(token));
      },
    },
    {
      name: 'records of the security manager',
      share: 1,
      seeds: raw.map(({ key, value }) => Buffer.from(`${key} ${value}`)),
      feed(bytes) {
        const [key = '', ...value] = bytes.toString().split(' ');
        readRecords([{ key, value: value.join(' '), version: 1 }]);
      },
    },
    {
      name: 'requests to the quorum manager',
      share: 2,
      seeds: [
        encodeRequest({ op: 'status' }, false),
        encodeRequest({ op: 'plan', wish: { strategy: 'hybrid', voters: 5 } }, true),
        encodeRequest({ op: 'auto', changes: { auto: true, coolDownMs: 1_000 } }, false),
        encodeRequest({ op: 'weigh', id: 'n1' as never, weight: 1.5 }, false),
        encodeRequest({ op: 'place', id: 'n1' as never, domain: 'rack-1' }, false),
      ],
      feed: (bytes) => refusing(() => decodeRequest(bytes)),
    },
  ];
}

function joinToken(): string {
  return writeJoinToken({ clusterId: 'test', pin: 'a'.repeat(64), name: 't1', secret: SECRET });
}
