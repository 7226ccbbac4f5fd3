import { describe, expect, test } from 'vitest';
import { MAX_OUTPUT_CHARS } from '../../../src/protocol/limits.ts';
import { hearing, processesWith } from '../../shell/playground.ts';
import { agent, line, openGarden, type Step, USAGE, WORK } from './stand-in.ts';

describe('the executor "claude-code"', () => {
  test('hands the task to the client, and its answer and cost back', async () => {
    const garden = openGarden();
    expect(await garden.execute({ begun: WORK })).toEqual({
      outcome: 'completed',
      exitCode: 0,
      reason: undefined,
      output: 'The roses are pruned.',
      usage: USAGE,
      durationMs: expect.any(Number),
    });
  });

  test('calls it for one task, with the rules in the system prompt and the task as data', async () => {
    const garden = openGarden();
    const notes = [{ agent: 'gardener-2', text: 'the shears are in the shed' }];
    await garden.execute({ begun: WORK }, { notes: notes as never, agent: agent({ model: ['sonnet'] }) });
    const [call] = garden.calls();
    expect(call?.args.slice(0, 3)).toEqual(['-p', '--output-format=stream-json', '--verbose']);
    expect(call?.args).toContain('--model=sonnet');
    const prompt = call?.args.find((arg) => arg.startsWith('--append-system-prompt='));
    expect(prompt).toMatch(/gardener-1.*task roses, attempt 1, under fence 17.*Coordinator: gardener-2/s);
    expect(prompt).toMatch(/\n\nYou prune roses\.$/);
    expect(call?.stdin).toMatch(/<<< begin task (\S+)\nRoses\n\nprune the roses\n>>> end task \1\n/);
    expect(call?.stdin).toMatch(
      /<<< begin notes (\S+)\n- gardener-2: the shears are in the shed\n>>> end notes \1/,
    );
    expect(call?.cwd).toBe(garden.folder);
  });

  test('tells what happens while it happens', async () => {
    let heard = '';
    const retrying = { type: 'system', subtype: 'api_retry', attempt: 1, error_status: 529 };
    await openGarden().execute(
      { begun: [...WORK.slice(0, 4), { line: retrying }, ...WORK.slice(4)] },
      {
        onOutput: (text) => {
          heard += text;
        },
      },
    );
    expect(heard).toBe(
      [
        'model claude-test-1',
        'I look first.',
        '→ Bash: ls -la roses',
        'the request failed with status 529; trying again (1)',
        'The roses are pruned.',
        '',
      ].join('\n'),
    );
  });

  test.each<{ why: string; begun: readonly Step[] }>([
    {
      why: 'kinds that it does not know',
      begun: [{ line: { type: 'rate_limit_event' } }, { line: { type: 7 } }],
    },
    { why: 'words that are no JSON', begun: [{ raw: 'npm warn something\n\n{"type":\n[1,2]\nnull\n' }] },
    { why: 'messages of another form', begun: [{ line: { type: 'assistant', message: 'hello' } }] },
    {
      why: 'a line longer than memory is for',
      begun: [{ raw: `{"type":"user","x":"${'y'.repeat(2 ** 21)}"}\n` }],
    },
    {
      why: 'pieces of lines',
      begun: [{ pieces: ['{"type":"sys', 'tem","sub', 'type":"x"}\n{"ty', 'pe":"user"}\n'] }],
    },
  ])('is not led astray by $why', async ({ begun }) => {
    expect(await openGarden().execute({ begun: [...begun, ...WORK] })).toMatchObject({
      outcome: 'completed',
      output: 'The roses are pruned.',
      usage: USAGE,
    });
  });

  test('reads characters and lines that come in pieces', async () => {
    const said = JSON.stringify((line.result({ result: 'größer 🌹' }) as { line: object }).line);
    const pieces = [...said].map((one) => one);
    expect(await openGarden().execute({ begun: [{ pieces: [...pieces, '\n'] }] })).toMatchObject({
      outcome: 'completed',
      output: 'größer 🌹',
    });
  });

  test('takes a result that ends without a line end', async () => {
    const said = JSON.stringify((line.result() as { line: object }).line);
    expect(await openGarden().execute({ begun: [{ raw: said }] })).toMatchObject({ outcome: 'completed' });
  });

  test('takes the last words for the answer where the client forgets to repeat them', async () => {
    const { output } = await openGarden().execute({
      begun: [...WORK.slice(0, -1), line.result({ result: '' })],
    });
    expect(output).toBe('The roses are pruned.');
  });

  test('counts what its subagents have used up, and does not take their words for its own', async () => {
    const subagent = { parent_tool_use_id: 't' };
    const said = line.said('s1', [line.text('I dig.'), line.call('Bash', { command: 'dig' })], subagent);
    const begun = [...WORK.slice(0, 4), said, said, ...WORK.slice(4)];
    let heard = '';
    const { output, usage } = await openGarden().execute(
      { begun },
      {
        onOutput: (text) => {
          heard += text;
        },
      },
    );
    expect(output).toBe('The roses are pruned.');
    expect(heard).not.toContain('dig');
    // Three messages in the stream, of which the client sums up two in its result.
    expect(usage).toMatchObject({ turns: 2, inputTokens: 30, outputTokens: 17, cacheReadTokens: 300 });
  });

  test('says which tools were denied', async () => {
    const denials = [{ tool_name: 'Bash' }, { tool_name: 'Bash' }, { tool_name: 'Edit' }];
    const { output } = await openGarden().execute({ begun: [line.result({ permission_denials: denials })] });
    expect(output).toBe('The roses are pruned.\n[not allowed to use: Bash, Edit]');
  });

  test('does not need the prompt to be read', async () => {
    const prompt = 'x'.repeat(1_000_000);
    expect(await openGarden().execute({ readsNothing: true, begun: WORK }, { prompt })).toMatchObject({
      outcome: 'completed',
    });
  });

  test('keeps the end of a long answer', async () => {
    const result = `${'y'.repeat(2 * MAX_OUTPUT_CHARS)} the end`;
    const { output } = await openGarden().execute({ begun: [line.result({ result })] });
    expect(output.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
    expect(output.endsWith(' the end')).toBe(true);
  });
});

describe('a client that does not come to a result', () => {
  test.each<{ why: string; begun: readonly Step[]; end: object }>([
    {
      why: 'it dies in the middle of a line',
      begun: [...WORK.slice(0, 4), { raw: '{"type":"assist' }, { killed: 'SIGKILL' }],
      end: { exitCode: undefined, reason: 'claude ended without a result: ended by SIGKILL', next: 'retry' },
    },
    {
      why: 'it fails before it begins',
      begun: [{ stderr: 'one\nerror: unknown option --tools\n' }, { exit: 1 }],
      end: {
        exitCode: 1,
        reason: 'claude ended without a result: exit code 1: error: unknown option --tools',
        next: 'retry',
      },
    },
    {
      why: 'it says nothing at all',
      begun: [],
      end: { exitCode: 0, reason: 'claude ended without a result: exit code 0' },
    },
    {
      why: 'nobody is logged in',
      begun: [{ stderr: 'Invalid API key · Please run /login\n' }, { exit: 1 }],
      end: { code: 'API_KEY', next: 'park' },
    },
  ])('$why', async ({ begun, end }) => {
    expect(await openGarden().execute({ begun })).toMatchObject({ outcome: 'failed', ...end });
  });

  test('leaves what it has said, and what it has cost', async () => {
    const { output, usage } = await openGarden().execute({ begun: [...WORK.slice(0, 4), { exit: 1 }] });
    expect(output).toBe('model claude-test-1\nI look first.\n→ Bash: ls -la roses\n');
    // One message in two pieces: its tokens count once.
    expect(usage).toEqual({
      turns: 1,
      inputTokens: 10,
      outputTokens: 5,
      cacheReadTokens: 100,
      cacheWriteTokens: 20,
      costMicros: 0,
    });
  });

  test('is ended when time is up', async () => {
    const end = await openGarden().execute(
      { begun: [...WORK.slice(0, 2), { hang: true }] },
      { timeoutMs: 400 },
    );
    expect(end).toMatchObject({ outcome: 'timed-out', reason: 'did not end within 400 ms' });
  });

  test('is ended with all its processes when the task is taken away', async () => {
    const garden = openGarden();
    const { heard, onOutput } = hearing('The roses');
    const controller = new AbortController();
    const begun: readonly Step[] = [{ deaf: true }, { child: true }, ...WORK.slice(0, 5), { hang: true }];
    const running = garden.execute({ begun }, { onOutput, signal: controller.signal });
    await heard;
    expect(processesWith(garden.folder).length).toBeGreaterThan(2);
    controller.abort('lost');
    expect(await running).toMatchObject({ outcome: 'cancelled', usage: { turns: 2 } });
    expect(processesWith(garden.folder)).toEqual([]);
  });
});

describe('a client that has told its result', () => {
  test('and does not go is sent away, and its result counts', async () => {
    const garden = openGarden({}, 100);
    const begun: readonly Step[] = [{ child: true }, ...WORK, { hang: true }];
    expect(await garden.execute({ begun })).toMatchObject({ outcome: 'completed', usage: USAGE });
    expect(processesWith(garden.folder)).toEqual([]);
  });

  test('and fails on its way out has done its work', async () => {
    expect(await openGarden().execute({ begun: [...WORK, { exit: 7 }] })).toMatchObject({
      outcome: 'completed',
      exitCode: 7,
    });
  });

  test('is taken by its last one, when it goes on', async () => {
    const begun = [line.result({ result: 'not yet' }), ...WORK];
    expect(await openGarden().execute({ begun })).toMatchObject({ output: 'The roses are pruned.' });
  });
});
