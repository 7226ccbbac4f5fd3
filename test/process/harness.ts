import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** This repository. */
export const ROOT = resolve(import.meta.dirname, '../..');

/** The command as `npm run build` leaves it. */
export const MAIN = join(ROOT, 'dist/bin/main.js');
/** Nothing here takes so long; whoever waits longer waits for something that will not come. */
export const PATIENCE_MS = 110_000;
const LOOK_AGAIN_MS = 20;
/** Of each log, when a test failed: the end is what tells. */
const MAX_SHOWN_LOG = 4_000;

export interface Ended {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command that was started and may still be at work. */
export interface Command {
  readonly pid: number;
  /** What it has written so far. */
  stdout(): string;
  readonly ended: Promise<Ended>;
  signal(name: NodeJS.Signals): void;
}

/** A temporary folder in which commands are run, and everything that they leave behind. */
export interface Project {
  /** Where commands and tasks run. */
  readonly folder: string;
  /** The state folder that commands use unless told otherwise. */
  readonly state: string;
  /** Writes a file into the folder and returns its path. */
  write(name: string, text: string): string;
  read(name: string): string;
  /** Starts `raft-manager ARGS`. */
  start(args: readonly string[], place?: { readonly cwd: string }): Command;
  /** Runs it to its end. */
  run(args: readonly string[], place?: { readonly cwd: string }): Promise<Ended>;
  /** Live processes that this test has to answer for: commands, nodes, tasks, hooks. */
  processes(): readonly number[];
}

/**
 * Makes a project for the current test. At its end, passed or failed, no process and no file is left. `more`: what its
 * commands find in their environment besides.
 */
export function openProject(more: NodeJS.ProcessEnv = {}): Project {
  const folder = mkdtempSync(join(tmpdir(), 'raft-manager-test-'));
  const state = join(folder, 'state');
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
    TMPDIR: temporary,
    RAFT_MANAGER_DIR: state,
    RAFT_MANAGER_TRUST_DIR: join(folder, 'trust'),
    ...more,
  };
  const start: Project['start'] = (args, { cwd } = { cwd: folder }) =>
    follow(spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] }));
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(logsIn(folder));
    await killAll(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    state,
    start,
    run: (args, place) => start(args, place).ended,
    processes: () => processesOf(folder),
    read: (name) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : ''),
    write(name, text) {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
  };
}

/** What supervisors and instances have said, for whoever has to find out why a test failed. */
function logsIn(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const logs = files.filter((file) => file.endsWith('.log')).sort();
  return logs.map((file) => `--- ${file}\n${lastLines(join(folder, file))}`).join('\n');
}

function lastLines(path: string): string {
  return readFileSync(path, 'utf8').slice(-MAX_SHOWN_LOG);
}

function follow(child: ChildProcess): Command {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolveEnd, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolveEnd({ exitCode, stdout, stderr }));
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    ended,
    signal: (name) => {
      child.kill(name);
    },
  };
}

/** Waits until `look` finds something, and says what it was waiting for when it never does. */
export async function eventually<T>(
  what: string | (() => string),
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (const deadline = performance.now() + PATIENCE_MS; ; ) {
    const began = performance.now();
    const found = await look();
    if (found !== undefined && found !== false) return found;
    const now = performance.now();
    if (now > deadline) throw new Error(`waited in vain for: ${typeof what === 'string' ? what : what()}`);
    // A look that starts a process takes a processor from what is waited for.
    await delay(Math.max(LOOK_AGAIN_MS, now - began));
  }
}

/** Waits until the project has no process any more. */
export async function allGone(project: Project): Promise<void> {
  await eventually(
    () =>
      `the end of ${project
        .processes()
        .map((pid) => `${pid} (${procFile(pid, 'cmdline')})`)
        .join(', ')}`,
    () => project.processes().length === 0,
  );
}

async function killAll(folder: string): Promise<void> {
  await eventually('the processes of a test to be gone after SIGKILL', () => {
    const left = processesOf(folder);
    for (const pid of left) kill(pid, 'SIGKILL');
    return left.length === 0;
  });
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/**
 * Processes whose command line or environment names `folder`, which is unique to one test: whatever a
 * command started, however detached, inherits one or the other. Zombies have ended and do not count.
 */
function processesOf(folder: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    if (pid === process.pid) return false;
    const said = procFile(pid, 'cmdline') + procFile(pid, 'environ');
    return said.includes(folder) && !/^State:\s+[ZX]/m.test(procFile(pid, 'status'));
  });
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch (error) {
    if (isGone(error)) return '';
    throw error;
  }
}

/** The process ended before we looked, or is somebody else's. */
function isGone(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error)) return false;
  return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(String(error.code));
}
