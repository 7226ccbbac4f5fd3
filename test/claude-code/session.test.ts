import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ClaimCommand } from '../../src/tasks/command.ts';
import { openPlayground, RECORDED, recorded, type SmallSwarm, startSwarm } from './playground.ts';

const OWN = 'claude-7bc84685';
const START = recorded('SessionStart');
const END = recorded('SessionEnd');

async function submit({ client }: SmallSwarm, ...ids: readonly string[]): Promise<void> {
  const tasks = ids.map((id) => {
    return {
      id,
      title: `Do ${id}`,
      prompt: id,
      requires: [],
      priority: 'normal',
      dependsOn: [],
      env: {},
    } as const;
  });
  await client.execute({ kind: 'submit', key: ids.join(), tasks });
}

async function claim({ client }: SmallSwarm, who: string, taskId: string): Promise<number> {
  const command: ClaimCommand = {
    kind: 'claim',
    requestId: `${who} ${taskId}`,
    claimant: { id: who, capabilities: [] },
    taskId,
  };
  return (await client.execute(command)).fence;
}

function contextOf(said: unknown): string {
  return (said as { hookSpecificOutput: { additionalContext: string } }).hookSpecificOutput.additionalContext;
}

describe('a session that begins', () => {
  test('learns who it is, who coordinates, what it holds, and what is reserved', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    await submit(swarm, 'mine', 'free');
    const fence = await claim(swarm, OWN, 'mine');
    const reserve = { kind: 'reserve', paths: ['src/**'], mode: 'exclusive' } as const;
    await swarm.client.execute({ ...reserve, reservationId: 'r1', holder: 'alice' });
    await swarm.client.execute({ ...reserve, reservationId: 'r2', holder: OWN, paths: ['docs/**'] });
    const { exitCode, said } = await play.hook(START);
    expect(exitCode).toBe(0);
    const text = contextOf(said);
    expect(text).toMatch(/^Swarm swarm: coordinator raft-manager-1, term \d+\.$/m);
    expect(text).toContain(`You work as ${OWN}.`);
    expect(text).toContain(`You hold: mine "Do mine" (fence ${fence}).`);
    expect(text).toContain('Ready to be claimed: free "Do free".');
    expect(text).toContain('src/** by alice');
    expect(text).not.toContain('docs/**');
    expect(text).not.toContain('While you were away');
  });

  test('names its shells, so that what they claim is its own', async () => {
    const play = openPlayground();
    const file = play.write('home/env', '');
    play.environment.CLAUDE_ENV_FILE = file;
    await play.hook(START);
    expect(readFileSync(file, 'utf8')).toBe(`export RAFT_MANAGER_AGENT=${OWN}\n`);
  });

  test('again, is told what happened while it was away, and nothing twice', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    await submit(swarm, 'mine');
    await claim(swarm, OWN, 'mine');
    await play.hook(START);
    await play.hook(END);
    const fence = await claim(swarm, 'bob', 'mine');
    await swarm.client.execute({ kind: 'complete', taskId: 'mine', fence, output: '', hooks: [] });
    const resumed = await play.hook({ ...START, source: 'resume' });
    expect(contextOf(resumed.said)).toContain('While you were away: mine is completed (bob).');
    expect(contextOf((await play.hook(START)).said)).not.toContain('While you were away');
  });

  test('before its swarm does, is not bothered', async () => {
    expect(await openPlayground().hook(START)).toEqual({ exitCode: 0, stderr: '', said: undefined });
  });
});

describe('a session that ends', () => {
  test('gives back what it and its subagents hold', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    await submit(swarm, 'mine', 'its', 'others');
    await play.hook(START);
    const started = await play.hook(recorded('SubagentStart'));
    const subagent = /^You are (\S+),/.exec(contextOf(started.said))?.[1] ?? '';
    await claim(swarm, OWN, 'mine');
    await claim(swarm, subagent, 'its');
    await claim(swarm, 'bob', 'others');
    const reserve = {
      kind: 'reserve',
      reservationId: 'r',
      holder: OWN,
      paths: ['a'],
      mode: 'exclusive',
    } as const;
    await swarm.client.execute(reserve);
    expect(await play.hook(END)).toEqual({ exitCode: 0, stderr: '', said: undefined });
    const states = (await swarm.client.query({ kind: 'tasks' })).map(({ id, state }) => [id, state]);
    expect(Object.fromEntries(states)).toEqual({ mine: 'queued', its: 'queued', others: 'running' });
    expect(await swarm.client.query({ kind: 'reservations' })).toEqual([]);
    expect((await swarm.client.query({ kind: 'members' })).map(({ id }) => id)).toEqual(['raft-manager-1']);
  });

  test('without a swarm just ends', async () => {
    expect(await openPlayground().hook(END)).toEqual({ exitCode: 0, stderr: '', said: undefined });
  });
});

describe('a subagent', () => {
  test('learns its name and its place; what it holds goes back when it stops', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    await submit(swarm, 'one');
    const { exitCode, said } = await play.hook(recorded('SubagentStart'));
    expect(exitCode).toBe(0);
    const [, name = ''] = /^You are (raft-manager-a520786ce790\.\d+), /.exec(contextOf(said)) ?? [];
    expect(contextOf(said)).toContain('coordinator raft-manager-1');
    expect(contextOf(said)).toContain('Ready to be claimed: one');
    await claim(swarm, name, 'one');
    expect(await play.hook(recorded('SubagentStop'))).toMatchObject({ exitCode: 0 });
    expect(await swarm.client.query({ kind: 'task', id: 'one' })).toMatchObject({
      state: 'queued',
      losses: 0,
    });
    expect(await swarm.client.query({ kind: 'members' })).toHaveLength(1);
  });

  test('where there never was a swarm leaves nothing behind', async () => {
    const play = openPlayground();
    await play.hook(recorded('SubagentStart'));
    await play.hook(recorded('SubagentStop'));
    expect(existsSync(join(play.folder, '.raft-manager'))).toBe(false);
  });
});

describe('a teammate that would go idle', () => {
  const IDLE = { ...END, hook_event_name: 'TeammateIdle', teammate_name: 'ann', team_name: 'team' };

  test('is offered the next ready task, once; another one is offered it, too', async () => {
    const play = openPlayground();
    const swarm = await startSwarm(play);
    expect(await play.hook(IDLE)).toMatchObject({ exitCode: 0 });
    await submit(swarm, 'one');
    expect(await play.hook(IDLE)).toEqual({
      exitCode: 2,
      said: undefined,
      stderr: expect.stringContaining('Task one is ready and nobody works on it: "Do one".'),
    });
    expect(await play.hook(IDLE)).toEqual({ exitCode: 0, stderr: '', said: undefined });
    expect(await play.hook({ ...IDLE, teammate_name: 'ben' })).toMatchObject({ exitCode: 2 });
    await submit(swarm, 'two');
    await claim(swarm, 'bob', 'one');
    expect(await play.hook(IDLE)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('Task two') });
  });
});

test('every event that was recorded is answered in a project that has no swarm', async () => {
  const play = openPlayground();
  const events = Object.values(RECORDED).flat();
  expect(events.length).toBeGreaterThan(10);
  for (const event of events) {
    const { exitCode } = await play.hook({ ...event, tool_input: { subagent_type: 'Explore' } });
    const name = event.hook_event_name;
    // Whether it is the second completion cannot be said; all else goes on.
    expect([name, exitCode]).toEqual([name, name === 'TaskCompleted' ? 2 : 0]);
  }
});

test('what is no event is told to the person', async () => {
  const play = openPlayground();
  expect(await play.hook({ no: 'event' })).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('expected'),
  });
});
