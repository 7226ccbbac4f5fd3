import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type BashRun, runBash } from '../../src/shell/bash.ts';
import type { ProgramResult } from '../../src/shell/program.ts';

/** A folder that goes with the test. */
export function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'raft-manager-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const PATH = '/usr/local/bin:/usr/bin:/bin';

/** Runs a script with nothing but a PATH, in `/`, for as long as it takes. */
export function bash(script: string, changed: Partial<BashRun> = {}): Promise<ProgramResult> {
  return runBash({
    script,
    environment: { PATH },
    cwd: '/',
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    ...changed,
  });
}

/** Resolves once the output holds `word`; the script says so when it has come to a point. */
export function hearing(word: string): { readonly heard: Promise<void>; onOutput(text: string): void } {
  let said = '';
  let tell: () => void = () => undefined;
  const heard = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return {
    heard,
    onOutput(text) {
      said += text;
      if (said.includes(word)) tell();
    },
  };
}

/** Live processes whose environment holds `mark`; a zombie has ended. */
export function processesWith(mark: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readIfThere(`/proc/${pid}/environ`).includes(mark))
    .filter((pid) => !/^\d+ \(.*\) [ZX] /s.test(readIfThere(`/proc/${pid}/stat`)))
    .map(Number);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Gone by now, or somebody else's.
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return '';
    throw error;
  }
}

/** The first number that `output` names behind `label=`. */
export function numberIn(output: string, label: string): number {
  const found = new RegExp(`${label}=(\\d+)`).exec(output)?.[1];
  if (found === undefined) throw new Error(`no ${label}= in ${JSON.stringify(output)}`);
  return Number(found);
}
