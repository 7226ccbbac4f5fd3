import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { execa } from 'execa';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { OutputTail } from './output.ts';
import { groupEnd, signalGroup } from './process-group.ts';

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

/** Leaders of the groups at work now. */
const groups = new Set<number>();

// Groups are detached so that they can be killed as a whole, which also lets them outlive us: they must not.
process.on('exit', () => {
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
});

/** From SIGTERM to SIGKILL, for the whole group: `git` removes its lock files in this time. */
const KILL_GRACE_MS = 500;
/**
 * For what runs on when the script has ended by itself: the `tee` behind `exec > >(tee log)` is not done yet. Not less:
 * with four busy loops on two cores, 100 ms lose the last line once in 300 runs.
 */
const LEFTOVER_GRACE_MS = 500;
/** Without a word from the pipes for this long, their last reader may go: a daemon can hold them open for ever. */
const QUIET_MS = 100;
/** A daemon that goes on talking is not listened to for longer than this many times `QUIET_MS`. */
const MAX_DRAIN_ROUNDS = 20;

/**
 * Runs a script with `bash -eu -o pipefail`, without profile or rc files, in a process group of its own.
 * The group does not outlive the script: what it left in the background is killed.
 *
 * @throws SwarmError BAD_INPUT when the environment cannot be given to any process.
 */
export async function runBash(run: BashRun): Promise<BashResult> {
  checkEnvironment(run.environment);
  const folder = await mkdtemp(join(resolve(tmpdir()), 'raft-manager-'));
  try {
    const file = join(folder, 'script.sh');
    await writeFile(file, run.script, { mode: 0o600 });
    return await spawnBash(run, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const NEVER_STARTED: BashResult = {
  end: { kind: 'cancelled' },
  stdout: '',
  stderr: '',
  output: '',
  durationMs: 0,
};

function checkEnvironment(environment: BashRun['environment']): void {
  for (const [name, value] of Object.entries(environment)) {
    // `BASH_ENV=/some/file` as a name would set another variable than it says.
    if (name === '' || name.includes('=')) {
      throw new SwarmError('BAD_INPUT', `"${name}" cannot name a variable; use letters, digits and "_"`);
    }
    if (name.includes('\0') || value.includes('\0')) {
      throw new SwarmError(
        'BAD_INPUT',
        `${name} holds a NUL character, which no environment can carry; remove it`,
      );
    }
  }
}

async function spawnBash(run: BashRun, file: string): Promise<BashResult> {
  // Not even its first line may run when nobody wants it any more.
  if (run.signal.aborted) return NEVER_STARTED;
  const begun = performance.now();
  const child = execa('bash', ['--noprofile', '--norc', '-eu', '-o', 'pipefail', file], {
    cwd: run.cwd,
    env: run.environment,
    extendEnv: false,
    detached: true,
    stdin: 'ignore',
    buffer: false,
    reject: false,
  });
  const hearing = listen(child, run.onOutput);
  const end = await settle(run, child, hearing);
  const { stdout, stderr, output } = hearing.all();
  return { end, stdout, stderr, output, durationMs: Math.round(performance.now() - begun) };
}

interface Hearing {
  /** Chunks that have come so far. */
  readonly chunks: number;
  all(): Pick<BashResult, 'stdout' | 'stderr' | 'output'>;
}

function listen({ stdout, stderr }: Child, onOutput: BashRun['onOutput']): Hearing {
  const both = new OutputTail();
  let chunks = 0;
  const listenTo = (stream: Child['stdout']): { all(): string } => {
    // One for each stream: a character that is cut in two continues in its own.
    const decoder = new StringDecoder('utf8');
    const tail = new OutputTail();
    const take = (text: string): void => {
      if (text === '') return;
      tail.add(text);
      both.add(text);
      onOutput?.(text);
    };
    stream.on('data', (chunk: Buffer) => {
      chunks += 1;
      take(decoder.write(chunk));
    });
    return {
      all: () => {
        take(decoder.end());
        return tail.text;
      },
    };
  };
  const [out, err] = [listenTo(stdout), listenTo(stderr)];
  return {
    get chunks() {
      return chunks;
    },
    all: () => ({ stdout: out.all(), stderr: err.all(), output: both.text }),
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

async function settle(run: BashRun, child: Child, hearing: Hearing): Promise<BashEnd> {
  const { pid } = child;
  if (pid === undefined) {
    const { shortMessage = 'bash cannot be started' } = await child;
    return { kind: 'could-not-start', reason: shortMessage };
  }
  groups.add(pid);
  let stopped: { readonly kind: 'timed-out' | 'cancelled'; readonly at: Millis } | undefined;
  let killer: NodeJS.Timeout | undefined;
  const stop = (kind: 'timed-out' | 'cancelled'): void => {
    if (stopped !== undefined) return;
    stopped = { kind, at: performance.now() };
    signalGroup(pid, 'SIGTERM');
    killer = setTimeout(() => signalGroup(pid, 'SIGKILL'), KILL_GRACE_MS);
  };
  const onAbort = (): void => stop('cancelled');
  const timeout = setTimeout(() => stop('timed-out'), run.timeoutMs);
  run.signal.addEventListener('abort', onAbort);

  const exit = await exitOf(child);
  clearTimeout(timeout);
  clearTimeout(killer);
  run.signal.removeEventListener('abort', onAbort);
  // The script is gone; others of its group may be busy with their end.
  const grace = stopped === undefined ? LEFTOVER_GRACE_MS : stopped.at + KILL_GRACE_MS - performance.now();
  await groupEnd(pid, grace);
  signalGroup(pid, 'SIGKILL');
  groups.delete(pid);
  await drain(child, hearing);
  return stopped === undefined ? exit : { kind: stopped.kind };
}

function exitOf(child: Child): Promise<BashEnd> {
  return new Promise((done) => {
    child.once('exit', (code, signal) => {
      if (code !== null) done({ kind: 'exited', exitCode: code });
      else done({ kind: 'signalled', signal: signal ?? 'unknown' });
    });
  });
}

/** Reads both pipes to their end, or until nothing more is to be expected from who holds them open. */
async function drain(child: Child, hearing: Hearing): Promise<void> {
  const over = new AbortController();
  const end = child.then(() => over.abort());
  for (let round = 0, heard = -1; round < MAX_DRAIN_ROUNDS && heard !== hearing.chunks; round += 1) {
    heard = hearing.chunks;
    await pause(over.signal);
    if (over.signal.aborted) return;
  }
  child.stdout.destroy();
  child.stderr.destroy();
  await end;
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await delay(QUIET_MS, undefined, { signal });
    // After a long turn of somebody else the timer is due before the pipes have been looked at.
    await turn();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
