import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '../../src/protocol/errors.ts';
import { lockFolder } from '../../src/storage/folder-lock.ts';

/**
 * A process that takes a folder when told to, and says how that went. `take`: once, and holds it until it is killed.
 * `contend`: a thousand times, each time looking whether it is alone.
 */
const folder = process.argv[2] ?? '';
process.on('disconnect', () => process.exit(0));
process.once('message', (order) => {
  process.send?.(order === 'contend' ? contend(1_000) : take());
});
process.send?.('ready');

function take(): string {
  try {
    lockFolder(folder);
    return 'taken';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function contend(rounds: number): string {
  for (let taken = 0; taken < rounds; ) {
    const unlock = tryLock();
    if (unlock === undefined) continue;
    taken += 1;
    const witness = join(folder, 'witness');
    // Fails if another one is in here.
    closeSync(openSync(witness, 'wx'));
    rmSync(witness);
    unlock();
  }
  return 'always alone';
}

function tryLock(): (() => void) | undefined {
  try {
    return lockFolder(folder);
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'DATA_LOCKED') return undefined;
    throw error;
  }
}
