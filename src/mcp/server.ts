import { type CallToolResult, McpServer, type ServerContext } from '@modelcontextprotocol/server';
import { SwarmError } from '../protocol/errors.ts';
import { errorResult, resultOf } from './answer.ts';
import { registerPrompts } from './prompts.ts';
import { registerResources } from './resources.ts';
import type { Session } from './session.ts';
import { registerSubscriptions } from './subscriptions.ts';
import type { Tool } from './tool.ts';
import { TOOLS } from './toolbox.ts';

export interface ServerOptions {
  readonly session: Session;
  readonly version: string;
  /** Which family of protocol revisions the client speaks. */
  readonly era: 'legacy' | 'modern';
  onTrouble(error: unknown): void;
}

const INSTRUCTIONS =
  'A task list that is shared with other agents and survives them. Take work with task_next, end it with task_update and its fence; reserve files that others may edit. An error says what to do next.';

/** One connection's view of the session; a client that probes makes several. */
export function createServer(options: ServerOptions): McpServer {
  const { session, version } = options;
  const server = new McpServer(
    { name: 'raft-manager', title: 'Raft manager', version },
    { instructions: INSTRUCTIONS },
  );
  for (const tool of TOOLS) registerTool(server, tool, options);
  registerSubscriptions(server, session, options);
  registerResources(server, session);
  registerPrompts(server);
  return server;
}

function registerTool(server: McpServer, tool: Tool, { onTrouble, session }: ServerOptions): void {
  const { annotations, description, input, name, output, title } = tool;
  const config = { title, description, annotations, inputSchema: input, outputSchema: output };
  server.registerTool(name, config, async (given, context): Promise<CallToolResult> => {
    try {
      const { signal } = context.mcpReq;
      return resultOf(await tool.call(given, { session, signal, tell: teller(context, onTrouble) }));
    } catch (error) {
      // What the swarm refuses is for the model; anything else is a bug, and its stack for a person.
      if (!(error instanceof SwarmError) && !context.mcpReq.signal.aborted) onTrouble(error);
      return errorResult(error);
    }
  });
}

/** Progress goes up with the seconds that have passed. */
function teller(
  { mcpReq }: ServerContext,
  onTrouble: (error: unknown) => void,
): (message: string, outOfSeconds: number) => void {
  const progressToken = mcpReq._meta?.progressToken;
  const begun = performance.now();
  return (message, total) => {
    if (progressToken === undefined || mcpReq.signal.aborted) return;
    const progress = Math.min(total, (performance.now() - begun) / 1_000);
    const params = { progressToken, progress, total, message };
    mcpReq.notify({ method: 'notifications/progress', params }).catch(onTrouble);
  };
}
