import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import type { TaskDetail } from '../../src/tasks/task.ts';
import { allGone, eventually, kill, MAIN, openProject, type Project } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';
import { connectMcp, type McpClient, mcpEnvironment, type Taken } from './mcp-client.ts';
import { bringUp } from './submissions.ts';
import { ask, coordinatorOf, standingFolder } from './swarm-view.ts';

async function taskOf(project: Project, id: string): Promise<TaskDetail> {
  const task = await ask(standingFolder(project), { kind: 'task', id });
  if (task === null) throw new Error(`there is no task ${id}`);
  return task;
}

async function take(session: McpClient): Promise<NonNullable<Taken['task']>> {
  const { task } = await session.call<Taken>('task_next');
  if (task === null) throw new Error('nothing was ready');
  return task;
}

async function submit(session: McpClient, ...ids: readonly string[]): Promise<void> {
  await session.call('task_submit', { key: ids.join(), tasks: ids.map((id) => ({ id, prompt: id })) });
}

describe('a session in a project without a swarm', () => {
  test('starts it, works in it, and leaves it up', async () => {
    const project = openProject();
    const session = await connectMcp(project, { sessionId: '7bc84685-5f77-426e-b29c-389853cf0141' });
    expect(session.client.getNegotiatedProtocolVersion()).toBe('2025-11-25');
    expect(await session.call('swarm_status')).toMatchObject({ quorum: true, nodes: [{}, {}, {}] });
    await submit(session, 'one');
    const { fence } = await take(session);
    expect(await session.call('swarm_status')).toMatchObject({
      me: expect.stringMatching(/^mcp-7bc84685\.\d+$/),
      held: [{ taskId: 'one', fence }],
    });
    await session.call('task_update', { taskId: 'one', fence, action: 'complete', text: 'done' });
    await session.close();
    expect(await taskOf(project, 'one')).toMatchObject({ state: 'completed', output: 'done' });
    expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
    await allGone(project);
  });

  test('and another one at the same moment start one swarm', async () => {
    const project = openProject();
    const sessions = await Promise.all([connectMcp(project), connectMcp(project)]);
    await Promise.all(sessions.map((session, at) => submit(session, `task-${at}`)));
    for (const session of sessions) expect(await session.call('task_list')).toMatchObject({ total: 2 });
    expect(existsSync(standingFolder(project).roster)).toBe(true);
  });

  test('writes nothing but the protocol on standard output', async () => {
    const project = openProject();
    const env = mcpEnvironment(project);
    const server = spawn(process.execPath, [MAIN, 'mcp'], { cwd: project.folder, env, stdio: 'pipe' });
    let said = '';
    server.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = new Promise<number | null>((resolve) => server.once('close', resolve));
    const say = (message: object): void => {
      server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    };
    const clientInfo = { name: 'raw', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    say({ id: 1, method: 'initialize', params });
    say({ method: 'notifications/initialized' });
    server.stdin.write('this is no message\n');
    say({ id: 2, method: 'tools/call', params: { name: 'swarm_status', arguments: {} } });
    await eventually('the answer', () => said.includes('"id":2'));
    server.stdin.end();
    expect(await ended).toBe(0);
    const messages = said.split('\n').slice(0, -1);
    expect(messages.map((line) => JSON.parse(line).jsonrpc)).toEqual(messages.map(() => '2.0'));
    expect(messages[0]).toContain('"protocolVersion":"2025-11-25"');
  });
});

describe('what a session holds', () => {
  test.each([
    { why: 'its client closes standard input', end: (session: McpClient) => session.close() },
    { why: 'it is told to end', end: async ({ pid }: McpClient) => kill(pid, 'SIGTERM') },
  ])('goes back when $why', async ({ end }) => {
    const project = openProject();
    await bringUp(project);
    const session = await connectMcp(project, { sessionId: 'held' });
    await submit(session, 'one');
    await take(session);
    await session.call('files_reserve', { paths: ['src/**'] });
    await end(session);
    await eventually('it to be given back', async () => (await taskOf(project, 'one')).state === 'queued');
    expect(await taskOf(project, 'one')).toMatchObject({ losses: 0, attempts: 1 });
    const next = await connectMcp(project);
    expect(await next.call('swarm_status')).toMatchObject({ reservations: [] });
    expect(await take(next)).toMatchObject({ taskId: 'one' });
  });

  test('goes back by itself when its process is killed, and its node leaves the swarm', async () => {
    const project = openProject();
    await bringUp(project);
    const session = await connectMcp(project, { sessionId: 'killed' });
    await submit(session, 'one');
    const { fence } = await take(session);
    // Before that only the end of its lease would tell that it is gone.
    await eventually('its node to be known', async () => {
      const { instances } = await ask(standingFolder(project), { kind: 'overview' });
      return instances.some(({ id }) => id.startsWith('mcp-killed'));
    });
    kill(session.pid, 'SIGKILL');
    await eventually('it to be taken back', async () => (await taskOf(project, 'one')).state === 'queued');
    expect(await taskOf(project, 'one')).toMatchObject({ losses: 1, attempts: 1 });
    const next = await connectMcp(project);
    const again = await take(next);
    expect(again.taskId).toBe('one');
    expect(again.fence).toBeGreaterThan(fence);
    await eventually('only the living to be members', async () => {
      const members = await membersOf(project);
      return members.length === 4 && !members.some((id) => id.startsWith('mcp-killed'));
    });
  });
});

async function membersOf(project: Project): Promise<readonly string[]> {
  const { configuration } = await ask(standingFolder(project), { kind: 'status' });
  return [...configuration.voters, ...configuration.learners];
}

describe('when the coordinator is killed', () => {
  test('every call succeeds, through another node, and counts once', async () => {
    const project = openProject();
    const folder = await bringUp(project);
    const session = await connectMcp(project);
    const ids = Array.from({ length: 30 }, (_, at) => `task-${at}`);
    const { pid } = await coordinatorOf(folder);
    const work = (async (): Promise<void> => {
      for (const taskId of ids) {
        await submit(session, taskId);
        const { fence, taskId: taken } = await take(session);
        await session.call('task_update', { taskId: taken, fence, action: 'complete', text: taken });
      }
    })();
    await eventually('some of it to be done', async () => {
      const tasks = await ask(folder, { kind: 'tasks' });
      return tasks.filter(({ state }) => state === 'completed').length >= 3;
    });
    kill(pid, 'SIGKILL');
    await work;
    expect(await session.call('task_list', { state: ['completed'] })).toMatchObject({ total: ids.length });
    await session.close();
    expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
    const history = await readHistory(folder);
    expectEachCompletedOnce(history, ids);
  });

  test('whoever waits for a task goes on waiting, and gets it', async () => {
    const project = openProject();
    const folder = await bringUp(project);
    const session = await connectMcp(project);
    const told: string[] = [];
    const waiting = session.client.callTool(
      { name: 'task_next', arguments: { waitSeconds: 60 } },
      { onprogress: ({ message }) => told.push(message ?? '') },
    );
    await eventually('it to wait', () => told.length > 0);
    const { id, pid } = await coordinatorOf(folder);
    kill(pid, 'SIGKILL');
    await coordinatorOf(folder, id);
    await project.run(['task', 'add', 'late', '--prompt', 'p']);
    expect((await waiting).structuredContent).toMatchObject({ task: { taskId: 'late' } });
  });
});

describe('when the swarm is taken down', () => {
  test('calls say so at once, and work again when it is back', async () => {
    const project = openProject();
    await bringUp(project);
    const session = await connectMcp(project);
    await submit(session, 'one');
    expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
    expect(await session.text('task_list')).toMatch(/^NOT_RUNNING: .*\nNext: Run "raft-manager up"/);
    await bringUp(project);
    const { fence } = await take(session);
    await session.call('task_update', { taskId: 'one', fence, action: 'complete' });
    expect(await taskOf(project, 'one')).toMatchObject({ state: 'completed' });
  });
});

describe('without a quorum', () => {
  test('nothing is decided, and the status says why', async () => {
    const project = openProject();
    const folder = await bringUp(project);
    const session = await connectMcp(project);
    await submit(session, 'one');
    const voters = ['raft-manager-1', 'raft-manager-2', 'raft-manager-3'] as const;
    const pids = voters.map((id) => findEndpoint(folder, id as NodeId)?.pid ?? 0);
    for (const pid of pids.slice(0, 2)) kill(pid, 'SIGSTOP');
    try {
      const refused = session.text('task_update', { taskId: 'one', action: 'cancel' });
      await eventually('the status to say so', async () => {
        const status = await session.call('swarm_status');
        return status.quorum === false && JSON.stringify(status.nodes).match(/down/g)?.length === 2;
      });
      expect(await refused).toMatch(/^(NO_QUORUM|OUTCOME_UNKNOWN|NOT_RUNNING): .*\nNext: /);
    } finally {
      for (const pid of pids) kill(pid, 'SIGCONT');
    }
    await eventually('a quorum', async () => (await session.call('swarm_status')).quorum);
    expect(
      await session.call('task_update', { taskId: 'one', action: 'cancel' }).catch(() => 'before'),
    ).toBeDefined();
    expect(await taskOf(project, 'one')).toMatchObject({ state: 'cancelled' });
  });
});

describe('sessions that race', () => {
  test('for ten tasks have each once', async () => {
    const project = openProject();
    await bringUp(project);
    const sessions = await Promise.all([connectMcp(project), connectMcp(project)]);
    const [first] = sessions;
    const ids = Array.from({ length: 10 }, (_, at) => `task-${at}`);
    await Promise.all(sessions.map((session) => session.call('task_next', { waitSeconds: 0 })));
    await submit(first as McpClient, ...ids);
    const taken = await Promise.all(
      Array.from({ length: 10 }, (_, at) => take(sessions[at % 2] as McpClient)),
    );
    expect(taken.map(({ taskId }) => taskId).sort()).toEqual(ids);
    const names = await Promise.all(ids.map(async (id) => (await taskOf(project, id)).agent));
    expect(new Set(names).size).toBe(2);
  });
});

describe('a client of the next revision', () => {
  test('calls, and follows what it listens to', async () => {
    const project = openProject();
    await bringUp(project);
    const session = await connectMcp(project, { revision: 'auto' });
    expect(session.client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    const updated: string[] = [];
    session.client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
      updated.push(params.uri);
    });
    await session.client.listen({ resourceSubscriptions: ['swarm://tasks/one'] });
    await submit(session, 'one', 'two');
    await eventually('a word on it', () => updated.length > 0);
    expect(new Set(updated)).toEqual(new Set(['swarm://tasks/one']));
  });
});

test('prints what the tools cost', async () => {
  const { exitCode, stdout, stderr } = await openProject().run(['mcp', '--print-tools']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  const count = lines.pop() ?? '';
  const { tools } = JSON.parse(lines.join('\n')) as { readonly tools: readonly object[] };
  const tokens = Math.ceil(JSON.stringify({ tools }).length / 3.5);
  expect(count).toContain(`13 tools, ${JSON.stringify({ tools }).length} characters of JSON`);
  expect(count).toContain(`about ${tokens} tokens`);
});

test('finds the state folder of the project that its client names', async () => {
  const project = openProject();
  const env = { ...mcpEnvironment(project), CLAUDE_PROJECT_DIR: project.folder, RAFT_MANAGER_DIR: '' };
  const { RAFT_MANAGER_DIR: _none, ...rest } = env;
  const server = spawn(process.execPath, [MAIN, 'mcp'], {
    cwd: '/',
    env: rest,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await eventually('the swarm', () => existsSync(join(project.folder, '.raft-manager/swarm/swarm.json')));
  const ended = new Promise((resolve) => server.once('close', resolve));
  server.stdin.end();
  await ended;
});
