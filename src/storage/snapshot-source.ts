import { SwarmError } from '../protocol/errors.ts';
import type { SnapshotMeta } from '../protocol/state.ts';
import type { SnapshotSource } from './port.ts';

/** Pieces of two leaders never mix, nor those of two snapshots: only the same source may be gone on with. */
export function isSameSource(left: SnapshotSource, right: SnapshotSource): boolean {
  return (
    left.index === right.index &&
    left.term === right.term &&
    left.leaderTerm === right.leaderTerm &&
    left.totalBytes === right.totalBytes
  );
}

/** Why a whole file is not the one that `source` announced; undefined when it is. */
export function mismatch(
  source: SnapshotSource,
  found: SnapshotMeta,
  foundBytes: number,
): SwarmError | undefined {
  const { index, term, totalBytes } = source;
  if (found.index === index && found.term === term && foundBytes === totalBytes) return undefined;
  return new SwarmError(
    'DATA_DAMAGED',
    `snapshot ${index}/${term} of ${totalBytes} bytes was announced, ${found.index}/${found.term} of ${foundBytes} came`,
  );
}

/** More came than was announced: whatever it is, it would fill the disk. */
export function tooLong({ index, totalBytes }: SnapshotSource): SwarmError {
  return new SwarmError(
    'DATA_DAMAGED',
    `more than the announced ${totalBytes} bytes of snapshot ${index} came`,
  );
}

/** A receipt that another source has taken the place of, or that has ended. */
export function forgotten({ index }: SnapshotSource): SwarmError {
  return new SwarmError('DATA_DAMAGED', `what came of snapshot ${index} has been thrown away`);
}

export function noSnapshot(): SwarmError {
  return new SwarmError('DATA_DAMAGED', 'there is no snapshot yet');
}
