import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import type { AgentDefinition } from '../../definition.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** One argument of a process holds 128 KiB on Linux, with its terminating NUL. */
const MAX_INSTRUCTION_BYTES = 120 * 1024;

/** What an agent file may ask for by itself. The other one lifts every question: only a person may. */
const MODES_OF_FILES: readonly string[] = ['default', 'acceptEdits', 'plan', 'dontAsk', 'auto'];

/** What the client needs of our own environment to find its account, its settings and its way to the API. */
const CLIENT_VARIABLES =
  /^(ANTHROPIC_.*|CLAUDE_CONFIG_DIR|CLAUDE_CODE_(USE|SKIP|MAX|OAUTH|API|EFFORT|DISABLE|ENABLE)_.*|DISABLE_[A-Z_]+|AWS_.*|GOOGLE_.*|CLOUD_ML_REGION|VERTEX_.*|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|XDG_[A-Z_]+)$/;

/** Left out: `CLAUDECODE` and the like, by which a client that was started inside another one refuses to work. */
export function clientEnvironment(ours: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(ours).flatMap(([name, value]) =>
      value !== undefined && CLIENT_VARIABLES.test(name) ? [[name, value]] : [],
    ),
  );
}

/** Where the client lies: `RAFT_MANAGER_CLAUDE`, a name or a path; else `claude` of the PATH. */
export function findClient(ours: Environment): string | undefined {
  const wanted = wantedClient(ours);
  const places = wanted.includes('/')
    ? [resolve(wanted)]
    : (ours.PATH ?? '')
        .split(':')
        .filter(isAbsolute)
        .map((folder) => join(folder, wanted));
  return places.find(isExecutable);
}

/** Why there is no client, for people. */
export function missingClient(ours: Environment): string {
  const wanted = wantedClient(ours);
  const where = wanted.includes('/') ? 'is no executable file' : 'is not on the PATH';
  return `the executor "claude-code" needs Claude Code, and ${wanted} ${where}; install it, or name it in RAFT_MANAGER_CLAUDE`;
}

function wantedClient({ RAFT_MANAGER_CLAUDE }: Environment): string {
  return RAFT_MANAGER_CLAUDE ?? 'claude';
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, or not ours to run: another place may have it.
    return false;
  }
}

/** What one call of the client is told. */
export interface ClientCall {
  readonly agent: AgentDefinition;
  /** Stands in the system prompt in front of the agent's own instructions. */
  readonly preamble: string;
  readonly session: { readonly kind: 'new' | 'resumed'; readonly id: string };
  readonly model: string | undefined;
  readonly maxTurns: number | undefined;
  /** What is left of the task's budget. */
  readonly maxCostUsd: number | undefined;
  readonly permissionMode: string | undefined;
}

/**
 * Its arguments. What comes from a file or a task stands behind a `=`, so that nothing of it can be taken for another flag;
 * the prompt is no argument at all.
 */
export function clientArguments(call: ClientCall): readonly string[] {
  const { agent, preamble, session, maxTurns, maxCostUsd, permissionMode } = call;
  const { allowed, denied } = agent.tools;
  const model = call.model ?? agent.model[0];
  return [
    ...['-p', '--output-format=stream-json', '--verbose'],
    session.kind === 'new' ? `--session-id=${session.id}` : `--resume=${session.id}`,
    `--append-system-prompt=${instructions(agent, preamble)}`,
    ...(model === undefined || model === 'inherit' ? [] : [`--model=${model}`]),
    ...(maxTurns === undefined ? [] : [`--max-turns=${maxTurns}`]),
    ...(maxCostUsd === undefined ? [] : [`--max-budget-usd=${maxCostUsd}`]),
    ...(permissionMode === undefined ? [] : [`--permission-mode=${permissionMode}`]),
    // The first says which tools there are at all, the second which of them need no question.
    ...(allowed === undefined ? [] : [`--tools=${builtIn(allowed).join(',')}`]),
    ...(allowed === undefined || allowed.length === 0 ? [] : [`--allowedTools=${allowed.join(',')}`]),
    ...(denied.length === 0 ? [] : [`--disallowedTools=${denied.join(',')}`]),
  ];
}

function instructions({ body }: AgentDefinition, preamble: string): string {
  return `${preamble}\n\n${body.trim()}`;
}

/** `Bash(git:*)` is a rule for the tool `Bash`; tools of MCP servers are not the client's own. */
function builtIn(rules: readonly string[]): readonly string[] {
  const names = rules.map((rule) => rule.replace(/\(.*$/s, ''));
  return [...new Set(names.filter((name) => !name.startsWith('mcp__')))];
}

/** Who decides what needs no question: the person who starts the swarm, else the agent file, else the user's settings. */
export function permissionModeOf(agent: AgentDefinition, ours: Environment): string | undefined {
  const { permissionMode } = agent.extra;
  return (
    ours.RAFT_MANAGER_CLAUDE_PERMISSION_MODE ??
    (typeof permissionMode === 'string' ? permissionMode : undefined)
  );
}

/** Why `agent` cannot be run by the client, for people; undefined when it can. */
export function objectionTo(agent: AgentDefinition, ours: Environment): string | undefined {
  const mode = permissionModeOf(agent, ours);
  const isOurs = ours.RAFT_MANAGER_CLAUDE_PERMISSION_MODE !== undefined;
  if (!isOurs && mode !== undefined && !MODES_OF_FILES.includes(mode)) {
    return `${agent.source.path} asks for the permission mode "${mode}", which only you may give: set RAFT_MANAGER_CLAUDE_PERMISSION_MODE=${mode} if you mean it`;
  }
  const bytes = Buffer.byteLength(agent.body);
  if (bytes <= MAX_INSTRUCTION_BYTES) return undefined;
  return `the instructions in ${agent.source.path} have ${bytes} bytes, and Claude Code can be given ${MAX_INSTRUCTION_BYTES}; move material into files that the agent reads`;
}
