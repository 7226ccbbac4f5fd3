import { describe, expect, test } from 'vitest';
import { configuration } from '../../src/protocol/state.ts';
import { SnapshotEncoder } from '../../src/storage/snapshot-file.ts';
import { type Backup, decodeBackup, encodeBackup, legacyOf } from '../../src/swarm/backup-file.ts';
import { nameOf } from '../../src/swarm/blob-store.ts';
import type { Roster } from '../../src/swarm/roster.ts';
import { iterated, Log } from '../tasks/log.ts';

const ROSTER: Roster = {
  format: 1,
  name: 'swarm',
  clusterId: 'cluster-a',
  createdAt: '2026-01-01T00:00:00.000Z',
  workspace: '/tmp',
  executor: 'command',
  requireHooks: false,
  leaseMs: 300_000,
  nodes: [{ id: 'a-1', agent: 'a', agentFile: '/a.md', voter: true, rank: 0, standing: 'eligible', port: 0 }],
};

function backupOf(log: Log): Backup {
  const encoder = new SnapshotEncoder();
  const meta = { index: 7, term: 2, configuration: configuration([]) };
  const content = Buffer.from('what a model had said so far');
  return {
    createdAt: '2026-02-02T00:00:00.000Z',
    roster: ROSTER,
    last: { index: 7, term: 2 } as Backup['last'],
    tasks: { ready: 2 },
    snapshot: Buffer.concat([
      encoder.header('cluster-a' as never, meta as never),
      ...[...iterated(log.machine.capture())].map((piece) => encoder.piece(piece)),
      encoder.trailer(),
    ]),
    blobs: new Map([[nameOf(content).sha256, content]]),
  };
}

function furnished(): Log {
  const log = new Log();
  log.submit('one', 'two');
  return log;
}

describe('a backup', () => {
  test('comes back as it was', async () => {
    const log = furnished();
    const backup = backupOf(log);
    const again = await decodeBackup('x', await encodeBackup(backup));
    expect({ ...again, snapshot: 0, blobs: 0 }).toEqual({ ...backup, snapshot: 0, blobs: 0 });
    expect([...again.blobs].map(([name, bytes]) => [name, String(bytes)])).toEqual(
      [...backup.blobs].map(([name, bytes]) => [name, String(bytes)]),
    );
    const { machine, last } = legacyOf('x', again);
    expect(last).toEqual({ index: 7, term: 2 });
    expect(machine.stateHash).toBe(log.machine.stateHash);
  });

  test('is refused whichever byte of it is flipped, and wherever it is cut', async () => {
    const file = await encodeBackup(backupOf(furnished()));
    const refused = expect.objectContaining({
      code: expect.stringMatching(/DATA_DAMAGED|DATA_FOREIGN|BAD_INPUT/),
    });
    for (let at = 0; at < file.length; at += 1) {
      const bytes = Buffer.from(file);
      bytes[at] = (bytes[at] ?? 0) ^ 0x20;
      await expect(decodeBackup('x', bytes), `byte ${at}`).rejects.toEqual(refused);
      await expect(decodeBackup('x', file.subarray(0, at)), `cut at ${at}`).rejects.toEqual(refused);
    }
  });

  test('of a later release is told as that', async () => {
    const file = await encodeBackup(backupOf(furnished()));
    const later = Buffer.from(file.toString('latin1').replace('backup 1 ', 'backup 2 '), 'latin1');
    await expect(decodeBackup('x', later)).rejects.toMatchObject({
      code: 'DATA_FOREIGN',
      message: 'x has format 2; this release reads 1',
    });
  });
});
