import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startInstance } from '../../src/compose.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { swarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { eventually, openPlayground, type Playground, startSwarm } from '../claude-code/playground.ts';
import { openDesk, type Taken } from './desk.ts';

/** The swarm that is in this folder comes back, as after "up". */
async function comeBack({ project }: Playground) {
  const folder = swarmFolder(project.standing);
  const [{ id } = { id: '' }] = loadRoster(folder).nodes;
  return startInstance({
    folder,
    id: id as NodeId,
    version: 'test',
    capacity: 0,
    onTrouble: () => undefined,
    onRoleChanged: () => undefined,
    onStopped: () => undefined,
  });
}

describe('a session', () => {
  test('starts the swarm when none is up, once, and the first call waits for it', async () => {
    const play = openPlayground();
    let starts = 0;
    const desk = await openDesk(play, {
      async start() {
        starts += 1;
        await startSwarm(play);
      },
    });
    const calls = [desk.call('swarm_status'), desk.call('task_list')];
    expect(await Promise.all(calls)).toMatchObject([{ quorum: true }, { total: 0 }]);
    expect(starts).toBe(1);
  });

  test('says why the swarm cannot be started, to whoever calls', async () => {
    const desk = await openDesk(openPlayground(), {
      start: () => Promise.reject(new SwarmError('BAD_INPUT', 'the agent file is wrong')),
    });
    expect(await desk.refusal('swarm_status')).toBe('BAD_INPUT');
    const { content } = await desk.ask('task_submit', { tasks: [{ prompt: 'p' }] });
    expect(content).toMatchObject([{ text: expect.stringContaining('the agent file is wrong') }]);
    expect(await desk.client.listResources()).toMatchObject({ resources: [{}, {}] });
    await expect(desk.client.readResource({ uri: 'swarm://status' })).rejects.toThrow('BAD_INPUT');
  });

  test('says that the swarm is down, does not start it again, and finds it when it is back', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    let starts = 0;
    const start = async (): Promise<void> => {
      starts += 1;
    };
    const desk = await openDesk(play, { start });
    const me = await desk.session.holder();
    await desk.call('task_submit', { tasks: [{ id: 'one', prompt: 'p' }] });
    await swarm.instance.stop('at-once');
    const { content, isError } = await desk.ask('swarm_status');
    expect({ content, isError }).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^NOT_RUNNING: .*\nNext: Run "raft-manager up"/) }],
    });
    expect(await desk.refusal('task_next')).toBe('NOT_RUNNING');
    const back = await comeBack(play);
    try {
      const { task } = await eventually('the swarm to be found', async () => {
        const { isError: isMissing, structuredContent } = await desk.ask('task_next');
        return isMissing === true ? undefined : (structuredContent as unknown as Taken);
      });
      expect(task).toMatchObject({ taskId: 'one' });
      expect(await desk.session.holder()).toBe(me);
      expect(starts).toBe(0);
      await desk.leave();
    } finally {
      await back.stop('at-once');
    }
  });

  test('works in another swarm when that takes the place of the first', async () => {
    const play = openPlayground();
    const first = await startSwarm(play);
    const desk = await openDesk(play, { sessionId: 'same' });
    const before = await desk.session.holder();
    await desk.call('task_submit', { tasks: [{ id: 'old', prompt: 'p' }] });
    await first.instance.stop('at-once');
    rmSync(play.project.standing, { recursive: true });
    const second = await startSwarm(play);
    await desk.call('task_submit', { tasks: [{ id: 'new', prompt: 'p' }] });
    expect(await desk.call('task_next')).toMatchObject({ task: { taskId: 'new' } });
    expect(await desk.call('task_list')).toMatchObject({ total: 1 });
    expect(before).toMatch(/^mcp-same\.\d+$/);
    const me = await desk.session.holder();
    await eventually('its node to be at work there', async () => {
      const { instances } = await second.client.query({ kind: 'overview' });
      return instances.some(({ id }) => id === me);
    });
  });

  test('gives back what it holds when it ends, and is no member any more', async () => {
    const play = openPlayground();
    const { client } = await startSwarm(play);
    const desk = await openDesk(play, { sessionId: 'short' });
    await desk.call('task_submit', { tasks: [{ id: 'one', prompt: 'p' }] });
    await desk.call('task_next');
    await desk.call('files_reserve', { paths: ['src/**'] });
    const me = await desk.session.holder();
    await eventually('it to be at work', async () => {
      const { instances } = await client.query({ kind: 'overview' });
      return instances.some(({ id, agent }) => id === me && agent === 'mcp-session');
    });
    await desk.leave();
    // Ended in order: no loss is counted.
    expect(await client.query({ kind: 'task', id: 'one' })).toMatchObject({ state: 'queued', losses: 0 });
    expect(await client.query({ kind: 'reservations' })).toEqual([]);
    expect((await client.query({ kind: 'members' })).map(({ id }) => id)).toEqual(['raft-manager-1']);
    expect((await client.query({ kind: 'overview' })).instances.map(({ id }) => id)).not.toContain(me);
  });

  test('keeps what it holds for as long as it lives, and no longer', async () => {
    const play = openPlayground();
    const { client } = await startSwarm(play);
    const desk = await openDesk(play);
    await desk.call('task_submit', { tasks: [{ id: 'one', prompt: 'p' }] });
    const { task } = await desk.call<Taken>('task_next');
    const renewed = async (): Promise<boolean> => {
      const { lines } = await client.query({ kind: 'log', from: 1, limit: 1_000 });
      return JSON.stringify(lines).includes(`"renew","tasks":[{"taskId":"one","fence":${task?.fence}}]`);
    };
    await eventually('its node to renew the lease', renewed);
  });

  test('of one client that starts two servers is two, under names of their own', async () => {
    const play = openPlayground();
    await startSwarm(play);
    const desks = [await openDesk(play, { sessionId: 'one' }), await openDesk(play, { sessionId: 'one' })];
    const [first, second] = await Promise.all(desks.map(({ session }) => session.holder()));
    expect(first).toMatch(/^mcp-one\.\d+$/);
    expect(second).toMatch(/^mcp-[0-9a-f]{8}\.\d+$/);
  });
});
