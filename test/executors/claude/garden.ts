import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type ClaudeOptions, createClaudeExecutor } from '../../../src/agents/executors/claude.ts';
import type { Execution, ExecutionResult } from '../../../src/agents/executors/port.ts';
import { type ClaudeApi, type Step, startClaudeApi } from '../../claude-api/server.ts';
import { ownFolder, PATH } from '../../shell/playground.ts';
import { agentOf, executionOf, MemoryCheckpoint } from '../execution.ts';

export const TASK = { taskId: 'roses', title: 'Roses', prompt: 'Prune the roses.' } as const;

/** An agent with these lines in its frontmatter. */
export function agentWith(...lines: readonly string[]): Execution['agent'] {
  return agentOf(
    ['---', 'name: gardener', 'description: d', ...lines, '---', 'You look after roses.', ''].join('\n'),
  );
}

/** An executor on a scripted API, a workspace, and what was kept and told. */
export interface Garden {
  readonly api: ClaudeApi;
  readonly folder: string;
  readonly checkpoint: MemoryCheckpoint;
  readonly told: () => string;
  work(changed?: Partial<Execution>): Promise<ExecutionResult>;
  write(path: string, text: string | Uint8Array): void;
}

/** The test fails when a request comes that the real API would refuse. */
export async function openGarden(
  steps: readonly Step[],
  options: Partial<ClaudeOptions> = {},
): Promise<Garden> {
  const api = await startClaudeApi(steps);
  const folder = ownFolder();
  const checkpoint = new MemoryCheckpoint();
  let told = '';
  onTestFinished(() => expect(api.faults).toEqual([]));
  const executor = createClaudeExecutor({
    pauseMs: 1,
    ...options,
    environment: { ANTHROPIC_API_KEY: 'sk-test', ANTHROPIC_BASE_URL: api.url, ...options.environment },
  });
  return {
    api,
    folder,
    checkpoint,
    told: () => told,
    work: (changed = {}) =>
      executor.execute(
        executionOf({
          ...TASK,
          cwd: folder,
          environment: { PATH },
          checkpoint,
          onOutput: (text) => {
            told += text;
          },
          ...changed,
        }),
      ),
    write(path, text) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    },
  };
}
