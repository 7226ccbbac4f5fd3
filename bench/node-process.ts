import { randomInt, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { systemClock } from '../src/node/clock.ts';
import { createNode, type Node } from '../src/node/node.ts';
import type { NodeStatus, Restoration } from '../src/node/port.ts';
import { clusterId, nodeId } from '../src/protocol/ids.ts';
import { configuration } from '../src/protocol/state.ts';
import { raftConfig } from '../src/raft/config.ts';
import { openWal } from '../src/storage/wal.ts';
import { findEndpoint, publishEndpoint } from '../src/swarm/endpoint.ts';
import { swarmFolder } from '../src/swarm/layout.ts';
import { STATUS_ERROR, STATUS_OK } from '../src/transport/client-codec.ts';
import { openTransportServer } from '../src/transport/server.ts';
import { endWithParent } from './children.ts';

/**
 * One node as the product builds it (WAL, links, consensus, client links), over a state machine that counts:
 * what is measured is the replicated log, not the tasks in it.
 */

endWithParent();
const [root = '', id = '', ...ids] = process.argv.slice(2);
const folder = swarmFolder(root);
const identity = {
  clusterId: clusterId('bench'),
  nodeId: nodeId(id),
  token: 'bench',
  version: 'bench',
  nonce: randomUUID(),
};
const storage = await openWal({
  folder: folder.wal(nodeId(id)),
  clusterId: identity.clusterId,
  nodeId: identity.nodeId,
});
let node: Node<number> | undefined;
const server = await openTransportServer({
  identity,
  host: '127.0.0.1',
  port: 0,
  resolve: async (peer) => findEndpoint(folder, peer)?.url,
  random: Math.random,
  onClient: (connection) => ({
    onRequests(requests) {
      for (const { requestId, body } of requests) {
        node?.propose(body, (outcome) => {
          connection.respond(requestId, outcome.ok ? STATUS_OK : STATUS_ERROR, ANSWER);
        });
      }
    },
    onClosed: () => undefined,
  }),
  health: () => ({}),
  onTrouble: () => undefined,
});
/** The count is the whole state. */
function* capture(): Generator<Uint8Array> {
  yield Buffer.from(String(applied));
}
function restore(): Restoration {
  let count = 0;
  return {
    add: (piece) => {
      count = Number(Buffer.from(piece).toString());
    },
    finish: () => {
      applied = count;
    },
  };
}
const ANSWER = new Uint8Array(0);
let applied = 0;
node = createNode<number>({
  id: identity.nodeId,
  clusterId: identity.clusterId,
  bootstrap: configuration(ids.map(nodeId)),
  config: raftConfig(),
  seed: randomInt(2 ** 32),
  storage,
  transport: server.transport,
  clock: systemClock,
  machine: { apply: () => ++applied, capture, restore },
  listener: {
    onRoleChanged: (status: NodeStatus) =>
      process.send?.({ type: 'role', role: status.role, term: status.term }),
    onStopped: (error) => {
      throw error;
    },
  },
});
publishEndpoint(folder, identity.nodeId, {
  url: server.url,
  pid: process.pid,
  host: hostname(),
  life: identity.nonce,
  startedAt: Date.now(),
});
process.send?.({ type: 'ready', url: server.url });
