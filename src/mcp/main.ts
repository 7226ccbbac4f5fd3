import { Console } from 'node:console';
import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import type { ProjectFolder } from '../swarm/layout.ts';
import { Membership } from './membership.ts';
import { Session } from './session.ts';
import { sessionName } from './session-name.ts';
import { SwarmLink } from './swarm-link.ts';
import type { Price } from './toolbox.ts';

export interface ServeOptions {
  readonly project: ProjectFolder;
  /** As the client says; undefined: one of our own. */
  readonly sessionId: string | undefined;
  /** What whoever works through this server is able to do, besides prompts. */
  readonly capabilities: readonly string[];
  readonly version: string;
  /** Brings the project's swarm up, without a word on standard output. */
  start(): Promise<void>;
}

/** What the tools cost every session. */
export async function priceOfTools(): Promise<Price> {
  const { priceOfAll } = await import('./toolbox.ts');
  return priceOfAll();
}

/**
 * Clients kill a server that has not gone after about four seconds: what is held is given back before all else. Whoever
 * is let live has time for it on a machine that is busy, and does not stay for ever where there is no quorum.
 */
const GIVE_BACK_MS: Millis = 10_000;
const LEAVING_MS: Millis = 15_000;

/** Serves MCP on standard input and output until the client goes away. */
export async function serveMcp(options: ServeOptions): Promise<void> {
  keepStdoutForTheProtocol();
  const { capabilities, project, sessionId, version } = options;
  const link = new SwarmLink({
    project,
    name: sessionName(sessionId ?? String(process.pid)),
    version,
    start: options.start,
    onTrouble: complain,
  });
  const membership = new Membership({ project, link, sessionId, capabilities, version, onTrouble: complain });
  const session = new Session({ link, membership, capabilities, version });
  const ended = endOfSession();
  // The swarm starts while the protocol's library is loaded, and while the client says hello.
  link.open();
  const { serveStdio } = await import('@modelcontextprotocol/server/stdio');
  const { createServer } = await import('./server.ts');
  const connection = serveStdio(({ era }) => createServer({ session, version, era, onTrouble: complain }), {
    onerror: complain,
  });
  membership.open();
  await ended;
  await Promise.race([leave({ connection, link, membership, session }), delay(LEAVING_MS)]);
  process.exit(0);
}

interface Parts {
  readonly connection: { close(): Promise<void> };
  readonly link: SwarmLink;
  readonly membership: Membership;
  readonly session: Session;
}

/** What cannot be done in time, the lease does, and the next session of the project. */
async function leave({ connection, link, membership, session }: Parts): Promise<void> {
  await connection.close();
  await session.giveBack(GIVE_BACK_MS).catch(complain);
  await membership.close().catch(complain);
  await link.close();
}

/** The client closes standard input, or ends the process; one that was killed closes both ends. */
function endOfSession(): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => resolve();
    process.stdin.once('end', end).once('close', end);
    // The command line would leave at once, with everything still held.
    process.stdout.removeAllListeners('error').on('error', end);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
  });
}

/** Whatever a library has to say: not there. */
function keepStdoutForTheProtocol(): void {
  globalThis.console = new Console(process.stderr, process.stderr);
}

function complain(error: unknown): void {
  const text = error instanceof SwarmError ? `${error.message} [${error.code}]` : textOf(error);
  process.stderr.write(`raft-manager mcp: ${text}\n`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
