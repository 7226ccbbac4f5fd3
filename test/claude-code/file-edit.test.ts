import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPlayground, type Playground, recorded, type SmallSwarm, startSwarm } from './playground.ts';

const OWN = 'claude-7bc84685';

function edit(path: string, tool = 'Edit') {
  const field = tool === 'NotebookEdit' ? 'notebook_path' : 'file_path';
  return recorded('PreToolUse', { tool_name: tool, tool_input: { [field]: path } });
}

async function reserve({ client }: SmallSwarm, holder: string, paths: readonly string[]): Promise<void> {
  const mode = 'exclusive';
  await client.execute({ kind: 'reserve', reservationId: `r-${holder}`, holder, paths, mode });
}

async function withReservation(holder: string, paths: readonly string[]): Promise<Playground> {
  const play = openPlayground();
  await reserve(await startSwarm(play), holder, paths);
  return play;
}

const ALLOWED = { exitCode: 0, stderr: '', said: undefined };
const DENIED = {
  exitCode: 0,
  said: { hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny' } },
};

describe('what another one has reserved', () => {
  test.each(['Edit', 'Write', 'NotebookEdit', 'MultiEdit'])('is not written with %s', async (tool) => {
    const play = await withReservation('alice', ['src/**']);
    expect(await play.hook(edit(join(play.folder, 'src/deep/a.ts'), tool))).toMatchObject(DENIED);
    expect(await play.hook(edit(join(play.folder, 'test/a.ts'), tool))).toEqual(ALLOWED);
  });

  test('the refusal names who, what and until when', async () => {
    const before = Date.now();
    const play = await withReservation('alice', ['src/**']);
    const { said } = await play.hook(edit(join(play.folder, 'src/a.ts')));
    const reason = (said as { hookSpecificOutput: { permissionDecisionReason: string } }).hookSpecificOutput
      .permissionDecisionReason;
    expect(reason).toContain('src/a.ts is reserved by alice (r-alice, exclusive: src/**)');
    const until = Date.parse(/until (\S+Z)/.exec(reason)?.[1] ?? '');
    expect(until).toBeGreaterThanOrEqual(before + 300_000);
    expect(until).toBeLessThanOrEqual(Date.now() + 300_000);
  });

  test.each([
    { why: 'from another folder', cwd: 'src', path: './a.ts' },
    { why: 'by a way around', cwd: '.', path: 'test/../src/a.ts' },
  ])('$why it is the same file', async ({ cwd, path }) => {
    const play = await withReservation('alice', ['src/a.ts']);
    mkdirSync(join(play.folder, 'src'));
    const { said } = await play.hook({ ...edit(path), cwd: join(play.folder, cwd) });
    expect(said).toMatchObject(DENIED.said);
  });

  test('through a link it is the same file', async () => {
    const play = await withReservation('alice', ['src/**']);
    mkdirSync(join(play.folder, 'src'));
    symlinkSync(join(play.folder, 'src'), join(play.folder, 'link'));
    expect(await play.hook(edit(join(play.folder, 'link/new.ts')))).toMatchObject(DENIED);
  });

  test('in another worktree it is the same file', async () => {
    const play = await withReservation('alice', ['src/a.ts']);
    // As git lays it out.
    const own = join(play.folder, '.git/worktrees/two');
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'commondir'), '../..\n');
    const worktree = join(play.folder, 'home/two');
    mkdirSync(worktree, { recursive: true });
    writeFileSync(join(worktree, '.git'), `gitdir: ${own}\n`);
    play.environment.CLAUDE_PROJECT_DIR = worktree;
    const { said } = await play.hook({ ...edit(join(worktree, 'src/a.ts')), cwd: worktree });
    expect(said).toMatchObject(DENIED.said);
  });
});

test('what the session has reserved itself may be written, and what lies outside of any repository', async () => {
  const play = await withReservation(OWN, ['**']);
  expect(await play.hook(edit(join(play.folder, 'src/a.ts')))).toEqual(ALLOWED);
  expect(await play.hook(edit('/somewhere/else.ts'))).toEqual(ALLOWED);
});

test('what a subagent has reserved is its own, and not the main conversation’s', async () => {
  const play = openPlayground();
  const swarm = await startSwarm(play);
  await play.hook(recorded('SubagentStart'));
  const [agent] = (await swarm.client.query({ kind: 'members' })).filter(({ id }) =>
    id.includes('a520786ce790'),
  );
  await reserve(swarm, agent?.id ?? '', ['src/**']);
  const { agent_id } = recorded('SubagentStart');
  expect(await play.hook({ ...edit(join(play.folder, 'src/a.ts')), agent_id })).toEqual(ALLOWED);
  expect(await play.hook(edit(join(play.folder, 'src/a.ts')))).toMatchObject(DENIED);
});

test('without a swarm everything may be written, and the person is told', async () => {
  const play = openPlayground();
  const { exitCode, said } = await play.hook(edit(join(play.folder, 'src/a.ts')));
  expect(exitCode).toBe(0);
  expect(said).toEqual({
    systemMessage: expect.stringMatching(/PreToolUse is not guarded: no node .* answers/),
  });
});
