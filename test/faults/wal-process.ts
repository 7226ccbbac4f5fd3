import { writeSync } from 'node:fs';
import { logIndex } from '../../src/protocol/ids.ts';
import type { SnapshotMeta } from '../../src/protocol/state.ts';
import { openWal } from '../../src/storage/wal.ts';
import { instanceExitCode } from '../../src/swarm/exit-code.ts';
import { entry, OWNER, snapshotAt } from '../storage/log-writes.ts';
import { pieces } from '../storage/snapshots.ts';

/** One write after another until the disk fails or all are there; says on stdout what is durable. */
const [folder = '', count = '0'] = process.argv.slice(2);

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};
const end = (error: unknown): never => {
  say(`ended ${error instanceof Error ? error.message : String(error)}`);
  process.exit(instanceExitCode(error));
};

const SNAPSHOT_EVERY = 20;

try {
  const storage = await openWal({ folder, ...OWNER, maxSegmentBytes: 8_000, room: { lookAgainMs: 1 } });
  let last = storage.recovered.entries.at(-1)?.index ?? storage.recovered.base.index;
  let sequence = 0;
  const next = (): void => {
    last = logIndex(last + 1);
    sequence += 1;
    const rest = { hardState: undefined, restartAt: undefined, truncateFrom: undefined };
    storage.write({ sequence, ...rest, entries: [entry(last, 1, 300)] });
  };
  const snapshot = (meta: SnapshotMeta): void => {
    storage.snapshots.save(meta, pieces(2)[Symbol.iterator](), (outcome) => {
      if (!outcome.ok) return say(`snapshot ${outcome.error.code}`);
      storage.compact(meta.index);
      say(`snapshot ${meta.index}`);
    });
  };
  say('ready');
  storage.start({
    onDurable() {
      say(`durable ${last}`);
      if (sequence === Number(count)) process.exit(0);
      if (last % SNAPSHOT_EVERY === 0) snapshot(snapshotAt(last));
      next();
    },
    onFailed: end,
  });
  next();
} catch (error) {
  end(error);
}
