import { SwarmError } from '../protocol/errors.ts';

/** What a hook is told about the task and the swarm; each becomes a variable of its name. */
export interface HookContext {
  readonly TASK: string;
  readonly TASK_ID: string;
  readonly AGENT_ID: string;
  readonly AGENT_NAME: string;
  readonly SWARM_ID: string;
  readonly SESSION_ID: string;
  readonly RAFT_TERM: string;
  readonly RAFT_LEADER: string;
  readonly RAFT_ROLE: string;
  readonly FENCE: string;
  /** Folder of this swarm: by it the commands of a hook speak of the swarm that runs it, and of no other. */
  readonly RAFT_MANAGER_DIR: string;
  /** `true` or `false`; only around a `post` hook. */
  readonly SUCCESS?: 'true' | 'false';
}

/** A single variable may be no longer than 128 KiB on Linux; the rest of the environment needs room too. */
const MAX_TASK_BYTES = 96 * 1024;

/** Passed on from our own environment. */
const INHERITED = ['HOME', 'LANG', 'TERM'] as const;

/** Names that make bash or the loader run something that the script does not say, or take back its `-eu`. */
const RUNS_BEFORE_SCRIPT =
  /^(BASH_ENV|ENV|BASH_FUNC_.*|SHELLOPTS|BASHOPTS|PS4|PROMPT_COMMAND|LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES)$/;

/** Names that make the programs a script calls load something else: ours are nobody's business. */
const RUNS_IN_PROGRAMS = /^(LD_.*|DYLD_.*|NODE_OPTIONS|PERL5OPT|PYTHONSTARTUP|RUBYOPT|GIT_SSH_COMMAND)$/;

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The inherited part of a child's environment: PATH without relative entries, which would run programs of
 * the current folder; HOME, LANG, TERM; and what `named` asks for, as long as it cannot run code by itself.
 */
export function inheritedEnvironment(
  from: Environment,
  named: readonly string[] = [],
): Record<string, string> {
  const environment: Record<string, string> = { PATH: absolutePath(from.PATH) };
  for (const name of [...INHERITED, ...named]) {
    const value = from[name];
    if (value !== undefined && mayBeInherited(name)) environment[name] = value;
  }
  return environment;
}

function absolutePath(path: string | undefined): string {
  const entries = (path ?? '').split(':').filter((entry) => entry.startsWith('/'));
  return entries.length > 0 ? entries.join(':') : '/usr/local/bin:/usr/bin:/bin';
}

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * True when a task's own variables may be called so: a plain name, and none that runs code before the first
 * line of `run`. What the programs of a task are told (`NODE_OPTIONS`) is for the one who wrote it to say.
 */
export function mayBeSet(name: string): boolean {
  return VARIABLE_NAME.test(name) && !RUNS_BEFORE_SCRIPT.test(name);
}

function mayBeInherited(name: string): boolean {
  return mayBeSet(name) && !RUNS_IN_PROGRAMS.test(name);
}

export interface HookEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** The whole task text, when it is too long for a variable: goes to a file named by `TASK_FILE`. */
  readonly taskFile: string | undefined;
}

/**
 * The whole environment of a hook.
 *
 * @throws SwarmError BAD_INPUT when the task holds a NUL character.
 */
export function hookEnvironment(
  context: HookContext,
  inherited: Readonly<Record<string, string>>,
): HookEnvironment {
  if (context.TASK.includes('\0')) {
    throw new SwarmError(
      'BAD_INPUT',
      `the text of task ${context.TASK_ID} holds a NUL character, which no environment can carry; remove it`,
    );
  }
  const bytes = Buffer.from(context.TASK, 'utf8');
  const isLong = bytes.length > MAX_TASK_BYTES;
  const TASK = isLong ? wholeCharacters(bytes.subarray(0, MAX_TASK_BYTES)) : context.TASK;
  return { variables: { ...inherited, ...context, TASK }, taskFile: isLong ? context.TASK : undefined };
}

/** The text of `bytes` without the character that the cut went through. */
function wholeCharacters(bytes: Buffer): string {
  let end = bytes.length;
  // UTF-8: continuation bytes are 10xxxxxx; step back over them to the byte that leads.
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  const lead = bytes[end - 1] ?? 0;
  const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const isWhole = end - 1 + length === bytes.length;
  return bytes.subarray(0, isWhole ? bytes.length : end - 1).toString('utf8');
}
