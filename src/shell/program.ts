import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { OutputTail } from './output.ts';
import { groupEnd, signalGroup } from './process-group.ts';

export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  /** Written to standard input, which is closed then; absent: standard input is empty. */
  readonly input?: string;
  /** The whole environment of the process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: Millis;
  /** Aborting kills the process group. */
  readonly signal: AbortSignal;
  /** What comes on either stream. */
  onOutput?(text: string): void;
  /** What comes on standard output alone. */
  onStdout?(text: string): void;
}

export type ProgramEnd =
  | { readonly kind: 'exited'; readonly exitCode: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'could-not-start'; readonly reason: string };

export interface ProgramResult {
  readonly end: ProgramEnd;
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

/** Hears of each group that begins and ends. */
type GroupListener = (pid: number, change: 'begun' | 'ended') => void;
let guardian: GroupListener | undefined;

/** Tells `listener` which groups are at work, so that somebody can end them who outlives a SIGKILL of ours. */
export function reportGroups(listener: GroupListener): void {
  guardian = listener;
}

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
 * Runs a program in a process group of its own. The group does not outlive it: what it left in the background is killed.
 *
 * @throws SwarmError BAD_INPUT when the environment cannot be given to any process.
 */
export async function runProgram(run: ProgramRun): Promise<ProgramResult> {
  checkEnvironment(run.environment);
  // Reading it takes a node longer than anything else it needs for its start: a swarm would be up later by so much.
  const { execa } = await import('execa');
  // Not even its first line may run when nobody wants it any more.
  if (run.signal.aborted) return NEVER_STARTED;
  const begun = performance.now();
  const child = execa(run.program, run.args, {
    cwd: run.cwd,
    env: run.environment,
    extendEnv: false,
    detached: true,
    stdin: run.input === undefined ? 'ignore' : 'pipe',
    buffer: false,
    reject: false,
  });
  if (run.input !== undefined) feed(child.stdin, run.input);
  const hearing = listen(child, run);
  const end = await settle(run, child, hearing);
  const { stdout, stderr, output } = hearing.all();
  return { end, stdout, stderr, output, durationMs: Math.round(performance.now() - begun) };
}

/** It may end without having read all, or anything: that is its own affair. */
function feed(stdin: NodeJS.WritableStream | null | undefined, input: string): void {
  stdin?.on('error', () => undefined);
  stdin?.end(input);
}

const NEVER_STARTED: ProgramResult = {
  end: { kind: 'cancelled' },
  stdout: '',
  stderr: '',
  output: '',
  durationMs: 0,
};

function checkEnvironment(environment: ProgramRun['environment']): void {
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

interface Hearing {
  /** Chunks that have come so far. */
  readonly chunks: number;
  all(): Pick<ProgramResult, 'stdout' | 'stderr' | 'output'>;
}

function listen({ stdout, stderr }: Child, run: Pick<ProgramRun, 'onOutput' | 'onStdout'>): Hearing {
  const both = new OutputTail();
  let chunks = 0;
  const listenTo = (stream: Child['stdout'], onText?: (text: string) => void): { all(): string } => {
    // One for each stream: a character that is cut in two continues in its own.
    const decoder = new StringDecoder('utf8');
    const tail = new OutputTail();
    const take = (text: string): void => {
      if (text === '') return;
      tail.add(text);
      both.add(text);
      onText?.(text);
      run.onOutput?.(text);
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
  const [out, err] = [listenTo(stdout, (text) => run.onStdout?.(text)), listenTo(stderr)];
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

async function settle(run: ProgramRun, child: Child, hearing: Hearing): Promise<ProgramEnd> {
  const { pid } = child;
  if (pid === undefined) {
    const { shortMessage = `${run.program} cannot be started` } = await child;
    return { kind: 'could-not-start', reason: shortMessage };
  }
  groups.add(pid);
  guardian?.(pid, 'begun');
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
  guardian?.(pid, 'ended');
  await drain(child, hearing);
  return stopped === undefined ? exit : { kind: stopped.kind };
}

function exitOf(child: Child): Promise<ProgramEnd> {
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
