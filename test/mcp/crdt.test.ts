import { expect, test } from 'vitest';
import { excerptOf } from '../../src/mcp/tools/excerpt.ts';
import { eventually, openPlayground, startSwarm } from '../claude-code/playground.ts';
import { type Desk, openDesk } from './desk.ts';

async function open(): Promise<Desk> {
  const play = openPlayground();
  await startSwarm(play);
  return openDesk(play, { sessionId: 'first' });
}

interface Answered {
  readonly value: unknown;
  readonly more?: string;
}

const crdt = (desk: Desk, action: string, path?: string, value?: unknown): Promise<Answered> =>
  desk.call<Answered>('crdt', {
    action,
    ...(path === undefined ? {} : { path }),
    ...(value === undefined ? {} : { value }),
  });

test('documents of all types are written, and read as they are then', async () => {
  const desk = await open();
  expect(await crdt(desk, 'set', 'board/owner', { name: 'me' })).toEqual({ value: { name: 'me' } });
  expect(await crdt(desk, 'inc', 'board/hits')).toEqual({ value: 1 });
  expect(await crdt(desk, 'inc', 'board/hits', -3)).toEqual({ value: -2 });
  await crdt(desk, 'add', 'board/seen', 'b');
  expect(await crdt(desk, 'add', 'board/seen', 'a')).toEqual({ value: ['a', 'b'] });
  expect(await crdt(desk, 'remove', 'board/seen', 'b')).toEqual({ value: ['a'] });
  await crdt(desk, 'insert', 'board/log', { step: 1 });
  expect(await crdt(desk, 'insert', 'board/log', [2, 3])).toEqual({ value: [{ step: 1 }, 2, 3] });
  await crdt(desk, 'insert', 'text', 'one ');
  expect(await crdt(desk, 'insert', 'text', 'two')).toEqual({ value: 'one two' });
  expect(await crdt(desk, 'get', 'board')).toEqual({
    value: { owner: { name: 'me' }, hits: -2, seen: ['a'], log: [{ step: 1 }, 2, 3] },
  });
  expect((await crdt(desk, 'list')).value).toMatchObject([
    { name: 'board', type: 'or-map', version: expect.any(String), bytes: expect.any(Number) },
    { name: 'text', type: 'rga-text' },
  ]);
  // Whoever sees nothing but the line sees the value.
  expect((await desk.ask('crdt', { action: 'get', path: 'text' })).content).toEqual([
    { type: 'text', text: '"one two"' },
  ]);
});

test('a note is on the blackboard in the name of the session', async () => {
  const desk = await open();
  expect(await crdt(desk, 'note', undefined, 'the schema is frozen')).toEqual({ value: 'noted' });
  const { value } = await crdt(desk, 'blackboard');
  expect(value).toMatchObject({
    notes: [{ by: expect.stringMatching(/^mcp/), text: 'the schema is frozen' }],
    notesInAll: 1,
    progress: {},
  });
  // Who is there is told by gossip.
  await eventually('the instance to have said that it is there', async () => {
    const { presence } = (await crdt(desk, 'blackboard')).value as { presence: readonly object[] };
    return presence.length > 0;
  });
});

test.each([
  { why: 'a counter is not set', input: { action: 'set', path: 'hits', value: 1 }, code: 'BAD_INPUT' },
  { why: 'nor added to', input: { action: 'add', path: 'hits', value: 1 }, code: 'BAD_INPUT' },
  { why: 'it has no fields', input: { action: 'inc', path: 'hits/more' }, code: 'BAD_INPUT' },
  { why: 'half of one', input: { action: 'inc', path: 'hits', value: 0.5 }, code: 'BAD_INPUT' },
  { why: 'a name with a blank', input: { action: 'inc', path: 'a b' }, code: 'BAD_INPUT' },
  { why: 'no path', input: { action: 'get' }, code: 'BAD_INPUT' },
  { why: 'nothing there', input: { action: 'get', path: 'nowhere' }, code: 'UNKNOWN_DOCUMENT' },
  {
    why: 'nothing to remove from',
    input: { action: 'remove', path: 'no', value: 1 },
    code: 'UNKNOWN_DOCUMENT',
  },
  { why: 'a note that is no text', input: { action: 'note', value: { a: 1 } }, code: 'BAD_INPUT' },
  { why: 'no such action', input: { action: 'drop', path: 'hits' }, code: 'BAD_INPUT' },
  { why: 'an unknown argument', input: { action: 'list', all: true }, code: 'BAD_INPUT' },
])('is refused, and nothing has changed: $why', async ({ code, input }) => {
  const desk = await open();
  await crdt(desk, 'inc', 'hits', 2);
  expect(await desk.refusal('crdt', input)).toBe(code);
  expect((await crdt(desk, 'list')).value).toMatchObject([{ name: 'hits' }]);
  expect(await crdt(desk, 'get', 'hits')).toEqual({ value: 2 });
});

test('what is large is answered in part, and says so', async () => {
  const desk = await open();
  const values = Array.from({ length: 1_000 }, (_, number) => `entry number ${number}`);
  const inserted = await crdt(desk, 'insert', 'list', values);
  expect(JSON.stringify(inserted).length).toBeLessThan(1_200);
  expect(inserted.value).toEqual(values.slice(-(inserted.value as unknown[]).length));
  expect(inserted.more).toMatch(/^the last \d+ of 1000$/);
  const got = await crdt(desk, 'get', 'list');
  expect(JSON.stringify(got).length).toBeGreaterThan(10_000);
  expect(JSON.stringify(got).length).toBeLessThan(13_000);
});

test.each([
  { why: 'all of it fits', value: [1, 2], chars: 5, excerpt: { value: [1, 2] } },
  {
    why: 'the end of a list',
    value: [1, 2, 3, 4],
    chars: 6,
    excerpt: { value: [2, 3, 4], more: 'the last 3 of 4' },
  },
  {
    why: 'the beginning of a text',
    value: 'abcdef',
    chars: 4,
    excerpt: { value: 'abcd', more: 'the first 4 of 6 characters' },
  },
  {
    why: 'fields by name',
    value: { a: 1, b: 'long long long', c: 2 },
    chars: 12,
    excerpt: { value: { a: 1 }, more: '1 of 3 fields; get by path: b, c' },
  },
  {
    why: 'one that is too large alone',
    value: ['abcdef'],
    chars: 4,
    excerpt: { value: [], more: 'the last 0 of 1' },
  },
])('an excerpt: $why', ({ chars, excerpt, value }) => {
  expect(excerptOf(value, chars)).toEqual(excerpt);
});
