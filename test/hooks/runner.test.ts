import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAX_OUTPUT_CHARS } from '../../src/protocol/limits.ts';
import { hearing, ownFolder } from '../shell/playground.ts';
import { hook } from './hook-runs.ts';

describe('the scripts of one phase', () => {
  test('run one after the other, each in a shell of its own', async () => {
    const { outcome, exitCode, reason, stdout, stderr } = await hook([
      'x=1; cd /usr; echo one',
      `pwd; echo "\${x:-gone}" >&2`,
    ]);
    expect({ outcome, exitCode, reason }).toEqual({ outcome: 'succeeded', exitCode: 0, reason: undefined });
    expect({ stdout, stderr }).toEqual({ stdout: 'one\n/\n', stderr: 'gone\n' });
  });

  test('end with the first that fails, and say how', async () => {
    const cwd = ownFolder();
    const report = await hook(['echo one', 'echo two; exit 3', 'touch three'], { cwd });
    expect(report).toMatchObject({ phase: 'pre', outcome: 'failed', exitCode: 3, reason: 'exit code 3' });
    expect(report.stdout).toBe('one\ntwo\n');
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('succeed when there is none', async () => {
    expect(await hook([])).toMatchObject({
      outcome: 'succeeded',
      exitCode: 0,
      scriptHashes: [],
      stdout: '',
      stderr: '',
    });
  });

  test('are told by their hashes, as far as they were begun', async () => {
    const { scriptHashes } = await hook(['echo "ß 🗳"\n', 'exit 3', 'true']);
    expect(scriptHashes).toEqual(
      ['echo "ß 🗳"\n', 'exit 3'].map((script) => createHash('sha256').update(script).digest('hex')),
    );
  });

  test('share one bound of output', async () => {
    const { stdout } = await hook(['seq 1 30000', 'seq 1 30000; echo last']);
    expect(stdout.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
    expect(stdout.endsWith('30000\nlast\n')).toBe(true);
  });

  test('share one time-out', async () => {
    const cwd = ownFolder();
    // Neither of the two takes longer than is allowed, both together do.
    const report = await hook(['sleep 0.6', 'sleep 0.6', 'touch three'], { cwd, timeoutMs: 1_000 });
    expect(report).toMatchObject({
      outcome: 'timed-out',
      exitCode: undefined,
      reason: 'did not end within 1000 ms',
    });
    expect(existsSync(join(cwd, 'three'))).toBe(false);
  });

  test('say that they were ended by a signal', async () => {
    const report = await hook('kill -s KILL $$');
    expect(report).toMatchObject({ outcome: 'failed', exitCode: undefined, reason: 'ended by SIGKILL' });
  });

  test('say why they could not start', async () => {
    const cwd = join(ownFolder(), 'gone');
    const report = await hook('true', { cwd });
    expect(report).toMatchObject({
      outcome: 'failed',
      exitCode: undefined,
      reason: expect.stringContaining(cwd),
    });
  });

  test('end with the task, and none follows', async () => {
    const cwd = ownFolder();
    const controller = new AbortController();
    const { heard, onOutput } = hearing('ready');
    const running = hook(['echo ready; sleep 1000', 'touch two'], {
      cwd,
      onOutput,
      signal: controller.signal,
    });
    await heard;
    controller.abort();
    expect(await running).toMatchObject({ outcome: 'cancelled', reason: 'the task was taken away' });
    expect(readdirSync(cwd)).toEqual([]);
  });
});
