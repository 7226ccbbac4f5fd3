import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from './harness.ts';
import { latestWords, openModel } from './model-by-rule.ts';

/** Runs an example as its first lines say, but for the package runner; afterwards nothing may be left of it. */
async function runExample(name: string, env: NodeJS.ProcessEnv = {}) {
  const temporary = mkdtempSync(join(tmpdir(), 'raft-manager-test-'));
  onTestFinished(() => rmSync(temporary, { recursive: true, force: true }));
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', `examples/${name}.ts`], {
    cwd: ROOT,
    env: { PATH, HOME, TMPDIR: temporary, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  const exitCode = await ended;
  const left = readdirSync(temporary).filter((file) => file.startsWith('raft-manager'));
  return {
    exitCode,
    lines: stdout.toString('utf8').trim().split('\n'),
    stderr: stderr.toString('utf8'),
    left,
  };
}

const WELL = { exitCode: 0, stderr: '', left: [] };

test('in-process-swarm: the coordinator leaves, and every task is done once', async () => {
  const { lines, ...end } = await runExample('in-process-swarm');
  expect(end).toEqual(WELL);
  expect(lines[0]).toMatch(/^raft-manager-\d has left; \S+ coordinates in term \d+$/);
  const rows = lines.slice(1).map((line) => /^(row-\d+) completed: Row \d+ is watered/.exec(line)?.[1]);
  expect(rows).toEqual(Array.from({ length: 12 }, (_, at) => `row-${at + 1}`));
});

test('custom-executor: scripts go to one instance, prompts to the one that does them', async () => {
  const { lines, ...end } = await runExample('custom-executor');
  expect(end).toEqual(WELL);
  expect(lines).toEqual([
    'shell completed by raft-manager-1: 3',
    expect.stringMatching(/^words completed by counter\.\d+: 4$/),
    expect.stringMatching(/^lines completed by counter\.\d+: 2$/),
    expect.stringMatching(/^moon failed by counter\.\d+: cannot "fetch the moon"$/),
  ]);
});

test('anthropic-tool-loop: the model takes every task and hands in what came of it', async () => {
  const model = await openModel((conversation) => {
    const heard = latestWords(conversation);
    if (heard.includes('task rhyme')) return { tool: 'finish_task', input: { result: 'craft' } };
    if (heard.includes('task sum')) return { tool: 'give_up_task', input: { reason: 'no abacus' } };
    if (heard.includes('nothing is left')) return 'I rhymed, and could not reckon.';
    return { tool: 'next_task', input: {} };
  });
  const { lines, ...end } = await runExample('anthropic-tool-loop', {
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: 'a key that is none',
  });
  expect(end).toEqual(WELL);
  expect(lines).toEqual([
    'I rhymed, and could not reckon.',
    'rhyme completed: craft',
    'sum failed: no abacus',
  ]);
  expect(model.asked[0]?.tools?.map(({ name }) => name)).toEqual([
    'next_task',
    'finish_task',
    'give_up_task',
  ]);
});
