import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { says, use, wants } from '../claude-api/script.ts';
import { type Step, startClaudeApi } from '../claude-api/server.ts';
import { ROOT } from './harness.ts';

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

/** What the model does next, by what it has heard last. */
const rule: Step = ({ body }) => {
  const heard = JSON.stringify(body.messages.at(-1));
  if (heard.includes('task rhyme')) return wants(use('finish_task', { result: 'craft' }));
  if (heard.includes('task sum')) return wants(use('give_up_task', { reason: 'no abacus' }));
  if (heard.includes('nothing is left')) return says('I rhymed, and could not reckon.');
  return wants(use('next_task', {}));
};

test('anthropic-tool-loop: the model takes every task and hands in what came of it', async () => {
  const api = await startClaudeApi(Array.from({ length: 6 }, () => rule));
  const { lines, ...end } = await runExample('anthropic-tool-loop', {
    ANTHROPIC_BASE_URL: api.url,
    ANTHROPIC_API_KEY: 'a key that is none',
  });
  expect(end).toEqual(WELL);
  expect(lines).toEqual([
    'I rhymed, and could not reckon.',
    'rhyme completed: craft',
    'sum failed: no abacus',
  ]);
  expect({ faults: api.faults, stepsLeft: api.stepsLeft }).toEqual({ faults: [], stepsLeft: 0 });
});
