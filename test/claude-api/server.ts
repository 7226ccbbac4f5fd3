import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ApiRequest, faultIn, type MessagesBody } from './request.ts';
import type { Reply } from './script.ts';
import { sendAnswer, sendBroken } from './stream.ts';

/** What is answered to each request in turn; one may look at its request first, or wait. */
export type Step = Reply | ((request: ApiRequest) => Reply | Promise<Reply>);

/** A Messages API on loopback that says what it was told to say, and refuses what the real one would. */
export class ClaudeApi {
  readonly url: string;
  /** All that came, also what was refused. */
  readonly requests: ApiRequest[] = [];
  /** Requests that the real API would not take, and those behind the end of the script. */
  readonly faults: string[] = [];
  readonly #steps: Step[];
  readonly #waiting: { readonly count: number; readonly tell: () => void }[] = [];

  constructor(port: number, steps: readonly Step[]) {
    this.url = `http://127.0.0.1:${port}`;
    this.#steps = [...steps];
  }

  /** Resolves once so many requests have come. */
  arrived(count: number): Promise<void> {
    if (this.requests.length >= count) return Promise.resolve();
    return new Promise((tell) => this.#waiting.push({ count, tell }));
  }

  get stepsLeft(): number {
    return this.#steps.length;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Before anything is waited for: on a busy machine both come at once, the request and its end.
    const hungUp = new Promise<void>((tell) => {
      response.on('close', () => {
        if (!response.writableFinished) tell();
      });
    });
    const value: unknown = JSON.parse(await bodyOf(request));
    const fault = request.url === '/v1/messages' ? faultIn(value) : `unknown path ${request.url}`;
    const known: ApiRequest = { headers: request.headers, body: value as MessagesBody, hungUp };
    this.requests.push(known);
    for (const { count, tell } of this.#waiting) if (this.requests.length >= count) tell();
    if (fault !== undefined) {
      this.faults.push(fault);
      return sendError(response, {
        kind: 'error',
        status: 400,
        type: 'invalid_request_error',
        message: fault,
      });
    }
    const step = this.#steps.shift();
    if (step === undefined) {
      this.faults.push('a request behind the end of the script');
      return sendError(response, {
        kind: 'error',
        status: 400,
        type: 'invalid_request_error',
        message: 'no more',
      });
    }
    await send(response, known.body, typeof step === 'function' ? await step(known) : step);
  }
}

/** Goes with the test. */
export async function startClaudeApi(steps: readonly Step[]): Promise<ClaudeApi> {
  let api: ClaudeApi | undefined;
  const server = createServer((request, response) => {
    api?.handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  api = new ClaudeApi((server.address() as AddressInfo).port, steps);
  return api;
}

async function send(response: ServerResponse, request: MessagesBody, reply: Reply): Promise<void> {
  switch (reply.kind) {
    case 'answer':
      return sendAnswer(response, request, reply);
    case 'broken':
      return sendBroken(response, request, reply);
    case 'error':
      return sendError(response, reply);
    case 'silence':
      return;
  }
}

function sendError(response: ServerResponse, reply: Extract<Reply, { kind: 'error' }>): void {
  const { status, type, message, errorCode, headers = {} } = reply;
  const details = errorCode === undefined ? {} : { details: { error_code: errorCode } };
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ type: 'error', error: { type, message, ...details } }));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
