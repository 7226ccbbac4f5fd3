import { type CallToolResult, Client } from '@modelcontextprotocol/client';
import { InMemoryTransport } from '@modelcontextprotocol/server';
import { onTestFinished } from 'vitest';
import { Membership } from '../../src/mcp/membership.ts';
import { createServer } from '../../src/mcp/server.ts';
import { Session } from '../../src/mcp/session.ts';
import { SwarmLink } from '../../src/mcp/swarm-link.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import type { Playground } from '../claude-code/playground.ts';

interface DeskOptions {
  readonly sessionId?: string;
  readonly capabilities?: readonly string[];
  start?(): Promise<void>;
  /** What the tools see instead of the session. */
  disguise?(session: Session): Session;
}

/** Somebody who works through the server, as a client sees it. */
export interface Desk {
  readonly client: Client;
  readonly session: Session;
  readonly troubles: readonly unknown[];
  /** Calls a tool that must succeed; returns its structured content. */
  call<T = Record<string, unknown>>(name: string, input?: Record<string, unknown>): Promise<T>;
  /** Calls a tool that must fail; returns the code of the error. */
  refusal(name: string, input?: Record<string, unknown>): Promise<string>;
  /** Whatever the answer is. */
  ask(name: string, input?: Record<string, unknown>): Promise<CallToolResult>;
  /** As when the client goes away. */
  leave(): Promise<void>;
}

const VERSION = 'test';

async function noStart(): Promise<void> {
  throw new SwarmError('NOT_RUNNING', 'nothing is started in this test');
}

/** Connects a client to the server of a session, in this process. Ends with the test. */
export async function openDesk(play: Playground, options: DeskOptions = {}): Promise<Desk> {
  const { capabilities = [], disguise = (own) => own, sessionId, start = noStart } = options;
  const troubles: unknown[] = [];
  const onTrouble = (error: unknown): void => {
    troubles.push(error);
  };
  const { project } = play;
  const link = new SwarmLink({ project, name: 'desk', version: VERSION, start, onTrouble });
  const membership = new Membership({ project, link, sessionId, capabilities, version: VERSION, onTrouble });
  const session = new Session({ link, membership, capabilities, version: VERSION });
  const served = { session: disguise(session), version: VERSION, era: 'legacy', onTrouble } as const;
  const server = createServer(served);
  const client = new Client({ name: 'desk', version: VERSION });
  const [here, there] = InMemoryTransport.createLinkedPair();
  await server.connect(there);
  await client.connect(here);
  link.open();
  let isOver = false;
  const leave = async (): Promise<void> => {
    if (isOver) return;
    isOver = true;
    await client.close();
    await session.giveBack(1_000).catch(onTrouble);
    await membership.close();
    await link.close();
  };
  onTestFinished(leave);
  const ask: Desk['ask'] = async (name, input = {}) => {
    return (await client.callTool({ name, arguments: input })) as CallToolResult;
  };
  return {
    ...{ client, session, troubles, ask, leave },
    async call<T>(name: string, input?: Record<string, unknown>) {
      const { content, isError, structuredContent } = await ask(name, input);
      if (isError) throw new Error(`${name} failed: ${JSON.stringify(content)}`);
      return structuredContent as T;
    },
    async refusal(name, input) {
      const { content, isError, _meta } = await ask(name, input);
      if (!isError) throw new Error(`${name} did not fail: ${JSON.stringify(content)}`);
      return (_meta as { readonly 'raft-manager/error': { readonly code: string } })['raft-manager/error']
        .code;
    },
  };
}

export interface Taken {
  readonly task: { readonly taskId: string; readonly fence: number; readonly prompt: string } | null;
}
