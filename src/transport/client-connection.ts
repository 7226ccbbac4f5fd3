import type { RawData } from 'ws';
import { SwarmError } from '../protocol/errors.ts';
import {
  type ClientRequest,
  type ClientResponse,
  decodeRequests,
  encodeResponses,
  PUSH_ID,
  STATUS_OK,
} from './client-codec.ts';
import { closeWith } from './closing.ts';
import { type FrameFault, faultOf } from './frame-fault.ts';
import { asBytes, type Greeted } from './handshake.ts';
import { createOutbox } from './outbox.ts';
import type { LinkRole } from './port.ts';
import { take } from './sequence.ts';

/** One client of this node, as the layer above sees it. */
export interface ClientConnection {
  /** The name the client gave in its hello. */
  readonly client: string;
  /** What it may do. */
  readonly role: LinkRole;
  /**
   * Answers of one turn leave as one frame. Dropped when the client is gone.
   *
   * @throws LIMIT_EXCEEDED when `body` does not fit into a frame.
   */
  respond(requestId: number, status: number, body: Uint8Array): void;
  /** Something the client did not ask for; in order with the answers. Throws as `respond` does. */
  push(body: Uint8Array): void;
  close(): void;
}

export interface ClientHandlers {
  /** One frame: all that the client asked in one turn. */
  onRequests(requests: readonly ClientRequest[]): void;
  /** Once. */
  onClosed(): void;
}

export interface ClientConnectionOptions {
  readonly link: Greeted;
  readonly role: LinkRole;
  readonly maxBufferedBytes: number;
  /** Called at once, before any request is read. */
  readonly onClient: (connection: ClientConnection) => ClientHandlers;
  readonly onTrouble: (error: SwarmError) => void;
  /** It sent what no client sends; its link is closed. */
  readonly onFault: (fault: FrameFault, error: SwarmError) => void;
}

const STOPPING = new SwarmError('STOPPED', 'this node has closed the link');

/** Serves one greeted client until its link closes. */
export function serveClient(options: ClientConnectionOptions): void {
  const { link, role, maxBufferedBytes, onClient, onFault, onTrouble } = options;
  const { socket, hello, sequences } = link;
  const outbox = createOutbox({
    socket,
    encode: (responses: readonly ClientResponse[]) => encodeResponses(responses, take(sequences?.outgoing)),
    maxBufferedBytes,
    onOverflow() {
      const message = `client ${hello.nodeId} reads too slowly; its link is closed`;
      onTrouble(new SwarmError('LIMIT_EXCEEDED', message, { client: hello.nodeId }));
      // A close frame would wait behind everything the client does not read.
      socket.terminate();
    },
  });
  const handlers = onClient({
    client: hello.nodeId,
    role,
    respond: (requestId, status, body) => outbox.add({ requestId, status, body }),
    push: (body) => outbox.add({ requestId: PUSH_ID, status: STATUS_OK, body }),
    close() {
      outbox.flush();
      closeWith(socket, STOPPING);
    },
  });
  const onMessage = (data: RawData): void => {
    const requests = decodeRequests(asBytes(data), take(sequences?.incoming));
    if (requests.ok) return handlers.onRequests(requests.value);
    onTrouble(requests.error);
    onFault(faultOf(requests.error), requests.error);
    socket.off('message', onMessage);
    closeWith(socket, requests.error);
  };
  socket.on('message', onMessage);
  socket.once('close', () => handlers.onClosed());
}
