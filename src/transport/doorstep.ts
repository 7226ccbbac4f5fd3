import type { Socket } from 'node:net';
import { MAX_CONNECTIONS_PER_ADDRESS, MAX_UNGREETED, MAX_UNGREETED_PER_ADDRESS } from '../protocol/limits.ts';
import { isLoopback, type RemoteAddress, remoteAddressOf } from './remote-address.ts';

type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/**
 * Connections on which nobody has said a good hello yet. There is room for so many; then those that have waited
 * longest give way, those of the address that has most of them first. An honest one is through in milliseconds, so
 * whoever opens thousands and says nothing shuts out himself.
 */
export interface Doorstep {
  /** False: the address has too many connections, and this one was ended. */
  admit(socket: Socket): boolean;
  /** Whoever is at the other end of `ends` has said a good hello. */
  greeted(ends: Ends): void;
  /** Ends all connections on which nobody has. */
  clear(): void;
}

/** `onCrowd`: an address has more than it may. */
export function createDoorstep(onCrowd: (address: RemoteAddress) => void): Doorstep {
  /** Of each address, by the port at its end, the longest waiting first. */
  const waiting = new Map<RemoteAddress, Map<number, Socket>>();
  const open = new Map<RemoteAddress, number>();
  let size = 0;

  const forget = (address: RemoteAddress, port: number): void => {
    const there = waiting.get(address);
    if (there?.delete(port) !== true) return;
    size -= 1;
    if (there.size === 0) waiting.delete(address);
  };
  const dropOldest = (address: RemoteAddress): void => {
    const [first] = waiting.get(address) ?? [];
    if (first === undefined) return;
    forget(address, first[0]);
    first[1].destroy();
    onCrowd(address);
  };
  const makeRoom = (address: RemoteAddress): void => {
    const isFull = !isLoopback(address) && (waiting.get(address)?.size ?? 0) > MAX_UNGREETED_PER_ADDRESS;
    if (isFull) dropOldest(address);
    if (size > MAX_UNGREETED) dropOldest(mostOf(waiting) ?? address);
  };

  return {
    admit(socket) {
      const address = remoteAddressOf(socket.remoteAddress);
      const port = socket.remotePort ?? 0;
      const count = (open.get(address) ?? 0) + 1;
      if (!isLoopback(address) && count > MAX_CONNECTIONS_PER_ADDRESS) {
        socket.destroy();
        onCrowd(address);
        return false;
      }
      open.set(address, count);
      const there = waiting.get(address) ?? new Map<number, Socket>();
      waiting.set(address, there.set(port, socket));
      size += 1;
      socket.once('close', () => {
        forget(address, port);
        const left = (open.get(address) ?? 1) - 1;
        if (left === 0) open.delete(address);
        else open.set(address, left);
      });
      makeRoom(address);
      return true;
    },
    greeted: ({ remoteAddress, remotePort = 0 }) => forget(remoteAddressOf(remoteAddress), remotePort),
    clear() {
      for (const there of [...waiting.values()]) for (const socket of [...there.values()]) socket.destroy();
    },
  };
}

function mostOf(waiting: ReadonlyMap<RemoteAddress, ReadonlyMap<number, Socket>>): RemoteAddress | undefined {
  let most: RemoteAddress | undefined;
  let count = 0;
  for (const [address, { size }] of waiting) {
    if (size <= count) continue;
    most = address;
    count = size;
  }
  return most;
}
