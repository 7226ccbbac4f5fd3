import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterId, NodeId } from '../../src/protocol/ids.ts';
import { SnapshotDecoder, SnapshotEncoder } from '../../src/storage/snapshot-file.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';

/** What no disk does by accident: the state says something else, and every checksum of the file fits. */
export function tamper(folder: SwarmFolder, name: NodeId, [from, to]: readonly [string, string]): void {
  const wal = folder.wal(name);
  const file = readdirSync(wal).find((one) => one.endsWith('.snapshot'));
  if (file === undefined) throw new Error(`${name} has no snapshot`);
  const path = join(wal, file);
  const clusterId = loadRoster(folder).clusterId as ClusterId;
  const pieces: Buffer[] = [];
  const decoder = new SnapshotDecoder({
    path,
    clusterId,
    onPiece: (piece) => pieces.push(Buffer.from(piece)),
  });
  decoder.add(readFileSync(path));
  const meta = decoder.finish();
  const encoder = new SnapshotEncoder();
  const changed = pieces.map((piece) => Buffer.from(piece.toString('latin1').replace(from, to), 'latin1'));
  if (Buffer.concat(changed).equals(Buffer.concat(pieces))) throw new Error(`${path} does not say "${from}"`);
  const frames = [
    encoder.header(clusterId, meta),
    ...changed.map((piece) => encoder.piece(piece)),
    encoder.trailer(),
  ];
  writeFileSync(path, Buffer.concat(frames));
}
