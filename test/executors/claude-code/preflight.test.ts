import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createClaudeCodeExecutor } from '../../../src/agents/executors/claude-code.ts';
import { ownFolder, PATH } from '../../shell/playground.ts';
import { agent, CLIENT, openGarden, WORK } from './stand-in.ts';

describe('before anything starts', () => {
  const task = { id: 'roses', prompt: 'prune' };

  test.each([
    { why: 'a prompt is its work', work: task, refusal: undefined },
    {
      why: 'a command is not',
      work: { id: 'roses', run: 'true' },
      refusal: 'task roses has no prompt:, which the executor "claude-code" needs',
    },
  ])('$why', ({ work, refusal }) => {
    const environment = { RAFT_MANAGER_CLAUDE: CLIENT };
    expect(createClaudeCodeExecutor({ environment }).refuse(work)).toBe(refusal);
  });

  test.each<{ why: string; environment: (folder: string) => Record<string, string>; missing?: RegExp }>([
    { why: 'on the PATH', environment: (folder) => ({ PATH: `/nowhere:${folder}/bin` }) },
    {
      why: 'by its name',
      environment: (folder) => ({ PATH: `${folder}/bin`, RAFT_MANAGER_CLAUDE: 'claude' }),
    },
    { why: 'by its path', environment: () => ({ RAFT_MANAGER_CLAUDE: CLIENT }) },
    { why: 'nowhere', environment: () => ({ PATH }), missing: /claude is not on the PATH; install it/ },
    { why: 'nowhere without a PATH', environment: () => ({}), missing: /claude is not on the PATH/ },
    {
      why: 'not in a folder that depends on where we are',
      environment: () => ({ PATH: `.:bin:${PATH}` }),
      missing: /claude is not on the PATH/,
    },
    {
      why: 'not where a plain file is',
      environment: (folder) => ({ RAFT_MANAGER_CLAUDE: `${folder}/plain` }),
      missing: /plain is no executable file/,
    },
    {
      why: 'not where a folder is',
      environment: (folder) => ({ RAFT_MANAGER_CLAUDE: `${folder}/bin` }),
      missing: /bin is no executable file/,
    },
  ])('finds the client $why', async ({ environment, missing }) => {
    const folder = ownFolder();
    mkdirSync(join(folder, 'bin'));
    symlinkSync(CLIENT, join(folder, 'bin/claude'));
    writeFileSync(join(folder, 'plain'), '');
    const { preflight } = createClaudeCodeExecutor({ environment: {} });
    expect((await preflight?.(environment(folder))) ?? 'found').toMatch(missing ?? /^found$/);
  });

  test('hands the task back where the client is gone', async () => {
    const garden = openGarden({ RAFT_MANAGER_CLAUDE: '/nowhere/claude' });
    expect(await garden.execute({ begun: WORK })).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('/nowhere/claude is no executable file'),
      next: 'retry',
    });
  });

  test.each([
    {
      why: 'an agent file that lifts every question',
      changed: { extra: { permissionMode: 'bypassPermissions' } },
    },
    { why: 'instructions that no argument holds', changed: { body: 'x'.repeat(200_000) } },
  ])('refuses $why', async ({ changed }) => {
    const garden = openGarden();
    expect(await garden.execute({ begun: WORK }, { agent: agent(changed) })).toMatchObject({
      outcome: 'failed',
      next: 'park',
    });
    expect(existsSync(join(garden.folder, 'calls.jsonl'))).toBe(false);
  });

  test('a person may lift every question', async () => {
    const garden = openGarden({ RAFT_MANAGER_CLAUDE_PERMISSION_MODE: 'bypassPermissions' });
    const wanted = agent({ extra: { permissionMode: 'acceptEdits' } });
    expect(await garden.execute({ begun: WORK }, { agent: wanted })).toMatchObject({ outcome: 'completed' });
    expect(garden.calls()[0]?.args).toContain('--permission-mode=bypassPermissions');
  });
});
