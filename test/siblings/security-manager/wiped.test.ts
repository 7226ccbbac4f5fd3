import { rmSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { createRequest, newKey } from '../../../src/siblings/security-manager/authority.ts';
import { revoke } from '../../../src/siblings/security-manager/manager.ts';
import {
  type RequestRecord,
  readRecords,
  type SecurityRecords,
  writing,
} from '../../../src/siblings/security-manager/records.ts';
import { ofOneKey, proveWith, whyNotTo } from '../../../src/siblings/security-manager/signing.ts';
import type { KeyPair } from '../../../src/swarm/security-folder.ts';
import { authority, certify } from './pki.ts';
import { GUEST, type Guest, invite, type SecuredSwarm, secured } from './secured-swarm.ts';

/** Its log and its identity are gone; who it was last, and its key, lie elsewhere. */
function wipe({ folder }: Guest): void {
  rmSync(folder.nodeFolder(GUEST), { recursive: true });
}

async function members({ client }: SecuredSwarm): Promise<readonly string[]> {
  const { configuration } = await client.query({ kind: 'status' });
  return [...configuration.voters, ...configuration.learners];
}

describe('an instance on another machine that has lost its data', () => {
  test.each([
    { why: 'by the same command, though its token is used up', way: 'token' },
    { why: 'without a token', way: 'alone' },
  ] as const)('comes back under a new id $why, for it has its key', async ({ way }) => {
    const swarm = await secured();
    const guest = await invite(swarm);
    const first = await guest.come();
    await first.stop();
    wipe(guest);
    const second = await guest.come(way);
    expect(second.id).toMatch(/^guest\.\d+$/);
    expect(second.id).not.toBe(first.id);
    const state = await swarm.untilState(({ certificates }) =>
      certificates.some(
        ({ id, isMember, fingerprint }) => id === second.id && isMember && fingerprint !== null,
      ),
    );
    expect(state.certificates).toContainEqual(expect.objectContaining({ id: second.id, name: 'guest' }));
    await swarm.untilState(({ certificates }) =>
      certificates.some(({ id, isMember }) => id === first.id && !isMember),
    );
    expect(await members(swarm)).toEqual(expect.arrayContaining([second.id]));
    const [task] = await second.client.submit([{ prompt: 'anything' }]);
    expect(await second.client.settled([task])).toMatchObject([{ state: 'completed', agent: second.id }]);
    // Whoever has got at its machine may have either key.
    await revoke(swarm.office, second.id, 'the laptop was stolen');
    expect((await swarm.state()).revoked.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
  });

  test('is not let in when it was revoked meanwhile', async () => {
    const swarm = await secured();
    const guest = await invite(swarm);
    const first = await guest.come();
    await first.stop();
    await revoke(swarm.office, first.id, 'the laptop was stolen');
    wipe(guest);
    await expect(guest.come('alone')).rejects.toMatchObject({ message: expect.stringMatching(/revoked/) });
    expect((await swarm.state()).certificates.map(({ id }) => id)).not.toContainEqual(
      expect.stringMatching(new RegExp(`^guest\\.(?!${first.id.slice('guest.'.length)}$)`)),
    );
  });
});

describe('a certificate for a new id is signed', () => {
  let csr: string;
  let known: KeyPair;
  let records: SecurityRecords;
  beforeAll(async () => {
    const ca = await authority();
    known = await certify(ca, { name: 'builder.7' });
    const stranger = await certify(ca, { name: 'other.8' });
    csr = await createRequest(stranger.key);
    const rows = [
      writing('cert', 'builder.7', { name: 'builder', certificate: known.certificate }),
      writing('cert', 'gone.6', { name: 'gone', certificate: known.certificate }),
      writing('revoked', 'gone.6', { at: 0, why: 'lost' }),
    ];
    records = readRecords(rows.map(({ key, value = '' }) => ({ key, value, version: 1 })));
  });

  interface Row {
    readonly why: string;
    readonly asked: () => Partial<RequestRecord>;
    readonly told: RegExp;
  }
  test.each<Row>([
    {
      why: 'for whoever proves by its former key who it was',
      asked: () => ({ former: 'builder.7', proof: proveWith(known.key, csr) }),
      told: /^signed$/,
    },
    {
      why: 'and not by another key',
      asked: () => ({ former: 'builder.7', proof: proveWith(newKey(), csr) }),
      told: /not the key of builder\.7/,
    },
    {
      why: 'nor by a proof of another request',
      asked: () => ({ former: 'builder.7', proof: proveWith(known.key, `${csr} `) }),
      told: /not the key of builder\.7/,
    },
    { why: 'nor without a proof', asked: () => ({ former: 'builder.7' }), told: /not the key of builder\.7/ },
    {
      why: 'nor by a proof that is none',
      asked: () => ({ former: 'builder.7', proof: '!' }),
      told: /not the key of builder\.7/,
    },
    {
      why: 'nor for one of another name',
      asked: () => ({ name: 'painter', former: 'builder.7', proof: proveWith(known.key, csr) }),
      told: /was called builder, and not painter/,
    },
    {
      why: 'nor by one that was revoked',
      asked: () => ({ name: 'gone', former: 'gone.6', proof: proveWith(known.key, csr) }),
      told: /gone\.6 was revoked/,
    },
    {
      why: 'nor by one that nobody has heard of',
      asked: () => ({ former: 'builder.5', proof: proveWith(known.key, csr) }),
      told: /builder\.5 had no certificate/,
    },
    { why: 'nor for whoever was let in by nobody', asked: () => ({}), told: /let in by nobody/ },
  ])('$why: $told', ({ asked, told }) => {
    const why = whyNotTo('builder.9', { name: 'builder', csr, ...asked() }, records);
    expect(why ?? 'signed').toMatch(told);
  });
});

describe('with a member is revoked', () => {
  const made = (id: string, former?: string) =>
    writing('cert', id, { name: 'x', certificate: 'x', ...(former === undefined ? {} : { former }) });
  const rows = [
    made('a.1'),
    made('a.2', 'a.1'),
    made('a.3', 'a.2'),
    made('ghost.4', 'a.2'),
    made('b.5'),
    made('b.6', 'b.5'),
  ];
  const records = readRecords(rows.map(({ key, value = '' }) => ({ key, value, version: 1 })));

  test.each([
    { why: 'all that it has been, and all that was made by its keys', who: 'a.2' },
    { why: 'the same, whichever of them is named', who: 'ghost.4' },
  ])('$why', ({ who }) => {
    expect([...ofOneKey(who, records)].sort()).toEqual(['a.1', 'a.2', 'a.3', 'ghost.4']);
  });

  test('nobody else, also when it never had a certificate', () => {
    expect(ofOneKey('c.7', records)).toEqual(['c.7']);
  });
});
