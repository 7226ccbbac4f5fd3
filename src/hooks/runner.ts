import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Millis } from '../protocol/ids.ts';
import { runBash } from '../shell/bash.ts';
import { failureOf } from '../shell/failure.ts';
import { OutputTail } from '../shell/output.ts';
import type { HookEnvironment } from './environment.ts';

export type HookPhase = 'pre' | 'post';

export interface HookRun {
  readonly phase: HookPhase;
  /** Run one after the other until one fails; each in a shell of its own. */
  readonly scripts: readonly string[];
  readonly environment: HookEnvironment;
  readonly cwd: string;
  /** Of all scripts together; default 30 s. */
  readonly timeoutMs?: Millis;
  readonly signal: AbortSignal;
  onOutput?(text: string): void;
}

/** What the hooks of one phase did. */
export interface HookReport {
  readonly phase: HookPhase;
  /** SHA-256, hexadecimal, of each script that was begun, in order: what ran, without its text. */
  readonly scriptHashes: readonly string[];
  readonly outcome: 'succeeded' | 'failed' | 'timed-out' | 'cancelled';
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: Millis;
  /** In words, when it did not succeed. */
  readonly reason: string | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Runs the hooks of one phase. Does not ask whether it may: see `trust`. */
export async function runHook(run: HookRun): Promise<HookReport> {
  const { taskFile, variables } = run.environment;
  if (taskFile === undefined) return runScripts(run, variables);
  const folder = await mkdtemp(join(resolve(tmpdir()), 'raft-manager-task-'));
  try {
    const file = join(folder, 'task.txt');
    await writeFile(file, taskFile, { mode: 0o600 });
    return await runScripts(run, { ...variables, TASK_FILE: file });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runScripts(run: HookRun, environment: Readonly<Record<string, string>>): Promise<HookReport> {
  const { phase, scripts, cwd, signal, onOutput, timeoutMs = DEFAULT_TIMEOUT_MS } = run;
  const begun = performance.now();
  const stdout = new OutputTail();
  const stderr = new OutputTail();
  const scriptHashes: string[] = [];
  const report = (verdict: Verdict): HookReport => ({
    phase,
    ...verdict,
    scriptHashes,
    stdout: stdout.text,
    stderr: stderr.text,
    durationMs: Math.round(performance.now() - begun),
  });
  for (const script of scripts) {
    scriptHashes.push(createHash('sha256').update(script).digest('hex'));
    const left = Math.max(1, timeoutMs - (performance.now() - begun));
    const result = await runBash({
      script,
      environment,
      cwd,
      signal,
      timeoutMs: left,
      ...(onOutput === undefined ? {} : { onOutput }),
    });
    stdout.add(result.stdout);
    stderr.add(result.stderr);
    const failure = failureOf(result.end, timeoutMs);
    if (failure !== undefined) return report(failure);
  }
  return report(SUCCEEDED);
}

type Verdict = Pick<HookReport, 'outcome' | 'exitCode' | 'reason'>;

const SUCCEEDED: Verdict = { outcome: 'succeeded', exitCode: 0, reason: undefined };
