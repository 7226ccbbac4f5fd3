import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ProgramResult, type ProgramRun, runProgram } from './program.ts';

export interface BashRun
  extends Pick<ProgramRun, 'environment' | 'cwd' | 'timeoutMs' | 'signal' | 'onOutput'> {
  /** Handed to bash as a file: nothing is ever put into it. */
  readonly script: string;
}

/**
 * Runs a script with `bash -eu -o pipefail`, without profile or rc files, as `runProgram` runs a program.
 *
 * @throws SwarmError BAD_INPUT when the environment cannot be given to any process.
 */
export async function runBash(run: BashRun): Promise<ProgramResult> {
  const folder = await mkdtemp(join(resolve(tmpdir()), 'raft-manager-'));
  try {
    const file = join(folder, 'script.sh');
    await writeFile(file, run.script, { mode: 0o600 });
    return await runProgram({
      program: 'bash',
      args: ['--noprofile', '--norc', '-eu', '-o', 'pipefail', file],
      environment: run.environment,
      cwd: run.cwd,
      timeoutMs: run.timeoutMs,
      signal: run.signal,
      ...(run.onOutput === undefined ? {} : { onOutput: run.onOutput }),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
