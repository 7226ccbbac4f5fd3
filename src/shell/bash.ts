import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { OutputTail } from './output.ts';

export interface BashRun {
  /** Handed to bash as a file: nothing is ever put into it. */
  readonly script: string;
  /** The whole environment of the process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: Millis;
  /** Aborting kills the process group. */
  readonly signal: AbortSignal;
  onOutput?(text: string): void;
}

export type BashEnd =
  | { readonly kind: 'exited'; readonly exitCode: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'could-not-start'; readonly reason: string };

export interface BashResult {
  readonly end: BashEnd;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they came. */
  readonly output: string;
  readonly durationMs: Millis;
}

/** Between SIGTERM and SIGKILL. */
const KILL_GRACE_MS = 500;
/** For what is still in the pipes when the process has ended; a daemon may hold them open for ever. */
const DRAIN_MS = 100;

/**
 * Runs a script with `bash -eu -o pipefail`, without profile or rc files, in a process group of its own.
 * The group does not outlive the script: what it left in the background is killed.
 *
 * @throws SwarmError BAD_INPUT when the environment holds a NUL, which no process can be given.
 */
export async function runBash(run: BashRun): Promise<BashResult> {
  for (const [name, value] of Object.entries(run.environment)) {
    if (name.includes('\0') || value.includes('\0')) {
      throw new SwarmError(
        'BAD_INPUT',
        `${name} holds a NUL character, which no environment can carry; remove it`,
      );
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'raft-manager-'));
  try {
    const file = join(folder, 'script.sh');
    await writeFile(file, run.script, { mode: 0o600 });
    return await spawnBash(run, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function spawnBash(run: BashRun, file: string): Promise<BashResult> {
  const begun = performance.now();
  const tails = { stdout: new OutputTail(), stderr: new OutputTail(), both: new OutputTail() };
  const child = execa('bash', ['--noprofile', '--norc', '-eu', '-o', 'pipefail', file], {
    cwd: run.cwd,
    env: run.environment,
    extendEnv: false,
    detached: true,
    stdin: 'ignore',
    buffer: false,
    reject: false,
  });
  const take = (tail: OutputTail, chunk: Uint8Array): void => {
    const text = tail.add(chunk);
    tails.both.add(chunk);
    if (text !== '') run.onOutput?.(text);
  };
  child.stdout.on('data', (chunk: Uint8Array) => take(tails.stdout, chunk));
  child.stderr.on('data', (chunk: Uint8Array) => take(tails.stderr, chunk));

  const end = await settle(run, child);
  return {
    end,
    stdout: tails.stdout.text,
    stderr: tails.stderr.text,
    output: tails.both.text,
    durationMs: Math.round(performance.now() - begun),
  };
}

/** The part of a child process that its end is read from. */
interface Child
  extends PromiseLike<{ readonly failed: boolean; readonly shortMessage?: string | undefined }> {
  readonly pid?: number | undefined;
  readonly stdout: NodeJS.ReadableStream & { destroy(): void };
  readonly stderr: NodeJS.ReadableStream & { destroy(): void };
  once(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
}

async function settle(run: BashRun, child: Child): Promise<BashEnd> {
  const { pid } = child;
  if (pid === undefined) {
    const { shortMessage = 'bash cannot be started' } = await child;
    return { kind: 'could-not-start', reason: shortMessage };
  }
  let cause: 'timed-out' | 'cancelled' | undefined;
  let killer: NodeJS.Timeout | undefined;
  const stop = (why: 'timed-out' | 'cancelled'): void => {
    cause ??= why;
    signalGroup(pid, 'SIGTERM');
    killer ??= setTimeout(() => signalGroup(pid, 'SIGKILL'), KILL_GRACE_MS);
  };
  const onAbort = (): void => stop('cancelled');
  const timeout = setTimeout(() => stop('timed-out'), run.timeoutMs);
  run.signal.addEventListener('abort', onAbort);
  if (run.signal.aborted) onAbort();

  const exit = await new Promise<BashEnd>((resolve) => {
    child.once('exit', (code, signal) => {
      if (code !== null) resolve({ kind: 'exited', exitCode: code });
      else resolve({ kind: 'signalled', signal: signal ?? 'unknown' });
    });
  });
  clearTimeout(timeout);
  clearTimeout(killer);
  run.signal.removeEventListener('abort', onAbort);
  signalGroup(pid, 'SIGKILL');
  await drain(child);
  return cause === undefined ? exit : { kind: cause };
}

/** Reads on until both pipes are empty, but not for longer than it takes. */
async function drain(child: Child): Promise<void> {
  const late = setTimeout(() => {
    child.stdout.destroy();
    child.stderr.destroy();
  }, DRAIN_MS);
  await child;
  clearTimeout(late);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nobody of the group is left, which is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
