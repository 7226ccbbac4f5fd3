import type { WebSocket } from 'ws';
import { KEEP_ALIVE_INTERVAL_MS } from '../protocol/limits.ts';

/**
 * Two may be missing: after our own process was paused, the timer comes before the answer that
 * already waits in the socket.
 */
const MISSED_PONGS = 2;

/** Pings until the link closes, and ends a link that does not answer (its host is gone, TCP does not know). */
export function keepAlive(socket: WebSocket): void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered > MISSED_PONGS) return socket.terminate();
    unanswered += 1;
    socket.ping();
  }, KEEP_ALIVE_INTERVAL_MS);
  socket.on('pong', () => {
    unanswered = 0;
  });
  socket.once('close', () => clearInterval(timer));
}
