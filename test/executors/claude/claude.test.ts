import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { blocksOf } from '../../claude-api/request.ts';
import { says, text, thought, use, wants } from '../../claude-api/script.ts';
import { agentWith, openGarden } from './garden.ts';

describe('a task', () => {
  test('that needs no tool is one turn', async () => {
    const garden = await openGarden([says('All pruned.')]);
    expect(await garden.work()).toMatchObject({
      outcome: 'completed',
      output: 'All pruned.',
      exitCode: 0,
      usage: {
        turns: 1,
        inputTokens: 10,
        outputTokens: 5,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        costMicros: 70,
      },
    });
    expect(garden.checkpoint.saved).toEqual([]);
    expect(garden.told()).toContain('All pruned.');
  });

  test('is asked for with the key, the model, the instructions and the tools of the agent', async () => {
    const garden = await openGarden([says('ok')]);
    await garden.work();
    const [request] = garden.api.requests;
    expect(request?.headers).toMatchObject({ authorization: 'Bearer sk-test' });
    expect(request?.body).toMatchObject({
      model: 'claude-sonnet-5-5',
      stream: true,
      thinking: { type: 'adaptive', display: 'summarized' },
    });
    const [system] = request?.body.system ?? [];
    expect(system?.text).toMatch(
      /^You are gardener-1, an instance of the agent gardener .*\nYou work on the task roses, attempt 1, under fence 7\. Coordinator: gardener-1\./,
    );
    expect(system?.text).toMatch(/You look after roses\.$/);
    expect(request?.body.tools?.map(({ name }) => name)).toEqual([
      ...['Read', 'Grep', 'Glob'],
      ...['swarm_status', 'task_submit', 'task_note', 'reserve_files', 'release_files'],
    ]);
  });

  test('goes on with what its tools brought, and is saved after each turn', async () => {
    const garden = await openGarden([
      wants(thought('Where are they?'), text('Let me see.'), use('Read', { file_path: 'roses.txt' })),
      (request) => says(`I read: ${String(blocksOf(request.body.messages.at(-1))[0]?.content)}`),
    ]);
    garden.write('roses.txt', 'red\nwhite\n');
    const result = await garden.work();
    expect(result).toMatchObject({ outcome: 'completed', output: 'I read:      1\tred\n     2\twhite' });
    expect(result.usage).toMatchObject({ turns: 2, inputTokens: 20, outputTokens: 10 });
    expect(garden.checkpoint.saved).toHaveLength(1);
    expect(garden.checkpoint.saved[0]).toMatchObject({ turn: 1, usage: { turns: 1, inputTokens: 10 } });
    expect(garden.told()).toContain('Where are they?\nLet me see.\n');
    expect(garden.told()).toContain('→ Read: roses.txt\n');
  });

  test('runs several tools in the order in which the model wants them', async () => {
    const garden = await openGarden([
      wants(
        use('Write', { file_path: 'a/b.txt', content: 'one\n' }),
        use('Edit', { file_path: 'a/b.txt', old_string: 'one', new_string: 'two' }),
        use('Read', { file_path: 'a/b.txt' }),
      ),
      says('done'),
    ]);
    await garden.work({ agent: agentWith('tools: Read, Write, Edit') });
    const results = blocksOf(garden.api.requests[1]?.body.messages.at(-1)).map(({ content }) => content);
    expect(results).toEqual(['created a/b.txt', 'replaced 1 in a/b.txt', '     1\ttwo']);
    expect(readFileSync(join(garden.folder, 'a/b.txt'), 'utf8')).toBe('two\n');
  });

  test('tells the model what went wrong with a tool, and goes on', async () => {
    const garden = await openGarden([
      wants(
        use('Read', { file_path: 'nothing.txt' }),
        use('Read', { path: 'misspelt' }),
        use('WebFetch', { url: 'http://localhost' }),
      ),
      says('I see'),
    ]);
    expect(await garden.work()).toMatchObject({ outcome: 'completed' });
    const results = blocksOf(garden.api.requests[1]?.body.messages.at(-1));
    expect(results.map(({ is_error }) => is_error)).toEqual([true, true, true]);
    expect(results.map(({ content }) => content)).toEqual([
      expect.stringContaining('no such file'),
      expect.stringContaining('wrong input'),
      'there is no tool WebFetch here',
    ]);
  });

  test('reads most of every request from the cache, by marks that are not part of the conversation', async () => {
    const garden = await openGarden([
      wants(use('Glob', { pattern: '*' })),
      wants(use('Glob', { pattern: '*' })),
      says('ok'),
    ]);
    await garden.work();
    for (const { body } of garden.api.requests) {
      const marks = body.messages.map(
        (message) => blocksOf(message).filter((block) => 'cache_control' in block).length,
      );
      expect(marks.slice(0, -1)).toEqual(marks.slice(0, -1).map(() => 0));
      expect(marks.at(-1)).toBe(1);
      expect(body.system[0]).toMatchObject({ cache_control: { type: 'ephemeral' } });
    }
    expect(garden.checkpoint.saved.map(({ state }) => new TextDecoder().decode(state))).not.toContainEqual(
      expect.stringContaining('cache_control'),
    );
  });

  test('keeps the key to itself', async () => {
    const garden = await openGarden([wants(use('Bash', { command: 'env' })), says('ok')]);
    await garden.work({ agent: agentWith('tools: Bash') });
    const [result] = blocksOf(garden.api.requests[1]?.body.messages.at(-1));
    expect(result?.content).toContain('PATH=');
    expect(JSON.stringify(garden.api.requests[1]?.body)).not.toContain('sk-test');
  });
});
