import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Plan } from '../../src/siblings/quorum-manager/plan.ts';
import type { QuorumStatus } from '../../src/siblings/quorum-manager/requests.ts';
import { swarmFolder } from '../../src/swarm/layout.ts';
import { type Command, eventually, kill, openProject, type Project, ROOT } from './harness.ts';
import { coordinatorOf, standingFolder } from './swarm-view.ts';

async function json<T>(project: Project, ...args: string[]): Promise<T> {
  const { exitCode, stdout, stderr } = await project.run([...args, '--json', '--timeout', '60s']);
  expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as T;
}

const quorum = (project: Project): Promise<QuorumStatus> => json(project, 'quorum', 'status');

/** A process of its own, which no supervisor brings back; as soon as it is a member. */
async function enter(
  project: Project,
  name: string,
  ...more: string[]
): Promise<{ id: string; command: Command }> {
  const file = join(ROOT, 'agents/raft-manager.md');
  const command = project.start(['agent', file, '--name', name, '--json', ...more]);
  const id = await eventually(`${name} to be a member`, async () => {
    const { members } = await quorum(project);
    return members.find((one) => one.id.startsWith(`${name}.`))?.id;
  });
  return { id, command };
}

/** Three voters, of which one is a process that nobody would bring back. */
async function withMortalVoter(project: Project) {
  expect(await project.run(['up', '--agents', '3'])).toMatchObject({ exitCode: 0, stderr: '' });
  await coordinatorOf(standingFolder(project));
  const mortal = await enter(project, 'mortal', '--domain', 'rack-1');
  // In the same rack: only when the other one is gone is there anything to be gained by its vote.
  const spare = await enter(project, 'spare', '--domain', 'rack-1');
  const { leader, voters } = await quorum(project);
  const former = voters.find((id) => id !== leader) ?? '';
  await json(project, 'members', 'replace', former, mortal.id);
  return { mortal, spare };
}

test('a voter that is killed for good is replaced by itself, once that is switched on', async () => {
  const project = openProject();
  const { mortal, spare } = await withMortalVoter(project);
  const before = await quorum(project);
  expect(before).toMatchObject({ quorum: 2, survives: 1, policy: { auto: false } });
  expect(before.members.find(({ id }) => id === mortal.id)).toMatchObject({ domain: 'rack-1', voter: true });
  await json(
    project,
    ...['quorum', 'auto', 'on', '--voters', '3', '--survive', '1'],
    ...['--cool-down', '500ms', '--replace-after', '2s', '--stable', '500ms'],
  );

  kill(mortal.command.pid, 'SIGKILL');
  const after = await eventually('the dead voter to be replaced', async () => {
    const status = await quorum(project);
    // It is told of after it was done.
    return status.adjustments.length > 0 && status.survives === 1 ? status : undefined;
  });
  expect(after.voters).toContain(spare.id);
  expect(after.voters).toHaveLength(3);
  expect(after.learners).toContain(mortal.id);
  expect(after.adjustments).toMatchObject([
    { by: 'auto', why: `${spare.id} votes in the place of ${mortal.id}`, outcome: 'done' },
  ]);
  expect(await project.run(['task', 'add', 'still-at-work', '--run', 'true'])).toMatchObject({ exitCode: 0 });
  expect((await project.run(['quorum', 'auto', 'status'])).stdout).toMatch(
    /^auto on: 3 voters.*\n.* auto by /,
  );
});

test('a plan is looked at, kept in a file, and carried out; a plan whose time is over is refused', async () => {
  const project = openProject();
  const { mortal, spare } = await withMortalVoter(project);
  expect((await project.run(['quorum', 'status'])).stdout).toMatch(
    /MEMBER +PART +LINK[\s\S]*2 of 3 votes decide; 1 more loss[\s\S]*Votes are never weighted/,
  );
  kill(mortal.command.pid, 'SIGKILL');
  const plan = await eventually('a plan without the dead voter', async () => {
    const made = await json<Plan>(project, 'quorum', 'plan', '--strategy', 'fault-tolerance');
    return made.recommendedVoters.some((id) => id === mortal.id) ? undefined : made;
  });
  expect(plan).toMatchObject({
    strategy: 'fault-tolerance',
    expectedImpact: { survives: { before: 0, after: 1 } },
    steps: [
      {
        changes: [
          { type: 'add-voter', id: spare.id },
          { type: 'add-learner', id: mortal.id },
        ],
      },
    ],
  });
  const file = project.write('plan.json', JSON.stringify(plan));
  expect((await project.run(['quorum', 'plan'])).stdout).toContain(
    `promote ${spare.id}, demote ${mortal.id}`,
  );
  const applied = await project.run(['quorum', 'apply', file]);
  expect(applied).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('1 step carried out') });
  expect([...(await quorum(project)).voters].sort()).toEqual([...plan.recommendedVoters].sort());

  expect((await project.run(['quorum', 'apply', file])).stdout).toContain('nothing to do');
  // The wish is told again with the command that carries it out: without it another plan would be made.
  expect((await project.run(['quorum', 'plan', '--voters', '1'])).stdout).toContain(
    'to carry it out: raft-manager quorum apply --voters 1',
  );
  expect(await json(project, 'quorum', 'apply', '--voters', '1', '--survive', '0')).toMatchObject({
    voters: [(await quorum(project)).leader],
  });
  expect(await project.run(['quorum', 'apply', file])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/was made for voters .*Plan again \[STALE_VERSION\]/s),
  });
});

describe('quorum refuses', () => {
  test('what cannot be, with the place of it', async () => {
    const project = openProject();
    expect(await project.run(['up', '--agents', '1'])).toMatchObject({ exitCode: 0 });
    const refusal = async (...args: string[]): Promise<string> => {
      const { exitCode, stderr } = await project.run(['quorum', ...args]);
      expect({ args, exitCode }).toEqual({ args, exitCode: 2 });
      return stderr;
    };
    expect(await refusal('plan', '--strategy', 'luck')).toContain('Allowed choices are network');
    expect(await refusal('weight', 'raft-manager-1', '2.5')).toContain('from 0.1 to 2, not 2.5');
    expect(await refusal('weight', 'raft-manager-1', 'much')).toContain('expected a number');
    expect(await refusal('weight', 'nobody', '1')).toContain(
      'there is no member nobody; there are raft-manager-1',
    );
    expect(await refusal('domain', 'raft-manager-1', 'a b')).toMatch(/named by 1 to 128 of .*, not "a b"/);
    expect(await refusal('auto', 'on', '--voters', '4')).toContain('expected 1, 3, 5 or 7');
    expect(await refusal('auto', 'status', '--voters', '3')).toContain('only looks');
    expect(await refusal('apply', project.write('a.json', '{\n  "steps": [,]\n}'))).toMatch(
      /a\.json:2:13: no plan/,
    );
    const plan = await project.run(['quorum', 'plan', '--json']);
    expect(await refusal('apply', project.write('plan.json', plan.stdout), '--voters', '3')).toMatch(
      /plan\.json says already what is to be.* leave one of them out/,
    );
    expect(await refusal('apply', project.write('b.json', '{\n  "steps": 3\n}'))).toMatch(
      /b\.json:\d+:\d+: no plan/,
    );
  });

  test('without a swarm, or a majority of its voters: exit code 3', async () => {
    expect(await openProject().run(['quorum', 'status'])).toMatchObject({ exitCode: 3, stdout: '' });
    const project = openProject();
    await project.run(['up', '--agents', '3']);
    const folder = swarmFolder(join(project.state, 'swarm'));
    const { id } = await coordinatorOf(folder);
    const { nodes } = JSON.parse((await project.run(['status', '--json'])).stdout) as {
      readonly nodes: readonly { readonly id: string; readonly pid: number }[];
    };
    for (const node of nodes) if (node.id !== id) kill(node.pid, 'SIGSTOP');
    const late = await project.run(['quorum', 'plan', '--timeout', '2s']);
    for (const node of nodes) kill(node.pid, 'SIGCONT');
    expect(late).toMatchObject({ exitCode: 3, stdout: '' });
  });
});
