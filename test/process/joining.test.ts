import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { type Command, eventually, kill, openProject, type Project } from './harness.ts';
import { coordinatorOf, standingFolder, withClient } from './swarm-view.ts';

const AGENT = `---
name: extra
description: one more
capabilities: [leader_election]
---
Works.
`;

/** The members by role, as the coordinator sees them. */
async function configurationOf(project: Project) {
  const folder = standingFolder(project);
  const { id } = await coordinatorOf(folder);
  return withClient(folder, id, async (client) => (await client.query({ kind: 'status' })).configuration);
}

async function joins(agent: Command): Promise<string> {
  return eventually('the agent to be a learner', () => /^learner/m.test(agent.stdout()) && idOf(agent));
}

const idOf = (agent: Command): string => /^(\S+) is up/.exec(agent.stdout())?.[1] ?? '';

test('an instance joins a running swarm, works, and comes back as the same member', async () => {
  const project = openProject();
  const file = project.write('extra.md', AGENT);
  expect(await project.run(['up', '--agents', '1'])).toMatchObject({ exitCode: 0 });
  const first = project.start(['agent', file]);
  const id = await joins(first);
  expect(id).toMatch(/^extra\.\d+$/);
  expect(await configurationOf(project)).toMatchObject({ learners: [id] });
  const task = ['task', 'add', 'who', '--run', 'echo $AGENT_ID', '--json'];
  expect(await project.run([...task, '--requires', 'leader_election'])).toMatchObject({ exitCode: 0 });
  first.signal('SIGINT');
  expect(await first.ended).toMatchObject({ exitCode: 0, stderr: '' });
  const again = project.start(['agent', file]);
  expect(await joins(again)).toBe(id);
  expect(await configurationOf(project)).toMatchObject({ learners: [id] });
  again.signal('SIGINT');
  await again.ended;
});

test('a voter from elsewhere joins by address and token, and votes once it has caught up', async () => {
  const project = openProject();
  const file = project.write('extra.md', AGENT);
  await project.run(['up', '--agents', '1']);
  const folder = standingFolder(project);
  const { url } = await coordinatorOf(folder);
  const elsewhere = ['--dir', join(project.folder, 'elsewhere')];
  const join1 = ['agent', file, ...elsewhere, '--join', url, '--voter'];
  const refused = await project.run(join1);
  expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--token-file') });
  const agent = project.start([...join1, '--token-file', folder.token]);
  const id = await joins(agent);
  await eventually('it to vote', async () => (await configurationOf(project)).voters.includes(id as NodeId));
  // The swarm takes two to decide now; it hands back what it has before it goes.
  agent.signal('SIGINT');
  await agent.ended;
});

test('a swarm that is named is reached by that name, by members and by those who join', async () => {
  const project = openProject();
  const file = project.write('extra.md', AGENT);
  await project.run(['up', '--agents', '1', '--host', 'localhost']);
  const folder = standingFolder(project);
  const { url } = await coordinatorOf(folder);
  expect(url).toMatch(/^ws:\/\/localhost:\d+$/);
  const there = ['agent', file, '--dir', join(project.folder, 'elsewhere')];
  const credentials = ['--join', url, '--token-file', folder.token];
  const agent = project.start([...there, ...credentials, '--listen', 'localhost:0']);
  const id = await joins(agent);
  expect(agent.stdout()).toMatch(/is up at ws:\/\/localhost:/);
  expect(await configurationOf(project)).toMatchObject({ learners: [id] });
  agent.signal('SIGINT');
  expect(await agent.ended).toMatchObject({ exitCode: 0, stderr: '' });
  const moved = project.start([...there, '--listen', '127.0.0.1:0']);
  expect(await joins(moved)).toBe(id);
  expect(moved.stdout()).toMatch(/is up at ws:\/\/127\.0\.0\.1:/);
  moved.signal('SIGINT');
  await moved.ended;
});

test('an agent whose data are no good ends with the exit code of an instance', async () => {
  const project = openProject();
  const file = project.write('extra.md', AGENT);
  await project.run(['up', '--agents', '1']);
  const agent = project.start(['agent', file]);
  await joins(agent);
  agent.signal('SIGINT');
  await agent.ended;
  project.write('state/joined/extra/nodes/extra/identity.json', 'not what it was');
  const again = await project.run(['agent', file]);
  expect(again).toMatchObject({
    exitCode: 65,
    stderr: expect.stringMatching(/identity\.json.*DATA_DAMAGED/),
  });
});

test('an instance of one swarm is not taken to another', async () => {
  const [project, other] = [openProject(), openProject()];
  const file = project.write('extra.md', AGENT);
  await Promise.all([project, other].map((each) => each.run(['up', '--agents', '1'])));
  const agent = project.start(['agent', file]);
  await joins(agent);
  agent.signal('SIGINT');
  await agent.ended;
  const { url } = await coordinatorOf(standingFolder(other));
  const taken = await project.run(['agent', file, '--join', url]);
  expect(taken).toMatchObject({ exitCode: 2, stdout: '' });
  expect(taken.stderr).toMatch(/extra of this state folder belongs to another swarm.*--name or --dir/);
});

test('a voter that lost its data comes back under another id, and votes again (pitfall 20)', async () => {
  const project = openProject();
  await project.run(['up', '--agents', '3']);
  const folder = standingFolder(project);
  const { id: leader } = await coordinatorOf(folder);
  const victim = ['raft-manager-1', 'raft-manager-2', 'raft-manager-3'].find((id) => id !== leader) ?? '';
  const { nodes } = JSON.parse((await project.run(['status', '--json'])).stdout);
  const { pid } = nodes.find(({ id }: { id: string }) => id === victim);
  // Stopped first: what it writes while its folder goes would be found by its next life.
  kill(pid, 'SIGSTOP');
  rmSync(folder.nodeFolder(victim as NodeId), { recursive: true });
  kill(pid, 'SIGKILL');
  const voters = await eventually('another incarnation to vote', async () => {
    const { voters: now, votersOutgoing } = await configurationOf(project);
    return now.length === 3 && !now.includes(victim as NodeId) && votersOutgoing.length === 0 && now;
  });
  expect(voters.filter((id) => new RegExp(`^${victim}\\.\\d+$`).test(id))).toHaveLength(1);
});

test.each([
  { why: 'no such file', args: ['nowhere.md'], told: /nowhere\.md/ },
  { why: 'no address', args: ['extra.md', '--join', 'localhost'], told: /ws:\/\/localhost:7101/ },
  { why: 'no place to listen', args: ['extra.md', '--listen', 'here'], told: /host:port/ },
  {
    why: 'no host to tell',
    args: ['extra.md', '--advertise', 'ws://here'],
    told: /--advertise takes a host/,
  },
  { why: 'no host for others', args: ['extra.md', '--listen', '0.0.0.0:0'], told: /say with --advertise/ },
  { why: 'no name', args: ['extra.md', '--name', 'a b'], told: /--name/ },
])('bad input: $why', async ({ args, told }) => {
  const project = openProject();
  project.write('extra.md', AGENT);
  const ended = await project.run(['agent', ...args]);
  expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
  expect(ended.stderr).toMatch(told);
});

test('nobody to join: exit code 3', async () => {
  const project = openProject();
  project.write('extra.md', AGENT);
  const ended = await project.run([
    'agent',
    'extra.md',
    '--join',
    'ws://127.0.0.1:9',
    '--token-file',
    'extra.md',
  ]);
  expect(ended).toMatchObject({ exitCode: 3 });
  expect(ended.stderr).toMatch(/no node of the swarm to be joined answers/);
});
