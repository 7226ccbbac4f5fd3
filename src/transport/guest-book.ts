import type { WebSocket } from 'ws';
import type { SwarmError } from '../protocol/errors.ts';
import { closeWith } from './closing.ts';
import type { Claim, LinkReport, LinkSecurity } from './port.ts';

/** Who was let in, and by what: to be judged again when trust has changed. */
export interface GuestBook {
  /** Until the link closes. */
  enter(socket: WebSocket, claim: Claim, cipher: string | undefined): void;
  /** Whoever would not be let in any more is put out. */
  recheck(): void;
  links(): readonly LinkReport[];
}

export function createGuestBook(security: LinkSecurity, onPutOut: (error: SwarmError) => void): GuestBook {
  const guests = new Map<WebSocket, { readonly claim: Claim; readonly cipher: string | undefined }>();
  return {
    enter(socket, claim, cipher) {
      guests.set(socket, { claim, cipher });
      socket.once('close', () => guests.delete(socket));
    },
    recheck() {
      for (const [socket, { claim }] of [...guests]) {
        const verdict = security.judge(claim);
        if (verdict.ok) continue;
        onPutOut(verdict.error);
        // What it says from now on is heard by nobody, however long it takes to close.
        socket.removeAllListeners('message');
        closeWith(socket, verdict.error);
      }
    },
    links: () =>
      [...guests.values()].map(({ claim, cipher }): LinkReport => {
        const certificate = claim.certificate?.fingerprint256.replaceAll(':', '').toLowerCase() ?? null;
        return { peer: claim.nodeId, direction: 'in', cipher: cipher ?? null, certificate };
      }),
  };
}
