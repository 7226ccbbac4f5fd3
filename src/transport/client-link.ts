import type { RawData } from 'ws';
import { NO_DATA } from '../protocol/entry.ts';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_LINK_BUFFERED_BYTES } from '../protocol/limits.ts';
import {
  type ClientRequest,
  decodeResponses,
  encodeRequests,
  PUSH_ID,
  STATUS_LINK_CLOSED,
} from './client-codec.ts';
import type { LinkCredentials } from './client-credentials.ts';
import { closeWith, errorOfClose } from './closing.ts';
import { asBytes, dial, type Greeted } from './handshake.ts';
import type { Identity } from './hello.ts';
import { createOutbox } from './outbox.ts';
import { take } from './sequence.ts';

export interface ClientLinkOptions {
  /** `ws://host:port` of any node. */
  readonly url: string;
  readonly identity: Identity;
  /** The host that the asker's own node listens on, if it has one. */
  readonly from?: string;
  /** How long the node may take to answer; default: `HELLO_DEADLINE_MS`. */
  readonly timeoutMs?: number;
  /** For `wss:`. */
  readonly credentials?: LinkCredentials | undefined;
  /** Returns what is wrong with it, if something is: the link is closed for that, and no more of it is heard. */
  onPush?(body: Uint8Array): SwarmError | undefined;
  /** Once, after every open request has heard `STATUS_LINK_CLOSED`. Not called before the link was open. */
  onClosed?(error: SwarmError): void;
}

/** `status` is one of `STATUS_OK`, `STATUS_ERROR`, `STATUS_LINK_CLOSED`; the last comes without a body. */
type ResponseCallback = (status: number, body: Uint8Array) => void;

export interface ClientLink {
  /** The node at the other end. */
  readonly nodeId: string;
  /** What was dialled. */
  readonly url: string;
  /**
   * Requests of one turn leave as one frame. `done` is called exactly once, never before this returns.
   *
   * @throws LIMIT_EXCEEDED when `body` does not fit into a frame; `done` is not called then.
   */
  request(kind: number, body: Uint8Array, done: ResponseCallback): void;
  close(): Promise<void>;
}

const LAST_REQUEST_ID = 0xffff_ffff;

/**
 * Dials a node as a client.
 *
 * @throws SwarmError `NOT_RUNNING`, `TIMEOUT`, `BUSY`, or what the node refuses with: `WRONG_CLUSTER`,
 * `WRONG_PROTOCOL`, `UNAUTHORIZED`.
 */
export function openClientLink(options: ClientLinkOptions): Promise<ClientLink> {
  const expected = { kind: 'client', objection: () => undefined } as const;
  const { url, identity: ours, timeoutMs } = options;
  return new Promise((resolve, reject) => {
    let late: NodeJS.Timeout | undefined;
    const giveUp = dial({ ...options, ours, expected }, (outcome) => {
      clearTimeout(late);
      if (outcome.ok) resolve(clientLink(outcome.value, options));
      else reject(outcome.error);
    });
    if (timeoutMs === undefined) return;
    late = setTimeout(() => {
      reject(new SwarmError('TIMEOUT', `${url} does not answer within ${Math.ceil(timeoutMs)} ms`));
      giveUp();
    }, timeoutMs);
  });
}

function clientLink(
  { socket, hello, sequences }: Greeted,
  { url, onPush, onClosed }: ClientLinkOptions,
): ClientLink {
  const waiting = new Map<number, ResponseCallback>();
  let lastId = 0;
  let failure: SwarmError | undefined;
  const outbox = createOutbox({
    socket,
    encode: (requests: readonly ClientRequest[]) => encodeRequests(requests, take(sequences?.outgoing)),
    maxBufferedBytes: MAX_LINK_BUFFERED_BYTES,
    onOverflow() {
      failure = new SwarmError('LIMIT_EXCEEDED', `${hello.nodeId} does not read what it is asked`);
      socket.terminate();
    },
  });

  const nextId = (): number => {
    do lastId = lastId === LAST_REQUEST_ID ? 1 : lastId + 1;
    while (waiting.has(lastId));
    return lastId;
  };
  const onMessage = (data: RawData): void => {
    const responses = decodeResponses(asBytes(data), take(sequences?.incoming));
    if (!responses.ok) return cutFor(responses.error);
    for (const { requestId, status, body } of responses.value) {
      if (requestId !== PUSH_ID) {
        answer(requestId, status, body);
        continue;
      }
      const fault = onPush?.(body);
      if (fault !== undefined) return cutFor(fault);
    }
  };
  const cutFor = (fault: SwarmError): void => {
    failure = fault;
    socket.off('message', onMessage);
    void closeWith(socket, fault);
  };
  const answer = (requestId: number, status: number, body: Uint8Array): void => {
    const done = waiting.get(requestId);
    waiting.delete(requestId);
    done?.(status, body);
  };
  socket.on('message', onMessage);
  socket.once('close', (code, reason) => {
    for (const requestId of [...waiting.keys()]) answer(requestId, STATUS_LINK_CLOSED, NO_DATA);
    onClosed?.(failure ?? errorOfClose(code, reason));
  });

  return {
    nodeId: hello.nodeId,
    url,
    request(kind, body, done) {
      if (socket.readyState === socket.CLOSED) return queueMicrotask(() => done(STATUS_LINK_CLOSED, NO_DATA));
      const requestId = nextId();
      outbox.add({ requestId, kind, body });
      waiting.set(requestId, done);
    },
    close() {
      outbox.flush();
      failure ??= new SwarmError('STOPPED', 'the link was closed from here');
      return closeWith(socket, failure);
    },
  };
}
