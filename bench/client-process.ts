import { randomUUID } from 'node:crypto';
import { clusterId, nodeId } from '../src/protocol/ids.ts';
import { openClientLink } from '../src/transport/client-link.ts';
import { endWithParent } from './children.ts';
import { ENTRY_BYTES, measureLoad } from './load.ts';

/** The client of the benchmark: a process of its own, so that its work is not counted to a node's. */

endWithParent();
const [url = ''] = process.argv.slice(2);
const link = await openClientLink({
  url,
  identity: {
    clusterId: clusterId('bench'),
    nodeId: nodeId('bench-client'),
    token: 'bench',
    version: 'bench',
    nonce: randomUUID(),
  },
});
const entry = new Uint8Array(ENTRY_BYTES).fill(1);

process.on('message', async ({ inFlight, durationMs }: { inFlight: number; durationMs: number }) => {
  const row = await measureLoad(inFlight, durationMs, (count, onAcknowledged) => {
    // What comes back within one frame is one acknowledgement: the answers of a turn share it.
    let answered = 0;
    const acknowledge = (): void => {
      const part = answered;
      answered = 0;
      onAcknowledged(part);
    };
    for (let at = 0; at < count; at += 1) {
      link.request(1, entry, (status) => {
        if (status !== 0) throw new Error('a proposal was refused');
        answered += 1;
        if (answered === 1) queueMicrotask(acknowledge);
      });
    }
  });
  process.send?.(row);
});
process.send?.('ready');
