import { describe, expect, test } from 'vitest';
import { priceOfTools } from '../../src/mcp/main.ts';
import { sessionName } from '../../src/mcp/session-name.ts';
import { openPlayground } from '../claude-code/playground.ts';
import { openDesk } from './desk.ts';

/** What every session may cost; one token for every 3.5 characters is more than any tokenizer makes of JSON. */
const MAX_TOKENS = 3_500;

describe('the definitions of the tools', () => {
  test('are those', async () => {
    const { tools } = await priceOfTools();
    expect(tools.map(({ name }) => name)).toEqual([
      ...['swarm_status', 'task_submit', 'task_next', 'task_update', 'task_list'],
      ...['files_reserve', 'files_release', 'log_tail', 'members', 'verify'],
      ...['quorum', 'crdt', 'security'],
    ]);
  });

  test('cost no session more than was promised', async () => {
    const { characters, tokens, tools } = await priceOfTools();
    expect(characters).toBe(JSON.stringify({ tools }).length);
    expect(tokens).toBe(Math.ceil(characters / 3.5));
    expect(tokens).toBeLessThanOrEqual(MAX_TOKENS);
  });

  test('are what a client is sent, to the letter', async () => {
    const { client } = await openDesk(openPlayground());
    const { tools } = await client.listTools();
    // The order of fields is nobody's business; their number is what is paid for.
    const { characters, tools: promised } = await priceOfTools();
    expect(tools).toEqual(promised);
    expect(JSON.stringify({ tools }).length).toBe(characters);
  });

  test('say what a person who allows them should know', async () => {
    const { tools } = await priceOfTools();
    for (const { annotations, inputSchema, outputSchema, title } of tools) {
      expect(title).not.toBe('');
      expect(annotations).toMatchObject({ readOnlyHint: expect.any(Boolean), openWorldHint: false });
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      expect(outputSchema).toMatchObject({ type: 'object', required: expect.any(Array) });
    }
    const readOnly = tools.filter(({ annotations }) => annotations.readOnlyHint).map(({ name }) => name);
    expect(readOnly).toEqual(['swarm_status', 'task_list', 'log_tail', 'members']);
    const destructive = tools.filter(({ annotations }) => annotations.destructiveHint);
    expect(destructive.map(({ name }) => name)).toEqual(['task_update', 'security']);
  });
});

describe('a session is called', () => {
  test.each([
    { why: 'a UUID by its beginning', id: '7bc84685-5f77-426e-b29c-389853cf0141', name: 'mcp-7bc84685' },
    { why: 'as its client says', id: 'build-bot', name: 'mcp-build-bot' },
    { why: 'by what may be in a name', id: 'a b/../c', name: 'mcp-a-b-..-c' },
    { why: 'by no more than fits', id: 'x'.repeat(100), name: `mcp-${'x'.repeat(36)}` },
    { why: 'something, in any case', id: '', name: 'mcp-' },
  ])('$why', ({ id, name }) => {
    expect(sessionName(id)).toBe(name);
  });
});
