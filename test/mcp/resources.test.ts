import { describe, expect, test } from 'vitest';
import { eventually, openPlayground, startSwarm } from '../claude-code/playground.ts';
import { type Desk, openDesk } from './desk.ts';

async function openOffice(): Promise<Desk> {
  const play = openPlayground();
  await startSwarm(play);
  const desk = await openDesk(play);
  await desk.call('task_submit', { tasks: [{ id: 'one', title: 'The first', prompt: 'p' }] });
  return desk;
}

async function read({ client }: Desk, uri: string): Promise<string> {
  const { contents } = await client.readResource({ uri });
  const [content] = contents;
  if (content === undefined || !('text' in content)) throw new Error(`${uri} is no text`);
  return content.text;
}

/** What the client is told to read anew. */
function follow({ client }: Desk): { readonly uris: readonly string[]; lists(): number } {
  const uris: string[] = [];
  let lists = 0;
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    uris.push(params.uri);
  });
  client.setNotificationHandler('notifications/resources/list_changed', () => {
    lists += 1;
  });
  return { uris, lists: () => lists };
}

describe('resources', () => {
  test('are how things stand, the log, and every task', async () => {
    const desk = await openOffice();
    const { resources } = await desk.client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['swarm://status', 'swarm://log', 'swarm://tasks/one']);
    expect(resources[2]).toMatchObject({ title: 'The first (queued)', mimeType: 'application/json' });
    const { resourceTemplates } = await desk.client.listResourceTemplates();
    expect(resourceTemplates).toMatchObject([{ uriTemplate: 'swarm://tasks/{id}' }]);
    expect(JSON.parse(await read(desk, 'swarm://status'))).toMatchObject({
      quorum: true,
      tasks: { queued: 1 },
    });
    expect(JSON.parse(await read(desk, 'swarm://tasks/one'))).toMatchObject({ id: 'one', prompt: 'p' });
    expect(await read(desk, 'swarm://log')).toContain('submit {"key"');
  });

  test('that there are not cannot be read', async () => {
    const desk = await openOffice();
    for (const uri of ['swarm://tasks/two', 'swarm://nothing', 'no uri']) {
      await expect(read(desk, uri)).rejects.toMatchObject({ code: -32_602 });
    }
  });

  test('can be named by the beginning of a task’s id', async () => {
    const { client } = await openOffice();
    const ref = { type: 'ref/resource', uri: 'swarm://tasks/{id}' } as const;
    const complete = async (value: string) =>
      (await client.complete({ ref, argument: { name: 'id', value } })).completion.values;
    expect(await complete('o')).toEqual(['one']);
    expect(await complete('x')).toEqual([]);
  });

  test('are followed by whoever wants to, and by nobody else', async () => {
    const desk = await openOffice();
    const heard = follow(desk);
    await desk.client.subscribeResource({ uri: 'swarm://tasks/one' });
    await desk.call('task_update', { taskId: 'one', action: 'cancel' });
    await eventually('a word on it', () => heard.uris.length > 0);
    expect(new Set(heard.uris)).toEqual(new Set(['swarm://tasks/one']));
    await desk.client.unsubscribeResource({ uri: 'swarm://tasks/one' });
    await desk.client.subscribeResource({ uri: 'swarm://status' });
    const before = heard.uris.length;
    await desk.call('task_submit', { tasks: [{ id: 'two', prompt: 'p' }] });
    await eventually('a word on the status', () => heard.uris.includes('swarm://status'));
    expect(new Set(heard.uris.slice(before))).toEqual(new Set(['swarm://status']));
  });

  test('that are new are told of to everybody, many at once in one word', async () => {
    const desk = await openOffice();
    const heard = follow(desk);
    const many = Array.from({ length: 50 }, (_, at) => ({ id: `t${at}`, prompt: 'p' }));
    await desk.call('task_submit', { tasks: many });
    await eventually('a word on it', () => heard.lists() > 0);
    expect(heard.lists()).toBeLessThan(5);
    expect((await desk.client.listResources()).resources).toHaveLength(53);
  });

  test('are not listed one by one when there are very many; each can be read all the same', async () => {
    const desk = await openOffice();
    const many = (at: number) => Array.from({ length: 500 }, (_, n) => ({ id: `t${at}-${n}`, prompt: 'p' }));
    await desk.call('task_submit', { tasks: many(1) });
    expect((await desk.client.listResources()).resources).toHaveLength(102);
    await desk.call('task_submit', { tasks: many(2) });
    expect((await desk.client.listResources()).resources).toHaveLength(2);
    expect(JSON.parse(await read(desk, 'swarm://tasks/t2-499'))).toMatchObject({ state: 'queued' });
  });
});

describe('prompts', () => {
  test('say how to coordinate, and how to recover', async () => {
    const { client } = await openDesk(openPlayground());
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual(['coordinate', 'recover']);
    const goal = 'translate the manual';
    const coordinate = await client.getPrompt({ name: 'coordinate', arguments: { goal } });
    expect(coordinate.messages).toMatchObject([
      { role: 'user', content: { text: expect.stringContaining(goal) } },
    ]);
    await expect(client.getPrompt({ name: 'coordinate' })).rejects.toThrow('goal');
    const recover = await client.getPrompt({ name: 'recover' });
    expect(JSON.stringify(recover.messages)).toContain('swarm_status');
  });

  test('name only tools that there are', async () => {
    const { client } = await openDesk(openPlayground());
    const { tools } = await client.listTools();
    const known = new Set(tools.map(({ name }) => name));
    const texts = await Promise.all([
      client.getPrompt({ name: 'coordinate', arguments: { goal: 'g' } }),
      client.getPrompt({ name: 'recover' }),
    ]);
    const named = JSON.stringify(texts).match(/\b[a-z]+_[a-z]+\b/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});
