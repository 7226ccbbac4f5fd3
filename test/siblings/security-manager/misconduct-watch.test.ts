import { describe, expect, test } from 'vitest';
import type { SwarmError } from '../../../src/protocol/errors.ts';
import { clusterId, nodeId, term } from '../../../src/protocol/ids.ts';
import { recordsOf, verifyChain } from '../../../src/siblings/security-manager/audit-chain.ts';
import { noteOperatorAction } from '../../../src/siblings/security-manager/audit-log.ts';
import type { AuditRecord } from '../../../src/siblings/security-manager/audit-record.ts';
import { POLICY_RECORD, quarantineOf } from '../../../src/swarm/quarantine.ts';
import { loadRoster, loadToken } from '../../../src/swarm/roster.ts';
import { idle, type Standing, stand, until } from '../../swarm/instances.ts';
import { dialAs, greetNumbered } from '../../transport/stranger.ts';

const [FIRST, SECOND, THIRD] = ['raft-manager-1', 'raft-manager-2', 'raft-manager-3'].map(nodeId) as [
  ReturnType<typeof nodeId>,
  ReturnType<typeof nodeId>,
  ReturnType<typeof nodeId>,
];

const auditOf = async ({ client }: Standing): Promise<readonly AuditRecord[]> =>
  recordsOf(await client.query({ kind: 'records', namespace: 'audit' }));

/** The first record of the audit log that `is` what is looked for. */
async function recorded(swarm: Standing, is: (record: AuditRecord) => boolean): Promise<AuditRecord> {
  let found: AuditRecord | undefined;
  await until(async () => {
    found = (await auditOf(swarm)).find(is);
    return found !== undefined;
  });
  return found as AuditRecord;
}

const urlOf = ({ instances }: Standing, id: string): string => instances.get(id)?.url ?? '';

describe('the audit log of a swarm', () => {
  test('holds what strangers tried, by address and with how often', async () => {
    const swarm = await stand({ instances: 3, executor: idle });
    for (let i = 0; i < 5; i++) {
      const { closed } = await dialAs(urlOf(swarm, FIRST), '/client', '{"protocol": 1}');
      expect((await closed).code).toBe(4005);
    }
    const record = await recorded(swarm, ({ kind }) => kind === 'refused-hello');
    expect(record).toMatchObject({ by: FIRST, subject: 'address loopback', detail: 'hello: kind is wrong' });
    expect(record.count).toBeGreaterThanOrEqual(1);
    expect(record.count).toBeLessThanOrEqual(5);
  });

  test('holds what members and operators did, and stays whole', async () => {
    const swarm = await stand({ instances: 3, executor: idle });
    const action = { by: 'cli-1', subject: 'token 7f3a', kind: 'token-issued', detail: 'for one hour' };
    await noteOperatorAction(swarm.client, action);
    const { nodeId: _, ...words } = credentials(swarm);
    const impostor = await greetNumbered(urlOf(swarm, FIRST), 'client', {
      ...words,
      nodeId: nodeId('someone'),
    });
    const nonsense = Buffer.alloc(13, 255);
    nonsense.writeUIntLE(impostor.sequences.outgoing.next, 0, 6);
    nonsense.writeUInt16LE(0, 6);
    impostor.socket.send(nonsense);
    expect((await impostor.closed).code).toBe(4005);
    await recorded(swarm, ({ kind }) => kind === 'malformed-frame');
    expect((await auditOf(swarm))[0]).toMatchObject({ ...action, count: 1 });
    const stored = await swarm.client.query({ kind: 'records', namespace: 'audit' });
    expect(verifyChain(stored)).toMatchObject({ kind: 'whole' });
  });
});

function credentials({ folder }: Standing) {
  const token = loadToken(folder);
  const words = { clusterId: clusterId(loadRoster(folder).clusterId), token, version: 'test', level: 9 };
  return { ...words, nodeId: THIRD, nonce: 'another-life' };
}

describe('a member that votes twice in one term', () => {
  /** Two votes of the third in one term, as the first sees them. */
  async function twoVotes(policy?: string) {
    const troubles: { readonly id: string; readonly error: unknown }[] = [];
    const stopped: string[] = [];
    const swarm = await stand({
      instances: 3,
      executor: idle,
      onTrouble: (id, error) => troubles.push({ id, error }),
      onStopped: (id) => stopped.push(id),
    });
    if (policy !== undefined) {
      const writes = [{ ...POLICY_RECORD, value: policy }];
      await swarm.client.execute({ kind: 'record', writes });
    }
    const { instance } = swarm.instances.get(FIRST) ?? {};
    for (const candidate of [FIRST, SECOND]) {
      instance?.noteBallot({ term: term(1_000), voter: THIRD, candidate });
    }
    const record = await recorded(swarm, ({ kind }) => kind === 'two-votes');
    return { swarm, record, stopped, troubles };
  }

  test('is named, and told to stop', async () => {
    const { swarm, record, stopped, troubles } = await twoVotes();
    expect(record).toMatchObject({
      ...{ by: FIRST, subject: `member ${THIRD}`, count: 1 },
      detail: `${THIRD} has voted for ${FIRST} (so ${FIRST}) and for ${SECOND} (so ${FIRST}) in term 1000`,
    });
    expect(troubles.map(({ error }) => (error as SwarmError).message)).toContain(record.detail);
    await until(async () => stopped.includes(THIRD));
    expect(quarantineOf(swarm.folder, THIRD)?.why).toContain('in term 1000');
  });

  test('is only named where the swarm wants it so', async () => {
    const { swarm, stopped } = await twoVotes('off');
    expect([stopped, quarantineOf(swarm.folder, THIRD)]).toEqual([[], undefined]);
  });
});

test('a client cannot raise the log to a level that nobody knows, and stop every member by it', async () => {
  const { client } = await stand({ instances: 1, executor: idle });
  const raised = client.execute({ kind: 'raise-level', level: 127 });
  await expect(raised).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  expect((await client.query({ kind: 'overview' })).level).toBeLessThan(127);
});
