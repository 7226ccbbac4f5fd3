import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startInstance } from '../../src/compose.ts';
import { listSubagents, sessionFolder } from '../../src/swarm/claude-session.ts';
import { SubagentHost } from '../../src/swarm/subagent-host.ts';
import {
  eventually,
  openPlayground,
  type Playground,
  recorded,
  type SmallSwarm,
  startSwarm,
} from './playground.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START = recorded('SubagentStart');
const STOP = recorded('SubagentStop');
const SESSION = String(START.session_id);

function openHost(play: Playground, sessionId = SESSION): SubagentHost {
  const host = new SubagentHost({
    project: play.project,
    sessionId,
    version: 'test',
    holders: [],
    start: startInstance,
    onTrouble: () => undefined,
  });
  onTestFinished(() => host.close());
  return host;
}

async function learners({ client }: SmallSwarm): Promise<readonly string[]> {
  return (await client.query({ kind: 'status' })).configuration.learners;
}

async function registered({ client }: SmallSwarm) {
  const { instances } = await client.query({ kind: 'overview' });
  return instances.filter(({ id }) => id.startsWith('raft-manager-a'));
}

const isOne = (ids: readonly string[]): string | undefined => (ids.length === 1 ? ids[0] : undefined);

test('a subagent is a node of the swarm from its start to its stop', async () => {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  const host = openHost(play);
  expect(host.open()).toBe(true);
  await play.hook(START);
  const id = await eventually('a learner', async () => isOne(await learners(swarm)));
  // The id that the hook told the subagent is the one of its node.
  expect(listSubagents(sessionFolder(play.project.state, SESSION))[0]?.memberId).toBe(id);
  await eventually('its node to be up', async () => (await registered(swarm)).length === 1);
  expect(await registered(swarm)).toMatchObject([{ id, agent: 'raft-manager' }]);
  await play.hook(STOP);
  await eventually('no learner to be left', async () => (await learners(swarm)).length === 0);
  await eventually('its folder to be gone', () => {
    return readdirSync(sessionFolder(play.project.state, SESSION).nodes).length === 0;
  });
  expect((await swarm.client.query({ kind: 'members' })).map(({ id: one }) => one)).toEqual([
    'raft-manager-1',
  ]);
  expect(await registered(swarm)).toEqual([]);
});

test('it is given nothing; what it claims is renewed while it lives, and goes back when it stops', async () => {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  const host = openHost(play);
  host.open();
  await play.hook(START);
  await eventually('its node to be up', async () => (await registered(swarm)).length === 1);
  const [{ id = '' } = {}] = await registered(swarm);
  const task = {
    title: 'One',
    run: 'true',
    requires: [],
    priority: 'normal',
    dependsOn: [],
    env: {},
  } as const;
  await swarm.client.execute({
    kind: 'submit',
    key: 'k',
    tasks: [
      { ...task, id: 'one' },
      { ...task, id: 'two' },
    ],
  });
  const leaseMs = 2_000;
  const claimant = { id, capabilities: [] };
  const { fence } = await swarm.client.execute({
    kind: 'claim',
    requestId: 'a',
    claimant,
    taskId: 'one',
    leaseMs,
  });
  await eventually('a renewal in the log', async () => {
    const { lines } = await swarm.client.query({ kind: 'log', from: fence, limit: 1_000 });
    return lines.some(({ command }) => (command as { kind?: string } | null)?.kind === 'renew');
  });
  const states = async () => (await swarm.client.query({ kind: 'tasks' })).map(({ state }) => state);
  expect(await states()).toEqual(['running', 'queued']);
  await play.hook(STOP);
  expect(await states()).toEqual(['queued', 'queued']);
});

test('a host that comes late makes up for it, and one host of a session is enough', async () => {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  await play.hook(START);
  expect(await learners(swarm)).toEqual([]);
  const host = openHost(play);
  expect(host.open()).toBe(true);
  expect(openHost(play).open()).toBe(false);
  await eventually('a learner', async () => isOne(await learners(swarm)));
});

test('a host that ends takes its nodes out of the swarm', async () => {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  const host = openHost(play);
  host.open();
  for (const agent_id of ['one', 'two', 'three']) await play.hook({ ...START, agent_id });
  await eventually('three learners', async () => (await learners(swarm)).length === 3);
  await host.close();
  expect(await learners(swarm)).toEqual([]);
  expect(await swarm.client.query({ kind: 'members' })).toHaveLength(1);
});

test('what a session that was killed left behind is taken out by the next one', async () => {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  const process1 = startHostProcess(play);
  await play.hook(START);
  await eventually('its node to be up', async () => (await registered(swarm)).length === 1);
  const gone = new Promise((resolve) => process1.once('exit', resolve));
  process1.kill('SIGKILL');
  await gone;
  expect(await learners(swarm)).toHaveLength(1);
  openHost(play, 'another-session').open();
  await eventually('no learner to be left', async () => (await learners(swarm)).length === 0);
  const dead = sessionFolder(play.project.state, SESSION);
  await eventually('its folder to be gone', () => readdirSync(dead.nodes).length === 0);
  await eventually('it to be forgotten', () => listSubagents(dead).length === 0);
  expect(await registered(swarm)).toEqual([]);
});

test('an agent that nobody defined on this disk is a node, too', async () => {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  openHost(play).open();
  await play.hook({ ...START, agent_type: 'Explore: "odd"' });
  const id = await eventually('a learner', async () => isOne(await learners(swarm)));
  expect(id).toMatch(/^odd-a520786ce790\.\d+$/);
});

function startHostProcess({ project, folder }: Playground): ChildProcess {
  const file = fileURLToPath(new URL('./host-process.ts', import.meta.url));
  const args = ['--import', 'tsx', file, project.state, SESSION];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, HOME: folder },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}
