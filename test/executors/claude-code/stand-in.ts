import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentDefinition } from '../../../src/agents/definition.ts';
import { createClaudeCodeExecutor } from '../../../src/agents/executors/claude-code.ts';
import type { Execution, ExecutionResult, SavedTurn } from '../../../src/agents/executors/port.ts';
import { NO_USAGE } from '../../../src/tasks/usage.ts';
import { ownFolder, PATH } from '../../shell/playground.ts';

/** The stand-in executable. */
export const CLIENT = join(import.meta.dirname, 'claude.js');

/** What the stand-in does, one after the other. */
export type Step =
  | { readonly line: object }
  | { readonly raw: string }
  | { readonly pieces: readonly string[] }
  | { readonly stderr: string }
  | { readonly exit: number }
  | { readonly killed: NodeJS.Signals }
  | { readonly deaf: true }
  | { readonly child: true }
  | { readonly hang: true }
  /** The same lines again and again; `TURN` in them is counted. */
  | { readonly again: readonly object[] };

/** How the stand-in was called. */
interface Call {
  readonly args: readonly string[];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export const agent = (changed: Partial<AgentDefinition> = {}): AgentDefinition => ({
  name: 'gardener',
  type: 'worker',
  color: undefined,
  description: 'Prunes roses.',
  capabilities: [],
  capabilityMap: undefined,
  priority: 'normal',
  hooks: { pre: [], post: [], claudeCode: {}, other: {} },
  tools: { allowed: undefined, denied: [] },
  model: [],
  strictEligibility: false,
  extra: {},
  body: '\nYou prune roses.\n',
  source: { path: '/agents/gardener.md', sha256: '' },
  ...changed,
});

export interface Garden {
  readonly folder: string;
  /** Turns that were saved, in order. */
  readonly saved: SavedTurn[];
  execute(
    script: {
      readonly begun?: readonly Step[];
      readonly resumed?: readonly Step[];
      readonly readsNothing?: true;
    },
    changed?: Partial<Execution>,
  ): Promise<ExecutionResult>;
  /** How the stand-in was called so far. */
  calls(): readonly Call[];
}

/** A folder in which the stand-in works, and keeps its sessions. */
export function openGarden(ours: Readonly<Record<string, string>> = {}, lingerMs = 60_000): Garden {
  const folder = ownFolder();
  const config = join(folder, 'config');
  const log = join(folder, 'calls.jsonl');
  const saved: SavedTurn[] = [];
  mkdirSync(config);
  const environment = { PATH, RAFT_MANAGER_CLAUDE: CLIENT, CLAUDE_CONFIG_DIR: config, ...ours };
  const executor = createClaudeCodeExecutor({ environment, lingerMs });
  return {
    folder,
    saved,
    execute: (script, changed = {}) => {
      const file = join(folder, 'script.json');
      writeFileSync(file, JSON.stringify(script));
      return executor.execute({
        ...EXECUTION,
        cwd: folder,
        environment: {
          PATH: `${join(process.execPath, '..')}:${PATH}`,
          STAND_IN: file,
          STAND_IN_LOG: log,
        },
        checkpoint: {
          load: async () => saved.at(-1),
          save: async (turn) => {
            saved.push(turn);
          },
        },
        ...changed,
      });
    },
    calls: () =>
      readFileSync(log, 'utf8')
        .trimEnd()
        .split('\n')
        .map((call) => JSON.parse(call) as Call),
  };
}

/** The client reaches the swarm by itself, or not at all. */
async function unwanted(): Promise<never> {
  throw new Error('this executor asks nothing of the swarm');
}

const EXECUTION: Execution = {
  taskId: 'roses',
  title: 'Roses',
  run: undefined,
  prompt: 'prune the roses',
  environment: {},
  cwd: '/',
  timeoutMs: 60_000,
  signal: new AbortController().signal,
  agent: agent(),
  instanceId: 'gardener-1',
  fence: 17,
  attempt: 1,
  notes: [],
  coordinator: 'gardener-2',
  model: undefined,
  maxTurns: undefined,
  budget: { spent: NO_USAGE },
  swarmBudget: {},
  checkpoint: { load: async () => undefined, save: async () => undefined },
  swarm: {
    status: unwanted,
    submit: unwanted,
    note: unwanted,
    reserve: unwanted,
    release: unwanted,
    task: unwanted,
  },
};

/** A client that has turn after turn and comes to no end. */
export function endless(): Step {
  const steps = [line.said('mTURN', [line.call('Bash', { command: 'prune rose TURN' })]), line.answered];
  return { again: steps.flatMap((step) => ('line' in step ? [step.line] : [])) };
}

const SESSION = { session_id: '7bc84685-5f77-426e-b29c-389853cf0141', uuid: 'u' };

/** Lines as the client writes them. */
export const line = {
  init: { line: { type: 'system', subtype: 'init', model: 'claude-test-1', tools: [], ...SESSION } },
  said: (id: string, content: readonly object[], changed: object = {}): Step => ({
    line: {
      type: 'assistant',
      message: {
        id,
        role: 'assistant',
        content,
        stop_reason: null,
        usage: {
          input_tokens: 10,
          output_tokens: 5,
          cache_read_input_tokens: 100,
          cache_creation_input_tokens: 20,
        },
      },
      parent_tool_use_id: null,
      ...SESSION,
      ...changed,
    },
  }),
  text: (text: string) => ({ type: 'text', text }),
  call: (name: string, input: object) => ({ type: 'tool_use', id: 't', name, input }),
  answered: {
    line: {
      type: 'user',
      message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'ok' }] },
      parent_tool_use_id: null,
      ...SESSION,
    },
  } as Step,
  result: (changed: object = {}): Step => ({
    line: {
      type: 'result',
      subtype: 'success',
      is_error: false,
      duration_ms: 1,
      num_turns: 2,
      result: 'The roses are pruned.',
      stop_reason: 'end_turn',
      total_cost_usd: 0.0123456,
      usage: {
        input_tokens: 30,
        output_tokens: 17,
        cache_read_input_tokens: 200,
        cache_creation_input_tokens: 40,
      },
      permission_denials: [],
      ...SESSION,
      ...changed,
    },
  }),
};

/** A task done in two turns. */
export const WORK: readonly Step[] = [
  line.init,
  line.said('m1', [line.text('I look first.')]),
  line.said('m1', [line.call('Bash', { command: 'ls  -la\nroses' })]),
  line.answered,
  line.said('m2', [line.text('The roses are pruned.')]),
  line.result(),
];

/** Of `WORK`. */
export const USAGE = {
  turns: 2,
  inputTokens: 30,
  outputTokens: 17,
  cacheReadTokens: 200,
  cacheWriteTokens: 40,
  costMicros: 12_346,
};
