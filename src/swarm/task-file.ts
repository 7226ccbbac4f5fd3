import { closeSync, openSync, readSync } from 'node:fs';
import type { Executor } from '../agents/executors/port.ts';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_TASK_FILE_BYTES, MAX_TASK_FILE_PROBLEMS } from '../protocol/limits.ts';
import type { TaskSpec } from '../tasks/command.ts';
import { type Place, type Problem, readDocument } from './task-file/document.ts';
import { type Placed, type PlacedTask, readTasks } from './task-file/fields.ts';
import { checkGraph } from './task-file/graph.ts';
import { quoted, suggestion } from './task-file/words.ts';

/** The tasks of a file that is sound in itself. */
export interface TaskFile {
  readonly tasks: readonly TaskSpec[];
  /** For messages about what the file cannot know: see `checkCapabilities` and `checkWork`. */
  readonly origin: Origin;
}

interface Origin {
  readonly name: string;
  readonly tasks: readonly PlacedTask[];
  place(at: number): Place;
}

/** How many problems one message lists. */
const MAX_TOLD = 20;

/**
 * Reads a task file, YAML or JSON. The path may also be a pipe.
 *
 * @throws SwarmError `BAD_INPUT`: each line of the message is `file:line:column: what is wrong and what to
 * do`, one for every problem found; `details.problems` has them in parts.
 */
export function readTaskFile(path: string): TaskFile {
  const bytes = readBounded(path);
  if (bytes.byteLength > MAX_TASK_FILE_BYTES) {
    throw unreadable(
      path,
      `larger than the ${MAX_TASK_FILE_BYTES} bytes that are allowed; split it into several runs`,
    );
  }
  return parseTaskFile(path, decoded(path, bytes));
}

/**
 * Reads the text of a task file; `name` is what messages call it.
 *
 * @throws SwarmError `BAD_INPUT`, see `readTaskFile`.
 */
export function parseTaskFile(name: string, text: string): TaskFile {
  const { root, problems: faults, place } = readDocument(text);
  const problems = [...faults];
  // Half a tree would only add complaints about what is not there.
  const tasks = root.kind === 'empty' && faults.length > 0 ? [] : readTasks(root, problems);
  checkGraph(tasks, place, problems);
  const origin: Origin = { name, tasks, place };
  refuse(origin, problems);
  return { tasks: tasks.map(({ spec }) => spec), origin };
}

/** As much of an instance as the check needs. */
interface CapableInstance {
  readonly id: string;
  readonly capabilities: readonly string[];
}

/**
 * Makes sure that every task can be done by one of `instances`, each taken alone.
 *
 * @throws SwarmError `BAD_INPUT`, see `readTaskFile`.
 */
export function checkCapabilities({ origin }: TaskFile, instances: readonly CapableInstance[]): void {
  const known = [...new Set(instances.flatMap(({ capabilities }) => capabilities))];
  const problems = origin.tasks.flatMap(({ spec, at, requires }): Problem[] => {
    const missing = requires.filter(({ text }) => !known.includes(text));
    if (missing.length > 0) return missing.map((name) => unknownCapability(spec.id, name, known));
    const isPossible = instances.some(({ capabilities }) =>
      spec.requires.every((name) => capabilities.includes(name)),
    );
    return isPossible ? [] : [{ at, message: noneHasAll(spec) }];
  });
  refuse(origin, problems);
}

/**
 * Makes sure that the executor can do every task.
 *
 * @throws SwarmError `BAD_INPUT`, see `readTaskFile`.
 */
export function checkWork({ origin }: TaskFile, executor: Pick<Executor, 'name' | 'refuse'>): void {
  const problems = origin.tasks.flatMap(({ spec, at }) => {
    const message = executor.refuse(spec);
    if (message === undefined) return [];
    return {
      at,
      message: spec.run === undefined && executor.name === 'command' ? lacksRun(spec.id) : message,
    };
  });
  refuse(origin, problems);
}

function lacksRun(id: string): string {
  return `task ${quoted(id)} has no \`run\`, which the executor command needs; add a shell command, or choose an --executor for prompts`;
}

function unknownCapability(id: string, { text, at }: Placed, known: readonly string[]): Problem {
  const message = `task ${quoted(id)} requires ${quoted(text)}, which no agent of this swarm can do; ${suggestion(text, known)}`;
  return { at, message };
}

function noneHasAll(spec: TaskSpec): string {
  const names = spec.requires.map(quoted).join(', ');
  return `no single agent of this swarm has all that task ${quoted(spec.id)} requires (${names}); split the task, or add an agent`;
}

function refuse(origin: Pick<Origin, 'name' | 'place'>, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const placed = [...problems]
    .sort((a, b) => a.at - b.at)
    .map(({ at, message }) => ({ ...origin.place(at), message }));
  const lines = placed
    .slice(0, MAX_TOLD)
    .map(({ line, column, message }) => `${origin.name}:${line}:${column}: ${message}`);
  const more = placed.length - lines.length;
  const least = placed.length < MAX_TASK_FILE_PROBLEMS ? '' : 'at least ';
  if (more > 0) lines.push(`${origin.name}: and ${least}${more} more problems`);
  throw new SwarmError('BAD_INPUT', lines.join('\n'), { file: origin.name, problems: placed });
}

/** Reads one byte more than is allowed at most: a pipe has no size that one could ask for before. */
function readBounded(path: string): Uint8Array {
  const buffer = new Uint8Array(MAX_TASK_FILE_BYTES + 1);
  let length = 0;
  try {
    const file = openSync(path, 'r');
    try {
      for (let read = -1; read !== 0 && length < buffer.byteLength; length += read) {
        read = readSync(file, buffer, length, buffer.byteLength - length, null);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unreadable(path, reasonOf(error));
  }
  return buffer.subarray(0, length);
}

function decoded(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    // The one way in which the platform says it.
    if (!(error instanceof TypeError)) throw error;
    throw unreadable(path, 'not UTF-8 text; save it as UTF-8, or give the path of a task file');
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const told = REASONS[code];
  return told ?? `cannot be read (${error instanceof Error ? error.message : String(error)})`;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file; give the path of a task file',
  ENOTDIR: 'no such file; a part of its path is not a folder',
  EISDIR: 'a folder; give the path of a task file',
  EACCES: 'may not be read by you; check its permissions',
};

function unreadable(path: string, reason: string): SwarmError {
  return new SwarmError('BAD_INPUT', `${path}: ${reason}`, { file: path });
}
