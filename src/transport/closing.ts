import type { WebSocket } from 'ws';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';

/** WebSocket close codes of ours (4000-4999 are free for applications). Never reused for something else. */
const CLOSE_CODES: Partial<Record<ErrorCode, number>> = {
  WRONG_PROTOCOL: 4001,
  WRONG_CLUSTER: 4002,
  UNKNOWN_NODE: 4003,
  UNAUTHORIZED: 4004,
  MALFORMED: 4005,
  TIMEOUT: 4006,
  BUSY: 4007,
  LIMIT_EXCEEDED: 4008,
  STOPPED: 4009,
  OUT_OF_SEQUENCE: 4010,
  REVOKED: 4011,
};

const OTHER_CLOSE_CODE = 4000;
const MESSAGE_TOO_BIG = 1009;

/** RFC 6455: a control frame holds 125 bytes, two of them the code. */
const MAX_REASON_BYTES = 123;

/** How long the other side may take to answer a close before its socket is destroyed. */
const CLOSE_GRACE_MS = 1_000;

const ERROR_CODES = new Map<number, ErrorCode>([[MESSAGE_TOO_BIG, 'LIMIT_EXCEEDED']]);
for (const [code, closeCode] of Object.entries(CLOSE_CODES)) ERROR_CODES.set(closeCode, code as ErrorCode);

/**
 * Closes in good order: what was sent arrives, and the other side learns why. Resolves once the
 * socket is gone; never rejects.
 */
export function closeWith(socket: WebSocket, error: SwarmError): Promise<void> {
  if (socket.readyState === socket.CLOSED) return Promise.resolve();
  socket.close(CLOSE_CODES[error.code] ?? OTHER_CLOSE_CODE, asReason(error.message));
  const timer = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS);
  return new Promise((resolve) => {
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** The error with which the other side closed; `NOT_RUNNING` when it simply went away. */
export function errorOfClose(code: number, reason: Buffer): SwarmError {
  const text = reason.toString('utf8');
  const known = ERROR_CODES.get(code);
  if (known !== undefined) return new SwarmError(known, text || `link closed with code ${code}`, { code });
  return new SwarmError('NOT_RUNNING', `the other side went away (${text || `code ${code}`})`, { code });
}

/** Cut at a character, so that the reason stays UTF-8. */
function asReason(message: string): string {
  let reason = message;
  while (Buffer.byteLength(reason) > MAX_REASON_BYTES) reason = [...reason].slice(0, -1).join('');
  return reason;
}
