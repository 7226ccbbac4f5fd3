import { locateProject } from '../../swarm/layout.ts';
import type { PlaceOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printLine } from '../reach.ts';

export interface McpOptions extends PlaceOptions {
  readonly session?: string;
  readonly capabilities?: string;
  readonly printTools?: true;
}

export async function executeMcp(options: McpOptions): Promise<void> {
  if (options.printTools) return printTools();
  // Whoever starts servers for a project says which one, and need not do so in its folder.
  const { CLAUDE_PROJECT_DIR: cwd = process.cwd() } = process.env;
  const project = locateProject(options.dir, process.env, cwd);
  const { serveMcp } = await import('../../mcp/main.ts');
  await serveMcp({
    project,
    sessionId: options.session === '' ? undefined : options.session,
    capabilities: (options.capabilities ?? '').split(',').flatMap((one) => one.trim() || []),
    version: packageVersion(),
    async start() {
      const { bringUp } = await import('../service/execute-up.ts');
      await bringUp(project);
    },
  });
}

async function printTools(): Promise<void> {
  const { priceOfTools } = await import('../../mcp/main.ts');
  const { characters, tokens, tools } = await priceOfTools();
  printLine(JSON.stringify({ tools }, undefined, 2));
  printLine(`${tools.length} tools, ${characters} characters of JSON, at most about ${tokens} tokens`);
}
