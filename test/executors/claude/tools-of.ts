import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SeenFiles } from '../../../src/agents/executors/claude/tools/seen-files.ts';
import type { ToolOutcome } from '../../../src/agents/executors/claude/tools/tool.ts';
import { openToolbox } from '../../../src/agents/executors/claude/tools/toolbox.ts';
import type { Execution } from '../../../src/agents/executors/port.ts';
import { ownFolder, PATH } from '../../shell/playground.ts';
import { executionOf } from '../execution.ts';
import { agentWith } from './garden.ts';

/** The tools of an agent in a folder of its own. */
export interface Bench {
  readonly folder: string;
  readonly names: readonly string[];
  readonly missing: readonly string[];
  use(name: string, input: unknown, signal?: AbortSignal): Promise<ToolOutcome>;
  write(path: string, text: string | Uint8Array): void;
}

/** `tools`: as in the agent's file; undefined: it has no such line. */
export async function openBench(
  tools: string | undefined,
  changed: Partial<Execution> & { readonly files?: Readonly<Record<string, string>> } = {},
): Promise<Bench> {
  const { files = {}, ...execution } = changed;
  const folder = execution.cwd ?? ownFolder();
  const write = (path: string, text: string | Uint8Array): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  for (const [path, text] of Object.entries(files)) write(path, text);
  const agent = tools === undefined ? agentWith() : agentWith(`tools: ${tools}`);
  const box = await openToolbox(
    executionOf({ agent, cwd: folder, environment: { PATH }, ...execution }),
    new SeenFiles({}),
  );
  return {
    folder,
    names: box.tools.map(({ name }) => name),
    missing: box.missing,
    write,
    async use(name, input, signal = new AbortController().signal) {
      const tool = box.tools.find((one) => one.name === name);
      if (tool === undefined) throw new Error(`the agent has no tool ${name}`);
      return tool.call(input, { key: 'roses/1/0', signal });
    },
  };
}
