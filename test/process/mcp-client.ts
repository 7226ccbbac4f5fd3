import { type CallToolResult, Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { onTestFinished } from 'vitest';
import { MAIN, PATIENCE_MS, type Project } from './harness.ts';

/** A client with a server process of its own. */
export interface McpClient {
  readonly client: Client;
  readonly pid: number;
  stderr(): string;
  /** Calls a tool that must succeed; returns its structured content. */
  call<T = Record<string, unknown>>(name: string, input?: Record<string, unknown>): Promise<T>;
  /** The text of whatever the answer is. */
  text(name: string, input?: Record<string, unknown>): Promise<string>;
  /** Closes the server's standard input, and waits until it has ended. */
  close(): Promise<void>;
}

interface McpClientOptions {
  readonly sessionId?: string;
  readonly revision?: 'auto';
}

/** The environment of a server that an agent's client starts for this project. */
export function mcpEnvironment(project: Project, sessionId?: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: project.folder,
    LANG: 'C.UTF-8',
    RAFT_MANAGER_DIR: project.state,
    RAFT_MANAGER_TRUST_DIR: `${project.folder}/trust`,
    ...(sessionId === undefined ? {} : { CLAUDE_CODE_SESSION_ID: sessionId }),
  };
}

/** Starts `raft-manager mcp` as an agent's client does. */
export async function connectMcp(project: Project, options: McpClientOptions = {}): Promise<McpClient> {
  const { revision, sessionId } = options;
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MAIN, 'mcp'],
    cwd: project.folder,
    env: mcpEnvironment(project, sessionId),
    stderr: 'pipe',
  });
  let stderr = '';
  transport.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const negotiation = revision === undefined ? {} : { versionNegotiation: { mode: revision } };
  const client = new Client({ name: 'test', version: '1' }, negotiation);
  onTestFinished(() => client.close());
  await client.connect(transport);
  const pid = transport.pid ?? 0;
  const ask = async (name: string, input: Record<string, unknown>): Promise<CallToolResult> => {
    return (await client.callTool({ name, arguments: input }, { timeout: PATIENCE_MS })) as CallToolResult;
  };
  return {
    ...{ client, pid, stderr: () => stderr, close: () => client.close() },
    async call<T>(name: string, input: Record<string, unknown> = {}) {
      const { content, isError, structuredContent } = await ask(name, input);
      if (isError) throw new Error(`${name} failed: ${JSON.stringify(content)}\n${stderr}`);
      return structuredContent as T;
    },
    async text(name, input = {}) {
      const [first] = (await ask(name, input)).content;
      return first?.type === 'text' ? first.text : '';
    },
  };
}

export interface Taken {
  readonly task: { readonly taskId: string; readonly fence: number } | null;
}
