import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { AddressLimits } from './address-limits.ts';
import type { Doorstep } from './doorstep.ts';
import { remoteAddressOf } from './remote-address.ts';

type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/** What a connection and its requests take of the allowance of their address. */
export interface ConnectionGate {
  /** Before anything is read from it. False: it was ended, for its address has used up what it may ask. */
  admit(socket: Socket): boolean;
  /** Why a request is refused that came over the connection with these ends; undefined: it is not. */
  visit(ends: Ends): string | undefined;
}

export interface ConnectionGateOptions {
  readonly limits: Pick<AddressLimits, 'visit'>;
  readonly doorstep: Pick<Doorstep, 'admit'>;
  /** The port speaks TLS. */
  readonly isSecured: boolean;
}

/**
 * A TLS handshake costs more than all that comes before a hello. So under TLS it is the connection that is paid for,
 * and its first request comes with it; in the clear a connection costs next to nothing, and requests are paid for.
 */
export function createConnectionGate({ limits, doorstep, isSecured }: ConnectionGateOptions): ConnectionGate {
  /** Connections whose first request has not come. */
  const paid = new Set<string>();
  return {
    admit(socket) {
      const address = remoteAddressOf(socket.remoteAddress);
      if (isSecured && limits.visit(address) !== undefined) {
        socket.destroy();
        return false;
      }
      if (!doorstep.admit(socket)) return false;
      if (!isSecured) return true;
      const key = keyOf(socket);
      paid.add(key);
      socket.once('close', () => paid.delete(key));
      return true;
    },
    visit: (ends) =>
      paid.delete(keyOf(ends)) ? undefined : limits.visit(remoteAddressOf(ends.remoteAddress)),
  };
}

/** Asks `admit` about each connection before the server does anything with it. */
export function guardConnections(port: Server, admit: (socket: Socket) => boolean): void {
  const serve = port.listeners('connection');
  port.removeAllListeners('connection');
  port.on('connection', (socket: Socket) => {
    if (!admit(socket)) return;
    for (const begin of serve) begin.call(port, socket);
  });
}

function keyOf({ remoteAddress = '', remotePort = 0 }: Ends): string {
  return `${remoteAddress} ${remotePort}`;
}
