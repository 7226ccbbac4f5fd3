import { lockFolder } from '../../src/storage/folder-lock.ts';

/** A process that takes a folder when told to, says how that went, and lives until it is killed. */
const folder = process.argv[2] ?? '';
process.on('disconnect', () => process.exit(0));
process.once('message', () => {
  try {
    lockFolder(folder);
    process.send?.('taken');
  } catch (error) {
    process.send?.(error instanceof Error ? error.message : String(error));
  }
});
process.send?.('ready');
