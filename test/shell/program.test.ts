import { describe, expect, onTestFinished, test } from 'vitest';
import { type ProgramResult, type ProgramRun, runProgram } from '../../src/shell/program.ts';
import { numberIn, PATH } from './playground.ts';

/** More than a pipe holds. */
const MUCH = 'x'.repeat(1_000_000);

function sh(script: string, changed: Partial<ProgramRun> = {}): Promise<ProgramResult> {
  return runProgram({
    program: 'sh',
    args: ['-c', script, 'sh'],
    environment: { PATH },
    cwd: '/',
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    ...changed,
  });
}

describe('a program', () => {
  test('gets its arguments as they are', async () => {
    const args = ['%s\n', '$HOME', 'two words', '--flag=`id`', ''];
    const { stdout } = await sh('', { program: 'printf', args });
    expect(stdout).toBe('$HOME\ntwo words\n--flag=`id`\n\n');
  });

  test.each([
    { why: 'all of it', script: 'wc -c', input: MUCH, said: '1000000\n' },
    { why: 'text as UTF-8', script: 'cat', input: 'größer\n', said: 'größer\n' },
    { why: 'nothing, and its end', script: 'cat; echo end', input: '', said: 'end\n' },
    { why: 'no input at all', script: 'cat; echo end', input: undefined, said: 'end\n' },
    { why: 'it need not read it', script: 'echo done', input: MUCH, said: 'done\n' },
    { why: 'it may close it', script: 'exec <&-; echo done', input: MUCH, said: 'done\n' },
  ])('reads its input: $why', async ({ script, input, said }) => {
    const { end, stdout } = await sh(script, input === undefined ? {} : { input });
    expect({ end, stdout }).toEqual({ end: { kind: 'exited', exitCode: 0 }, stdout: said });
  });

  test('is not waited for by who took its input along, and does not read it', async () => {
    const { end, stdout } = await sh('setsid sleep 1000 <&0 >&- 2>&- & echo pid=$!', { input: MUCH });
    const pid = numberIn(stdout, 'pid');
    onTestFinished(() => {
      process.kill(pid, 'SIGKILL');
    });
    expect(end).toEqual({ kind: 'exited', exitCode: 0 });
  });

  test('is heard on both streams, and on standard output alone', async () => {
    let [both, out] = ['', ''];
    await sh('echo out; echo err >&2', {
      onOutput: (text) => {
        both += text;
      },
      onStdout: (text) => {
        out += text;
      },
    });
    expect(out).toBe('out\n');
    expect(both.split('\n').sort()).toEqual(['', 'err', 'out']);
  });

  test('that is not there is named', async () => {
    const { end } = await sh('', { program: '/nowhere/claude' });
    expect(end).toEqual({ kind: 'could-not-start', reason: expect.stringContaining('/nowhere/claude') });
  });
});
