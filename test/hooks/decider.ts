/** A process of its own that decides about files: `decider.ts FOLDER HASH FILE…`, once it is told to begin. */
import { once } from 'node:events';
import { TrustStore } from '../../src/hooks/trust.ts';

const [folder = '', sha256 = '', ...files] = process.argv.slice(2);
const store = new TrustStore(folder);
process.send?.('ready');
await once(process, 'message');
for (const path of files) await store.allow({ path, sha256 });
process.disconnect();
