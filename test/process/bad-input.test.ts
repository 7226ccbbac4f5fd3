import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { allGone, openProject, type Project } from './harness.ts';
import { standingFolder } from './swarm-view.ts';

const ONE_TASK = 'tasks:\n  - { id: a, run: "echo done >>ledger" }\n';

/** Refused with exit code 2 and nothing on stdout; no process runs or ran, and no swarm is left to resume. */
async function expectRefused(
  project: Project,
  args: readonly string[],
  told: string | RegExp,
): Promise<void> {
  const { exitCode, stdout, stderr } = await project.run(args);
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: expect.stringMatching(told),
  });
  expect(project.processes()).toEqual([]);
  expect(project.read('ledger')).toBe('');
  expect(existsSync(standingFolder(project).root)).toBe(false);
  const runs = join(project.state, 'runs');
  expect(existsSync(runs) ? readdirSync(runs) : []).toEqual([]);
}

describe('a task file that cannot be worked through', () => {
  test.each([
    { why: 'missing', file: undefined, told: /tasks\.yaml: no such file; give the path/ },
    { why: 'empty', file: '', told: /tasks\.yaml:1:1: the file is empty; begin with `tasks:`/ },
    {
      why: 'wrong YAML',
      file: 'tasks:\n  - id: a\n    run: "echo\n  - b: [\n',
      told: /tasks\.yaml:5:1: not valid YAML: .*close the quote/,
    },
    {
      why: 'unknown key',
      file: 'tasks:\n  - { id: a, run: "echo", rnu: x }\n',
      told: /tasks\.yaml:2:27: a task has no key `rnu`; did you mean `run`\?/,
    },
    {
      why: 'cycle',
      file: 'tasks:\n  - { id: a, run: x, dependsOn: [c] }\n  - { id: b, run: x, dependsOn: [a] }\n  - { id: c, run: x, dependsOn: [b] }\n',
      told: /tasks\.yaml:2:11: .*: a → c → b → a; remove one/,
    },
    {
      why: 'unknown capability',
      file: 'tasks:\n  - { id: a, run: x, requires: [flying] }\n',
      told: /tasks\.yaml:2:33: task `a` requires `flying`, which no agent .*; known: `leader_election`/,
    },
    {
      why: 'no run: for the executor command',
      file: 'tasks:\n  - { id: a, prompt: Think }\n',
      told: /tasks\.yaml:2:11: task `a` has no `run`, which the executor command needs/,
    },
  ])('$why', async ({ file, told }) => {
    const project = openProject();
    if (file !== undefined) project.write('tasks.yaml', file);
    await expectRefused(project, ['run', 'tasks.yaml'], told);
  });
});

describe('options that cannot be met', () => {
  test.each([
    {
      why: 'nobody',
      args: ['--agents', '0'],
      told: /'--agents <n>' argument '0' is invalid\. expected a whole number from 1 to/,
    },
    {
      why: 'too many',
      args: ['--agents', '2000'],
      told: /argument '2000' is invalid\. expected a whole number from 1 to 64/,
    },
    {
      why: 'an executor of another version',
      args: ['--executor', 'abacus'],
      told: /'abacus' is invalid\. Allowed choices are command, claude, claude-code/,
    },
    {
      why: 'a budget of nothing',
      args: ['--budget-usd', '0'],
      told: /'--budget-usd <amount>' argument '0' is invalid\. expected an amount of dollars/,
    },
    {
      why: 'a model that is an option',
      args: ['--model', '--help-me'],
      told: /'--model <model>' argument '--help-me' is invalid/,
    },
    {
      why: 'an executor without its key',
      args: ['--executor', 'claude'],
      told: /set ANTHROPIC_API_KEY/,
    },
    {
      why: 'an agent file without name',
      args: ['--agent-file', 'nameless.md'],
      told: /nameless\.md:2:1: an agent needs a `name`.*; add `name: …`/,
    },
    {
      why: 'a file that is no agent',
      args: ['--agent-file', 'tasks.yaml'],
      told: /tasks\.yaml:1:1: not an agent/,
    },
    {
      why: 'a missing agent file',
      args: ['--agent-file', 'absent.md'],
      told: /cannot read the agent file .*absent\.md/,
    },
    {
      why: 'a state folder that cannot be made',
      args: ['--dir', 'tasks.yaml/state'],
      told: /cannot write to the state folder .*Choose another with --dir/,
    },
    { why: 'no time', args: ['--lease', '0'], told: /'--lease <time>' argument '0' is invalid/ },
    {
      why: 'no time for a renewal',
      args: ['--lease', '10ms'],
      told: /--lease takes a time from 100 ms to 168 h/,
    },
    {
      why: 'ports beyond the last',
      args: ['--port', '65535'],
      told: /--port 65535 leaves no room for 3 consecutive ports/,
    },
    {
      why: 'an address that others reach, without TLS',
      args: ['--host', '0.0.0.0'],
      told: /instances on 0\.0\.0\.0 would speak without TLS.*"raft-manager security init"/,
    },
    {
      why: 'what is no address of this machine, either',
      args: ['--host', 'two words'],
      told: /instances on two words would speak without TLS/,
    },
    {
      why: 'an option that is none',
      args: ['--agnets', '3'],
      told: /unknown option '--agnets'.*Did you mean --agents/s,
    },
  ])('$why', async ({ args, told }) => {
    const project = openProject();
    project.write('tasks.yaml', ONE_TASK);
    project.write('nameless.md', '---\ndescription: nobody\n---\nBody\n');
    await expectRefused(project, ['run', 'tasks.yaml', ...args], told);
  });
});

describe('a port that somebody listens on', () => {
  test.each([{ command: ['run', 'tasks.yaml'] }, { command: ['up'] }])('$command', async ({ command }) => {
    const project = openProject();
    project.write('tasks.yaml', ONE_TASK);
    const port = await listenSomewhere();
    await expectRefused(
      project,
      [...command, '--port', String(port)],
      `port ${port} on 127.0.0.1 is in use; .*choose another port`,
    );
  });

  test('the second of the three', async () => {
    const project = openProject();
    const port = await listenSomewhere();
    await expectRefused(project, ['up', '--port', String(port - 1)], `port ${port} on 127.0.0.1 is in use`);
  });
});

async function listenSomewhere(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

test('a second swarm in the same folder', async () => {
  const project = openProject();
  expect(await project.run(['up'])).toMatchObject({ exitCode: 0 });
  const before = project.processes();
  for (const args of [['up'], ['up', '--foreground'], ['up', '--agents', '5']]) {
    const { exitCode, stderr } = await project.run(args);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(/is up already, under process \d+; stop it with "raft-manager down"/),
    });
  }
  expect(project.processes()).toEqual(before);
  expect(await project.run(['down'])).toMatchObject({ exitCode: 0 });
  await allGone(project);
  const changed = await project.run(['up', '--agents', '5']);
  expect(changed).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('--agents is for a new one'),
  });
});

test('a data folder of another cluster', async () => {
  const [project, other] = [openProject(), openProject()];
  for (const one of [project, other]) {
    expect(await one.run(['up'])).toMatchObject({ exitCode: 0 });
    expect(await one.run(['down'])).toMatchObject({ exitCode: 0 });
    await allGone(one);
  }
  const folder = standingFolder(project);
  const id = loadRoster(folder).nodes[0]?.id as NodeId;
  rmSync(folder.wal(id), { recursive: true });
  cpSync(standingFolder(other).wal(id), folder.wal(id), { recursive: true });

  const { exitCode, stderr } = await project.run(['up']);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: expect.stringMatching(/another cluster|\[DATA_FOREIGN\]/),
  });
  expect(stderr).toContain(join('nodes', id, 'wal'));
  expect(project.processes()).toEqual([]);
  // Everything is still there for whoever puts the right folder back.
  expect(existsSync(folder.roster)).toBe(true);
});

test.each([
  { args: ['restore', 'nowhere'], told: /cannot read the backup .*nowhere: .*no such file.*\[BAD_INPUT\]/ },
  {
    args: ['quorum', 'apply', 'nowhere'],
    told: /cannot read the plan nowhere: .*no such file.*\[BAD_INPUT\]/,
  },
])('a file that is not there: $args', async ({ args, told }) => {
  await expectRefused(openProject(), args, told);
});
