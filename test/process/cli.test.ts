import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Ended, openProject, type Project, ROOT } from './harness.ts';

/** Commands of one project, in short. */
function shell(project: Project) {
  const run = (...args: string[]): Promise<Ended> => project.run(args);
  const json = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await run(...args, '--json');
    expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
    return JSON.parse(stdout);
  };
  return { run, json };
}

describe('the command line without a swarm', () => {
  const refusals = [
    { why: 'nothing is up', args: ['task', 'list'], exitCode: 3, says: 'raft-manager up' },
    { why: 'nothing to stop', args: ['down'], exitCode: 3, says: 'no swarm is up' },
    { why: 'no such command', args: ['frobnicate'], exitCode: 2, says: 'unknown command' },
    { why: 'no such option', args: ['status', '--frob'], exitCode: 2, says: "unknown option '--frob'" },
    { why: 'a time that is none', args: ['status', '--timeout', 'soon'], exitCode: 2, says: '500ms, 30s' },
    { why: 'no fence', args: ['task', 'complete', 'a'], exitCode: 2, says: '--fence' },
    { why: 'a task without work', args: ['task', 'add', 'a'], exitCode: 2, says: '--run' },
    {
      why: 'a variable without a name',
      args: ['task', 'add', '--run', 'x', '--env', '=1'],
      exitCode: 2,
      says: 'NAME=VALUE',
    },
    { why: 'a bad id', args: ['task', 'add', 'a b', '--run', 'x'], exitCode: 2, says: 'tasks' },
    { why: 'no file there', args: ['agents', 'lint', 'nowhere.md'], exitCode: 2, says: 'nowhere.md' },
    {
      why: 'neither pre nor post',
      args: ['hooks', 'run', join(ROOT, 'agents/raft-manager.md'), 'mid'],
      exitCode: 2,
      says: '"pre" or "post"',
    },
    { why: 'nothing to reserve', args: ['reserve'], exitCode: 2, says: 'at least one path' },
  ];
  test.each(refusals)('refuses with $exitCode: $why', async ({ args, exitCode, says }) => {
    const { run } = shell(openProject());
    const ended = await run(...args);
    expect(ended).toMatchObject({ exitCode, stdout: '' });
    expect(ended.stderr).toContain(says);
  });

  test('explains every command, with an example', async () => {
    const { run } = shell(openProject());
    const { stdout } = await run('--help');
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name ?? '');
    expect(commands).toContain('run');
    const helps = await Promise.all(
      commands
        .filter((name) => name !== 'help')
        .map(async (name) => ({ name, ...(await run(name, '--help')) })),
    );
    for (const help of helps) expect(help, help.name).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('lints agent files with file, line and column, and exits 1 for errors', async () => {
    const project = openProject();
    const { run } = shell(project);
    const path = project.write('broken.md', '---\ndescription: has no name\n---\nbody\n');
    const ended = await run('agents', 'lint', path);
    expect(ended.exitCode).toBe(1);
    expect(ended.stdout).toContain(`${path}:2:1: error missing-name`);
  });

  test('runs hooks only of files that were allowed, and asks again after an edit', async () => {
    const project = openProject();
    const { run } = shell(project);
    const text = '---\nname: a\ndescription: b\nhooks:\n  pre: echo "pre of $TASK"\n---\n';
    const path = project.write('agent.md', text);
    expect(await run('hooks', 'run', path, 'pre')).toMatchObject({ exitCode: 2, stdout: '' });
    expect((await run('hooks', 'allow', path)).stdout).toContain('pre of $TASK');
    const ran = await run('hooks', 'run', path, 'pre', '--task', 'it');
    expect(ran).toMatchObject({ exitCode: 0, stdout: 'pre of it\n' });
    expect((await run('hooks', 'list')).stdout).toContain(path);
    project.write('agent.md', text.replace('pre of', 'other'));
    const changed = await run('hooks', 'run', path, 'pre');
    expect(changed.exitCode).toBe(2);
    expect(changed.stderr).toContain('has changed since');
    await run('hooks', 'deny', path);
    expect((await run('hooks', 'run', path, 'pre')).stderr).toContain('were denied');
  });
});

describe('the command line of a standing swarm', () => {
  test('takes tasks from submission to their end', async () => {
    const project = openProject();
    const { run, json } = shell(project);
    expect(await run('up')).toMatchObject({ exitCode: 0, stderr: '' });

    expect((await run('task', 'add', 'build', '--run', 'echo built', '--key', 'k')).stdout).toBe('build\n');
    expect((await run('task', 'add', 'build', '--run', 'echo again', '--key', 'k')).stdout).toContain(
      'submitted before',
    );
    expect(await run('task', 'watch', 'build')).toMatchObject({ exitCode: 0 });
    expect(await json('task', 'show', 'build')).toMatchObject({
      state: 'completed',
      exitCode: 0,
      output: 'built\n',
    });
    expect((await run('task', 'show', 'build')).stdout).toMatch(/state\s+completed/);

    await run('task', 'add', 'bad', '--run', 'exit 7', '--retries', '0');
    expect(await run('task', 'watch', 'bad')).toMatchObject({ exitCode: 1 });
    expect(await json('task', 'show', 'bad')).toMatchObject({ state: 'failed', exitCode: 7 });
    // What has ended before is told as it would have been.
    expect(await run('task', 'watch', 'bad')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/^failed +bad, raft-manager-\d: exit code 7\n$/m),
    });
    expect(await run('task', 'watch', 'build')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^output +build run \| built\n(.*\n)*completed +build, raft-manager-\d/m),
    });
    await run('task', 'add', 'after', '--run', 'true', '--depends-on', 'bad');
    expect(await json('task', 'list', '--state', 'blocked')).toMatchObject([{ id: 'after' }]);
    expect((await run('task', 'retry', 'bad')).stdout).toContain('bad');

    // Only somebody outside has this capability, so the swarm leaves the task alone.
    await run('task', 'add', 'look', '--prompt', 'look at it', '--requires', 'review');
    const nothing = await run('task', 'claim', '--as', 'me', '--capabilities', 'cooking');
    expect(nothing).toMatchObject({ exitCode: 1, stdout: '' });
    const claimed = await json('task', 'claim', '--as', 'me', '--capabilities', 'review');
    expect(claimed).toMatchObject({ id: 'look', agent: 'me', state: 'running' });
    const fence = String(claimed.fence);
    expect(await run('task', 'claim', 'look', '--as', 'you', '--capabilities', 'review')).toMatchObject({
      exitCode: 1,
    });
    expect(await run('task', 'renew', 'look', '--fence', fence)).toMatchObject({ exitCode: 0 });
    expect(await run('task', 'note', 'look', 'half way', '--fence', fence)).toMatchObject({ exitCode: 0 });
    const stale = await run('task', 'complete', 'look', '--fence', String(claimed.fence - 1));
    expect(stale.exitCode).toBe(1);
    expect(stale.stderr).toContain('STALE_FENCE');
    const done = await json('task', 'complete', 'look', '--fence', fence, '--output', 'fine');
    expect(done).toMatchObject({
      state: 'completed',
      output: 'fine',
      notes: [{ text: 'half way', agent: 'me' }],
    });

    await run('task', 'add', 'never', '--prompt', 'x', '--requires', 'nobody');
    expect(await json('task', 'cancel', 'never')).toMatchObject({ state: 'cancelled' });
    expect(await run('task', 'show', 'nothing')).toMatchObject({ exitCode: 2 });
    expect(await run('down')).toMatchObject({ exitCode: 0 });
  });

  test('reserves paths, pauses, hands over, and tells how things stand', async () => {
    const { run, json } = shell(openProject());
    await run('up');

    const granted = await json('reserve', 'src/api/**', '--as', 'me');
    expect(granted).toMatchObject({ holder: 'me', paths: ['src/api/**'], mode: 'exclusive' });
    const refused = await run('reserve', 'src/api/users.ts', '--as', 'you');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('RESERVED');
    expect((await run('reserve', '--list')).stdout).toContain(granted.reservationId);
    expect(await run('release', granted.reservationId, '--fence', String(granted.fence))).toMatchObject({
      exitCode: 0,
    });
    expect(await json('reserve', 'src/api/users.ts', '--as', 'you')).toMatchObject({ holder: 'you' });

    await run('swarm', 'pause', '--reason', 'freeze');
    await run('task', 'add', 'held', '--run', 'true');
    expect(await json('status')).toMatchObject({ paused: 'freeze', tasks: { queued: 1 } });
    await run('swarm', 'resume');
    expect(await run('task', 'watch', 'held')).toMatchObject({ exitCode: 0 });

    const before = await json('status');
    expect(before).toMatchObject({
      quorum: true,
      coordinator: expect.any(String),
      clusterId: expect.any(String),
      tasks: { queued: 0, assigned: 0, running: 0, completed: 1, failed: 0, cancelled: 0, blocked: 0 },
    });
    for (const node of before.nodes) {
      expect(node).toMatchObject({
        agent: 'raft-manager',
        voter: true,
        url: expect.stringMatching(/^ws:/),
        pid: expect.any(Number),
        host: expect.any(String),
        term: before.term,
        lag: expect.any(Number),
      });
    }
    const heir = before.nodes.find(({ role }: { role: string }) => role === 'follower').id;
    expect((await run('transfer', heir)).stdout).toContain(`${heir} takes over from ${before.coordinator}`);
    expect(await json('status')).toMatchObject({ coordinator: heir });
    expect(await run('transfer', 'nobody')).toMatchObject({ exitCode: 2 });

    const { stdout } = await run('log', '--json');
    const entries = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(entries.map(({ index }) => index)).toEqual(entries.map((_, at) => at + 1));
    expect(entries[0]).toEqual({ index: 1, term: 1, kind: 'noop', at: null, command: null });
    expect(entries.some(({ command }) => command?.kind === 'pause')).toBe(true);
    await run('down');
  });
});
