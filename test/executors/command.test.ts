import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandExecutor } from '../../src/agents/executors/command.ts';
import type { Execution, ExecutionResult } from '../../src/agents/executors/port.ts';
import { MAX_OUTPUT_CHARS } from '../../src/protocol/limits.ts';
import { hearing, ownFolder, PATH } from '../shell/playground.ts';
import { executionOf } from './execution.ts';

function execute(run: string | undefined, changed: Partial<Execution> = {}): Promise<ExecutionResult> {
  return commandExecutor.execute(executionOf({ run, prompt: 'touch prompted', ...changed }));
}

describe('the executor "command"', () => {
  test.each([
    { run: 'echo done', end: { outcome: 'completed', exitCode: 0, reason: undefined, output: 'done\n' } },
    {
      run: 'echo no >&2; exit 3',
      end: { outcome: 'failed', exitCode: 3, reason: 'exit code 3', output: 'no\n' },
    },
    { run: 'false | true', end: { outcome: 'failed', exitCode: 1, reason: 'exit code 1', output: '' } },
    {
      run: 'kill -s TERM $$',
      end: { outcome: 'failed', exitCode: undefined, reason: 'ended by SIGTERM', output: '' },
    },
  ])('runs $run', async ({ run, end }) => {
    expect(await execute(run)).toEqual({ ...end, durationMs: expect.any(Number) });
  });

  test.each([
    { why: 'a command is its work', task: { id: 'roses', run: 'true' }, refusal: undefined },
    { why: 'an empty command does nothing, well', task: { id: 'roses', run: '' }, refusal: undefined },
    {
      why: 'a prompt is for a model',
      task: { id: 'roses', prompt: 'prune' },
      refusal: 'task roses has no run:, which the executor "command" needs',
    },
  ])('says beforehand what it cannot do: $why', ({ task, refusal }) => {
    expect(commandExecutor.refuse(task)).toBe(refusal);
  });

  test('says what it needs of a task without a command, and does not run the prompt', async () => {
    const cwd = ownFolder();
    expect(await execute(undefined, { cwd })).toMatchObject({
      outcome: 'failed',
      exitCode: undefined,
      reason: 'task roses has no run:, which the executor "command" needs',
    });
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('ends what takes too long', async () => {
    const end = await execute('sleep 1000', { timeoutMs: 50 });
    expect(end).toMatchObject({
      outcome: 'timed-out',
      exitCode: undefined,
      reason: 'did not end within 50 ms',
    });
  });

  test('ends what was taken away, and keeps what it said', async () => {
    const cwd = ownFolder();
    const controller = new AbortController();
    const { heard, onOutput } = hearing('begun');
    const running = execute('echo begun; sleep 1000; touch ended', {
      cwd,
      onOutput,
      signal: controller.signal,
    });
    await heard;
    controller.abort();
    expect(await running).toMatchObject({
      outcome: 'cancelled',
      exitCode: undefined,
      reason: 'the task was taken away',
      output: 'begun\n',
    });
    expect(existsSync(join(cwd, 'ended'))).toBe(false);
  });

  test('gives the environment and the folder, and nothing of our own', async () => {
    const cwd = ownFolder();
    const environment = { PATH, MODE: 'two words; $(touch canary)' };
    const { output } = await execute(`pwd -P; echo "$MODE"; echo "\${HOME:-no home}"`, { cwd, environment });
    expect(output).toBe(`${cwd}\n${environment.MODE}\nno home\n`);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('keeps the end of what was said, within the bound of an attempt', async () => {
    const { output } = await execute('seq 1 100000; echo the end; exit 1');
    expect(output.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
    expect(output).toMatch(/^\[\d+ characters before this are not kept\]\n/);
    expect(output.endsWith('100000\nthe end\n')).toBe(true);
  });

  test('says why a command could not start', async () => {
    const cwd = join(ownFolder(), 'gone');
    expect(await execute('true', { cwd })).toMatchObject({
      outcome: 'failed',
      exitCode: undefined,
      reason: expect.stringContaining(cwd),
    });
  });

  test('refuses an environment that no process can be given', async () => {
    await expect(execute('true', { environment: { PATH, MODE: 'a\0b' } })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });
});
