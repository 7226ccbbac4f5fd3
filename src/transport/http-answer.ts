import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Guard } from './http-guard.ts';

/**
 * On every answer, whatever it says: nothing here is a page, nothing is for another page, and nothing is kept. There is
 * no CORS header, so no browser lets a page of elsewhere read an answer.
 */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const STATUS_TEXTS = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
} as const;

export interface AnswerOptions {
  readonly guard: Guard;
  /** Why the sender is refused before anything else is looked at; undefined: it is not. */
  readonly visit: (request: IncomingMessage) => string | undefined;
  readonly health: () => Readonly<Record<string, unknown>>;
}

/** Answers plain requests, and whatever is no request at all. */
export function answerRequests(http: Server, { guard, visit, health }: AnswerOptions): void {
  http.on('request', (request, response) => {
    const tooMany = visit(request);
    if (tooMany !== undefined) return sendJson(response, 503, { error: tooMany });
    const verdict = guard(request);
    if (verdict.kind === 'refused') return sendJson(response, 403, { error: verdict.reason });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return sendJson(response, 405, { error: 'GET only' }, { allow: 'GET, HEAD', connection: 'close' });
    }
    // Nobody reads it, and nobody shall send it for ten seconds.
    if (hasBody(request))
      return sendJson(response, 413, { error: 'no request has a body here' }, { connection: 'close' });
    if (verdict.path === '/health') return sendJson(response, 200, health());
    sendJson(response, 404, { error: 'there is /health' });
  });
  http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return refuse(socket, 408, 'the request took too long');
    if (error.code === 'HPE_HEADER_OVERFLOW') return refuse(socket, 431, 'the headers are too long');
    refuse(socket, 400, 'this is no request');
  });
}

/** Says no to an upgrade, and ends its connection. */
export function refuse(socket: Duplex, status: keyof typeof STATUS_TEXTS, reason: string): void {
  // The other side may have gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy());
  const headers = {
    connection: 'close',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(reason),
    ...(status === 503 ? { 'retry-after': 1 } : {}),
    ...HEADERS,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${status} ${STATUS_TEXTS[status]}`, ...lines].join('\r\n');
  socket.end(`${head}\r\n\r\n${reason}`, () => socket.destroy());
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...HEADERS, ...more });
  response.end(`${JSON.stringify(body)}\n`);
}
