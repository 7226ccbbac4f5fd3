import { closeSync, fdatasync, openSync, write } from 'node:fs';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { endWithParent } from '../children.ts';
import { ENTRY_BYTES, measureLoad } from '../load.ts';

/**
 * The barest durable pipeline there can be over WebSockets: a client that batches, a leader, two followers;
 * write and fdatasync on all three, an acknowledgement when two have it. No terms, no log, no repair: what
 * consensus could reach at best on this machine.
 */

endWithParent();
const ROLES: Readonly<Record<string, () => Promise<void>>> = {
  follower: runFollower,
  leader: runLeader,
  client: runClient,
};
const [role = '', folder = '', ...urls] = process.argv.slice(2);
const SOCKET = { perMessageDeflate: false, generateMask: (mask: Buffer): void => void mask.fill(0) };

/** Appends frames to one file; one sync covers all that came in during the last one. */
function openDisk(onDurable: (entries: number) => void): (frame: Buffer) => void {
  const fd = openSync(join(folder, `${role}-${process.pid}.log`), 'w');
  process.once('exit', () => closeSync(fd));
  let queue: Buffer[] = [];
  let syncing = false;
  let position = 0;
  let durable = 0;
  const flush = (): void => {
    if (queue.length === 0) {
      syncing = false;
      return;
    }
    syncing = true;
    const group = queue.length === 1 ? (queue[0] as Buffer) : Buffer.concat(queue);
    queue = [];
    write(fd, group, 0, group.length, position, (writeError) => {
      if (writeError !== null) throw writeError;
      position += group.length;
      fdatasync(fd, (syncError) => {
        if (syncError !== null) throw syncError;
        durable += group.length / ENTRY_BYTES;
        flush();
        onDurable(durable);
      });
    });
  };
  return (frame) => {
    queue.push(frame);
    if (!syncing) flush();
  };
}

function count(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

async function listen(onSocket: (socket: WebSocket) => void): Promise<void> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', onSocket);
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  process.send?.(typeof address === 'object' && address !== null ? `ws://127.0.0.1:${address.port}` : '');
}

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, SOCKET);
  await new Promise((resolve) => socket.once('open', resolve));
  return socket;
}

async function runFollower(): Promise<void> {
  await listen((socket) => {
    const append = openDisk((durable) => socket.send(count(durable)));
    socket.on('message', (frame: Buffer) => append(frame));
  });
}

async function runLeader(): Promise<void> {
  const followers = await Promise.all(urls.map(open));
  const held = followers.map(() => 0);
  let own = 0;
  let committed = 0;
  let client: WebSocket | undefined;
  const commit = (): void => {
    const second = [own, ...held].sort((a, b) => b - a)[1] ?? 0;
    if (second === committed) return;
    client?.send(count(second - committed));
    committed = second;
  };
  followers.forEach((follower, at) => {
    follower.on('message', (bytes: Buffer) => {
      held[at] = bytes.readDoubleLE();
      commit();
    });
  });
  const append = openDisk((durable) => {
    own = durable;
    commit();
  });
  await listen((socket) => {
    client = socket;
    socket.on('message', (frame: Buffer) => {
      append(frame);
      for (const follower of followers) follower.send(frame);
    });
  });
}

async function runClient(): Promise<void> {
  const socket = await open(urls[0] ?? '');
  let acknowledge: (entries: number) => void = () => undefined;
  socket.on('message', (bytes: Buffer) => acknowledge(bytes.readDoubleLE()));
  process.on('message', async ({ inFlight, durationMs }: { inFlight: number; durationMs: number }) => {
    const row = await measureLoad(inFlight, durationMs, (entries, onAcknowledged) => {
      acknowledge = onAcknowledged;
      socket.send(Buffer.alloc(entries * ENTRY_BYTES, 1));
    });
    process.send?.(row);
  });
  process.send?.('ready');
}

await ROLES[role]?.();
