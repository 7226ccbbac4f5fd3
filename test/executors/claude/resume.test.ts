import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createClaudeExecutor } from '../../../src/agents/executors/claude.ts';
import { SwarmError } from '../../../src/protocol/errors.ts';
import { NO_USAGE } from '../../../src/tasks/usage.ts';
import { blocksOf } from '../../claude-api/request.ts';
import { breaks, fails, says, silence, text, thought, use, wants } from '../../claude-api/script.ts';
import { executionOf, MemoryCheckpoint } from '../execution.ts';
import { agentWith, openGarden, TASK } from './garden.ts';

/** Writes a line to a file that counts how often it was done. */
const mark = (line: string) => use('Bash', { command: `echo ${line} >> done.txt` });
const BASH = agentWith('tools: Bash, Read');

describe('the next attempt', () => {
  test('goes on after the last completed turn, and runs no tool twice', async () => {
    const garden = await openGarden([
      wants(thought('one'), mark('one')),
      wants(mark('two')),
      wants(mark('three')),
      fails(401, 'authentication_error'),
      wants(mark('four')),
      says('all four'),
    ]);
    expect(await garden.work({ agent: BASH })).toMatchObject({ code: 'API_KEY', usage: { turns: 3 } });
    const second = await garden.work({ agent: BASH, attempt: 2, fence: 19, instanceId: 'gardener-2' });
    expect(second).toMatchObject({ outcome: 'completed', output: 'all four', usage: { turns: 2 } });
    expect(garden.checkpoint.saved.map(({ turn }) => turn)).toEqual([1, 2, 3, 4]);
    expect(readFileSync(join(garden.folder, 'done.txt'), 'utf8')).toBe('one\ntwo\nthree\nfour\n');
    expect(garden.told()).toContain('going on after turn 3\n');
  });

  test('keeps the beginning word for word, and says who goes on where it goes on', async () => {
    const garden = await openGarden([wants(thought('hm'), mark('one')), fails(401, 'x'), says('done')]);
    await garden.work({ agent: BASH });
    const notes = [{ agent: 'gardener-1', index: 9, at: 0, text: 'mind the thorns' }];
    await garden.work({ agent: BASH, attempt: 2, fence: 19, instanceId: 'gardener-2', notes });
    const [before, , after] = garden.api.requests.map(({ body }) => body);
    expect(after?.system).toEqual(before?.system);
    expect(after?.tools).toEqual(before?.tools);
    const last = blocksOf(after?.messages.at(-1));
    expect(last.map(({ type }) => type)).toEqual(['tool_result', 'text']);
    expect(last[1]?.text).toMatch(/You are gardener-2 now, attempt 2, under fence 19/);
    expect(last[1]?.text).toContain('- gardener-1: mind the thorns');
  });

  test.each([
    { why: 'another model', changed: { agent: BASH, model: 'opus' } },
    { why: 'other instructions', changed: { agent: { ...BASH, body: 'You water roses.' } } },
    { why: 'other tools', changed: { agent: agentWith('tools: Read') } },
  ])('goes on without the thoughts of $why', async ({ changed }) => {
    const garden = await openGarden([
      wants(thought('secret'), text('I mark.'), mark('one')),
      fails(401, 'x'),
      says('done'),
    ]);
    await garden.work({ agent: BASH });
    expect(await garden.work({ ...changed, attempt: 2 })).toMatchObject({ outcome: 'completed' });
    const [, said] = garden.api.requests[2]?.body.messages ?? [];
    expect(blocksOf(said).map(({ type }) => type)).toEqual(['text', 'tool_use']);
  });

  test('gives thoughts up that the API does not take back', async () => {
    const garden = await openGarden([
      wants(thought('mine'), mark('one')),
      fails(401, 'x'),
      fails(400, 'invalid_request_error', { message: 'thinking blocks belong to another account' }),
      says('done'),
    ]);
    await garden.work({ agent: BASH });
    expect(await garden.work({ agent: BASH, attempt: 2 })).toMatchObject({ outcome: 'completed' });
    const types = garden.api.requests
      .slice(2)
      .map(({ body }) => blocksOf(body.messages[1]).map(({ type }) => type));
    expect(types).toEqual([['thinking', 'tool_use'], ['tool_use']]);
  });

  test('has to read a file again that has changed meanwhile', async () => {
    const edit = () => use('Edit', { file_path: 'roses.txt', old_string: 'red', new_string: 'pink' });
    const garden = await openGarden([
      wants(use('Read', { file_path: 'roses.txt' })),
      fails(401, 'x'),
      wants(edit()),
      wants(use('Read', { file_path: 'roses.txt' })),
      wants(edit()),
      says('done'),
    ]);
    const agent = agentWith('tools: Read, Edit');
    garden.write('roses.txt', 'red');
    await garden.work({ agent });
    garden.write('roses.txt', 'dark red');
    await garden.work({ agent, attempt: 2 });
    const results = garden.api.requests
      .slice(3)
      .map(({ body }) => blocksOf(body.messages.at(-1))[0]?.content);
    expect(results).toEqual([
      'roses.txt was changed by somebody else since you read it; Read it again',
      '     1\tdark red',
      'replaced 1 in roses.txt',
    ]);
  });

  test.each([
    { why: 'another executor', state: '{"executor":"claude-code"}' },
    { why: 'a later release', state: '{"executor":"claude","version":2}' },
    { why: 'nobody knows whom', state: '\u0000{' },
  ])('begins anew with what was left by $why', async ({ state }) => {
    const garden = await openGarden([says('done')]);
    garden.checkpoint.saved.push({ turn: 4, usage: NO_USAGE, state: new TextEncoder().encode(state) });
    expect(await garden.work({ attempt: 2 })).toMatchObject({ outcome: 'completed' });
    expect(garden.api.requests[0]?.body.messages).toHaveLength(1);
    expect(garden.told()).toContain('beginning anew');
  });
});

describe('an attempt whose lease is lost', () => {
  test.each([
    { why: 'before an answer begins', reply: silence },
    { why: 'in the middle of an answer', reply: breaks('hangs') },
  ])('hangs up at once $why, and nothing is recorded from then on', async ({ reply }) => {
    const garden = await openGarden([wants(use('Glob', { pattern: '*' })), reply, says('never')]);
    const lease = new AbortController();
    const work = garden.work({ signal: lease.signal });
    await garden.api.arrived(2);
    const told = garden.told();
    lease.abort('lost');
    expect(await work).toMatchObject({ outcome: 'cancelled', usage: { turns: 1 } });
    await garden.api.requests[1]?.hungUp;
    expect(garden.checkpoint.saved).toHaveLength(1);
    expect(garden.told().startsWith(told)).toBe(true);
    expect(garden.api.stepsLeft).toBe(1);
  });

  test('kills the command that is running', async () => {
    const garden = await openGarden([wants(use('Bash', { command: 'touch begun; sleep 60; touch ended' }))]);
    const lease = new AbortController();
    const work = garden.work({ agent: BASH, signal: lease.signal });
    while (!existsSync(join(garden.folder, 'begun'))) await new Promise((next) => setImmediate(next));
    lease.abort('lost');
    expect(await work).toMatchObject({ outcome: 'cancelled' });
    expect(garden.checkpoint.saved).toEqual([]);
    expect(existsSync(join(garden.folder, 'ended'))).toBe(false);
  });

  test('leaves the files alone when it learns of it while it asks for reservations', async () => {
    const garden = await openGarden([wants(use('Write', { file_path: 'a.txt', content: 'a' }))]);
    const lease = new AbortController();
    const execution = executionOf({});
    const swarm = {
      ...execution.swarm,
      status: () => {
        lease.abort('lost');
        return execution.swarm.status();
      },
    };
    const result = await garden.work({ agent: agentWith('tools: Write'), swarm, signal: lease.signal });
    expect(result).toMatchObject({ outcome: 'cancelled' });
    expect(existsSync(join(garden.folder, 'a.txt'))).toBe(false);
  });

  test.each(['STALE_FENCE', 'BUDGET_EXHAUSTED'] as const)('learns it from the log, too: %s', async (code) => {
    const garden = await openGarden([wants(use('Glob', { pattern: '*' })), says('never')]);
    const checkpoint = new MemoryCheckpoint();
    checkpoint.save = () => Promise.reject(new SwarmError(code, 'somebody else has it'));
    await expect(garden.work({ checkpoint })).rejects.toMatchObject({ code });
    expect(garden.api.requests).toHaveLength(1);
  });

  test('learns it from a tool of the swarm', async () => {
    const garden = await openGarden([wants(use('task_note', { text: 'x' }))]);
    const swarm = {
      ...executionOf({}).swarm,
      note: () => Promise.reject(new SwarmError('STALE_FENCE', 'somebody else has it')),
    };
    await expect(garden.work({ swarm })).rejects.toMatchObject({ code: 'STALE_FENCE' });
  });
});

test('an attempt that takes too long ends where it is', async () => {
  const garden = await openGarden([silence]);
  const result = await garden.work({ timeoutMs: 300 });
  expect(result).toMatchObject({ outcome: 'timed-out', reason: 'did not end within 300 ms' });
  await garden.api.requests[0]?.hungUp;
});

test('without a key nothing starts, and the variable is named', async () => {
  const executor = createClaudeExecutor({ environment: {} });
  expect(await executor.preflight?.({ ANTHROPIC_API_KEY: ' ' })).toMatch(/set ANTHROPIC_API_KEY/);
  expect(await executor.preflight?.({ ANTHROPIC_API_KEY: 'sk' })).toBeUndefined();
  expect(await executor.preflight?.({ ANTHROPIC_AUTH_TOKEN: 'token' })).toBeUndefined();
  expect(await executor.preflight?.({ ANTHROPIC_PROFILE: 'work' })).toBeUndefined();
  // Another machine may have one.
  expect(await executor.execute(executionOf(TASK))).toMatchObject({ code: 'API_KEY', next: 'retry' });
});

test('only prompts are its work', () => {
  const { refuse } = createClaudeExecutor({ environment: {} });
  expect(refuse({ id: 'roses', prompt: 'prune' })).toBeUndefined();
  expect(refuse({ id: 'roses', run: 'true' })).toMatch(/has no prompt:/);
});
