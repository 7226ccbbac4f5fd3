import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { loadAgentFile } from '../../src/agents/load.ts';
import { openTrustStore } from '../../src/swarm/hook-policy.ts';
import { runHooks } from '../../src/swarm/hook-trial.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'raft-manager-test-'));
  vi.stubEnv('RAFT_MANAGER_TRUST_DIR', join(folder, 'trust'));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
});

const HOOKS = `hooks:
  pre: echo "$TASK_ID will $TASK in $PWD"
  post: echo "$TASK_ID $SUCCESS"; exit 4`;

async function gardener(hooks: string) {
  const file = join(folder, 'gardener.md');
  writeFileSync(file, `---\nname: gardener\ndescription: digs\n${hooks}\n---\nDigs.\n`);
  return loadAgentFile(file);
}

describe('hooks that a program runs', () => {
  test('run only once a person has allowed them', async () => {
    const agent = await gardener(HOOKS);
    const pre = { phase: 'pre', task: 'dig', taskId: 'well', cwd: folder } as const;
    await expect(runHooks(agent, pre)).rejects.toMatchObject({ code: 'HOOK_DENIED' });
    await (await openTrustStore()).allow(agent.source);
    expect(await runHooks(agent, pre)).toMatchObject({
      outcome: 'succeeded',
      stdout: `well will dig in ${folder}\n`,
    });
  });

  test.each([
    { why: 'success is what is said of a task unless it failed', outcome: undefined, says: 'by-hand true\n' },
    { why: 'a failure is told', outcome: 'failed' as const, says: 'by-hand false\n' },
  ])('$why; a hook that fails is a report', async ({ outcome, says }) => {
    const agent = await gardener(HOOKS);
    await (await openTrustStore()).allow(agent.source);
    const occasion = { phase: 'post', task: 'dig', cwd: folder } as const;
    expect(await runHooks(agent, outcome === undefined ? occasion : { ...occasion, outcome })).toMatchObject({
      outcome: 'failed',
      exitCode: 4,
      stdout: says,
    });
  });

  test('an agent without hooks has nothing to be allowed, and nothing runs', async () => {
    const report = await runHooks(await gardener(''), { phase: 'pre', task: 'dig' });
    expect(report).toMatchObject({ outcome: 'succeeded', scriptHashes: [] });
  });
});
