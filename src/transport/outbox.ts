import type { WebSocket } from 'ws';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_FRAME_BYTES } from '../protocol/limits.ts';
import { RECORD_HEADER_BYTES } from './client-codec.ts';

export interface OutboxOptions<Item> {
  readonly socket: WebSocket;
  readonly encode: (items: readonly Item[]) => Buffer;
  /** Unsent bytes at which the other side counts as not reading. */
  readonly maxBufferedBytes: number;
  /** Nothing is sent any more; the link must go. Called once. */
  readonly onOverflow: () => void;
}

export interface Outbox<Item> {
  /** @throws LIMIT_EXCEEDED when the item alone does not fit into a frame. */
  add(item: Item): void;
  /** Sends now what waits for the end of the turn. */
  flush(): void;
}

/** Gathers what one loop turn has for one client link, and sends it as one frame. */
export function createOutbox<Item extends { readonly body: Uint8Array }>(
  options: OutboxOptions<Item>,
): Outbox<Item> {
  const { socket, encode, maxBufferedBytes, onOverflow } = options;
  let items: Item[] = [];
  let bytes = 0;
  let scheduled = false;
  let overflowed = false;

  const flush = (): void => {
    if (items.length === 0 || overflowed) return;
    const frame = encode(items);
    items = [];
    bytes = 0;
    if (socket.bufferedAmount + frame.length > maxBufferedBytes) {
      overflowed = true;
      onOverflow();
      return;
    }
    socket.send(frame);
  };
  const endOfTurn = (): void => {
    scheduled = false;
    flush();
  };

  return {
    flush,
    add(item) {
      if (overflowed) return;
      const size = RECORD_HEADER_BYTES + item.body.length;
      if (size > MAX_FRAME_BYTES) throw tooLarge(item.body.length);
      if (bytes + size > MAX_FRAME_BYTES) flush();
      items.push(item);
      bytes += size;
      if (scheduled) return;
      scheduled = true;
      // After the poll phase, not a microtask: answers to requests of one turn come from several callbacks.
      setImmediate(endOfTurn);
    },
  };
}

function tooLarge(length: number): SwarmError {
  return new SwarmError(
    'LIMIT_EXCEEDED',
    `a body of ${length} bytes does not fit into a frame of ${MAX_FRAME_BYTES}; send it in parts`,
    { length, limit: MAX_FRAME_BYTES },
  );
}
