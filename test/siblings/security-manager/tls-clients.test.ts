import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SwarmError } from '../../../src/protocol/errors.ts';
import { nodeId } from '../../../src/protocol/ids.ts';
import type { Authority } from '../../../src/siblings/security-manager/authority.ts';
import { judge } from '../../../src/siblings/security-manager/gate.ts';
import { readRecords, writing } from '../../../src/siblings/security-manager/records.ts';
import { hashOf, newSecret, saidToken } from '../../../src/siblings/security-manager/tokens.ts';
import type { KeyPair } from '../../../src/swarm/security-folder.ts';
import type { LinkCredentials } from '../../../src/transport/client-credentials.ts';
import { openClientLink } from '../../../src/transport/client-link.ts';
import type { LinkRole } from '../../../src/transport/port.ts';
import { createWsLab, identityOf, type WsLab } from '../../transport/ws-lab.ts';
import { authority, certify, credentials, HOUR_MS, trustIn } from './pki.ts';
import { NO_RECORDS, postOf, securityOf } from './tls-post.ts';

const A = nodeId('a');
let lab: WsLab;
let ca: Authority;
beforeEach(async () => {
  lab = createWsLab();
  ca = await authority();
});
afterEach(() => lab.dispose());

describe('clients under TLS', () => {
  const secret = newSecret();
  const known = { createdAt: 0, expiresAt: null };
  const rows = [
    writing('client', 'reader', { role: 'read', hash: hashOf(secret), ...known }),
    writing('client', 'worker', { role: 'work', ...known }),
    writing('client', 'past', { role: 'work', hash: hashOf(secret), createdAt: 0, expiresAt: 1 }),
    writing('join', 'j1', { hash: hashOf(secret), createdAt: 0, expiresAt: Date.now() + HOUR_MS }),
    writing('join', 'j2', { hash: hashOf(secret), createdAt: 0, expiresAt: 1 }),
    writing('join', 'j3', {
      hash: hashOf(secret),
      createdAt: 0,
      expiresAt: Date.now() + HOUR_MS,
      used: { memberId: 'x', name: 'x', at: 1 },
    }),
  ];
  const records = readRecords(rows.map(({ key, value = '' }) => ({ key, value, version: 1 })));

  async function roleOf(
    token: string,
    own?: (by: Authority) => Promise<KeyPair>,
  ): Promise<LinkRole | SwarmError> {
    const roles: LinkRole[] = [];
    const a = await lab.join(A, {
      ...securityOf(await postOf(ca, 'a', { records })),
      onClient: ({ role }) => {
        roles.push(role);
        return { onRequests: () => undefined, onClosed: () => undefined };
      },
    });
    const shown: LinkCredentials = credentials(own === undefined ? undefined : await own(ca), [
      ca.certificate,
    ]);
    try {
      const link = await openClientLink({
        url: a.server.url,
        identity: identityOf('cli', { token }),
        credentials: shown,
      });
      await link.close();
      return roles[0] ?? 'newcomer';
    } catch (error) {
      return error as SwarmError;
    }
  }

  test.each([
    { why: 'the token of this machine', token: 'secret', role: 'member' },
    {
      why: 'a token for reading',
      token: saidToken({ kind: 'client', name: 'reader', secret }),
      role: 'read',
    },
    { why: 'a join token', token: saidToken({ kind: 'join', name: 'j1', secret }), role: 'newcomer' },
  ])('$why is good for the role $role', async ({ token, role }) => {
    expect(await roleOf(token)).toBe(role);
  });

  test.each([
    { why: 'of a client that is known', name: 'worker', kind: 'client', role: 'work' },
    { why: 'of a member', name: 'b', kind: 'member', role: 'member' },
  ] as const)('a certificate $why is good for the role $role', async ({ name, kind, role }) => {
    expect(await roleOf('anything', (by) => certify(by, { name, kind }))).toBe(role);
  });

  test.each([
    { why: 'a guess', token: 'guess', told: /not accepted/ },
    {
      why: 'another secret',
      token: saidToken({ kind: 'client', name: 'reader', secret: newSecret() }),
      told: /not accepted/,
    },
    {
      why: 'a name that nobody has',
      token: saidToken({ kind: 'client', name: 'who', secret }),
      told: /not accepted/,
    },
    {
      why: 'a token for one who has a certificate alone',
      token: saidToken({ kind: 'client', name: 'worker', secret }),
      told: /not accepted/,
    },
    {
      why: 'access that is over',
      token: saidToken({ kind: 'client', name: 'past', secret }),
      told: /is over/,
    },
    {
      why: 'a join token that has expired',
      token: saidToken({ kind: 'join', name: 'j2', secret }),
      told: /has expired/,
    },
    {
      why: 'a join token that was used',
      token: saidToken({ kind: 'join', name: 'j3', secret }),
      told: /used already/,
    },
  ])('$why is refused', async ({ token, told }) => {
    expect(await roleOf(token)).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringMatching(told) });
  });

  test('a certificate that does not count is not made up for by a token that does', async () => {
    const foreign = await authority();
    const answer = await roleOf('secret', () => certify(foreign, { name: 'b' }));
    expect(answer).toMatchObject({ code: 'UNAUTHORIZED' });
  });

  test('who shows nothing but the secret of another machine is refused', () => {
    const view = {
      clusterId: 'test',
      localToken: 'secret',
      trust: trustIn([ca.certificate]),
      records: NO_RECORDS,
    };
    const claim = {
      kind: 'client',
      clusterId: 'test',
      nodeId: 'cli',
      token: 'secret',
      certificate: undefined,
      isHere: false,
    } as const;
    expect(judge(claim, view, Date.now())).toMatchObject({ ok: false });
    expect(judge({ ...claim, isHere: true }, view, Date.now())).toEqual({ ok: true, value: 'member' });
  });

  test('nobody is answered by a server of another authority, and says nothing to it', async () => {
    const foreign = await authority();
    const a = await lab.join(A, securityOf(await postOf(foreign, 'a')));
    const opening = openClientLink({
      url: a.server.url,
      identity: identityOf('cli'),
      credentials: credentials(undefined, [ca.certificate]),
    });
    await expect(opening).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringMatching(/not trusted here/),
    });
  });
});
