import { SwarmError } from '../../src/protocol/errors.ts';
import { clusterId, type NodeId, nodeId } from '../../src/protocol/ids.ts';
import type { Ballot, Misconduct } from '../../src/protocol/misconduct.ts';
import type { ClientConnection, ClientHandlers } from '../../src/transport/client-connection.ts';
import type { LinkCredentials } from '../../src/transport/client-credentials.ts';
import type { Identity } from '../../src/transport/hello.ts';
import type { LinkSecurity } from '../../src/transport/port.ts';
import { openTransportServer, type TransportServer } from '../../src/transport/server.ts';
import type { LabNode, TransportLab } from './contract.ts';
import { Recorder } from './recorder.ts';

export interface WsNode extends LabNode {
  readonly server: TransportServer;
  /** What the operator would read. */
  readonly trouble: Recorder<SwarmError>;
  readonly misconduct: Recorder<Misconduct>;
  readonly ballots: Recorder<Ballot>;
}

export interface JoinOptions {
  readonly identity?: Partial<Identity>;
  readonly host?: string;
  readonly port?: number;
  readonly advertised?: readonly string[];
  readonly leastLevel?: () => number;
  readonly maxBufferedBytes?: number;
  readonly security?: LinkSecurity;
  readonly onRevoked?: (error: SwarmError) => void;
  readonly credentials?: () => LinkCredentials | undefined;
  readonly onClient?: (connection: ClientConnection) => ClientHandlers;
}

/** Real servers on loopback ports of the system's choice, which find each other by id. */
export interface WsLab extends TransportLab {
  join(id: NodeId, options?: JoinOptions): Promise<WsNode>;
  /** Where `id` is to be found from now on. */
  announce(id: NodeId, url: string): void;
}

let lives = 0;

export function identityOf(id: string, changed: Partial<Identity> = {}): Identity {
  lives += 1;
  const words = { clusterId: clusterId('test'), token: 'secret', version: '0.0.0' };
  return { ...words, nodeId: nodeId(id), nonce: `life-${lives}`, ...changed };
}

export function createWsLab(): WsLab {
  const urls = new Map<NodeId, string>();
  const servers = new Set<TransportServer>();
  return {
    announce: (id, url) => void urls.set(id, url),
    async join(id, { identity, host = '127.0.0.1', onClient = refuseClients, ...given } = {}) {
      const trouble = new Recorder<SwarmError>();
      const misconduct = new Recorder<Misconduct>();
      const ballots = new Recorder<Ballot>();
      const server = await openTransportServer({
        identity: identityOf(id, identity),
        host,
        port: 0,
        resolve: async (peer) => urls.get(peer),
        random: Math.random,
        onClient,
        health: () => ({ node: id }),
        onTrouble: (error) => trouble.add(error),
        onMisconduct: (seen) => misconduct.add(seen),
        onBallot: (ballot) => ballots.add(ballot),
        ...given,
      });
      servers.add(server);
      urls.set(id, server.url);
      const { transport } = server;
      return { server, trouble, misconduct, ballots, transport, stop: () => server.close() };
    },
    async dispose() {
      await Promise.all([...servers].map((server) => server.close()));
    },
  };
}

function refuseClients(): never {
  throw new SwarmError('BAD_INPUT', 'this test expects no client');
}
