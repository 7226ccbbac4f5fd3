import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAIN, openProject, type Project } from './harness.ts';
import { mcpEnvironment } from './mcp-client.ts';
import { bringUp } from './submissions.ts';

const require = createRequire(import.meta.url);
const INSPECTOR = require.resolve('@modelcontextprotocol/inspector-cli');

/**
 * Runs one method through the inspector's command line, which starts a server for it, and returns what it prints. It looks
 * for its own package.json from the current folder.
 */
async function inspect(project: Project, ...args: readonly string[]): Promise<unknown> {
  const inspector = spawn(
    process.execPath,
    [INSPECTOR, '--cli', process.execPath, MAIN, 'mcp', '--dir', project.state, ...args],
    { cwd: dirname(INSPECTOR), env: mcpEnvironment(project), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stdout = '';
  let stderr = '';
  inspector.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  inspector.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exitCode = await new Promise((resolve) => inspector.once('close', resolve));
  if (exitCode !== 0) throw new Error(`the inspector ended with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout);
}

describe('the inspector', () => {
  test('sees thirteen tools, calls one, and sees the resources', async () => {
    const project = openProject();
    await bringUp(project);
    const listed = (await inspect(project, '--method', 'tools/list')) as {
      readonly tools: readonly object[];
    };
    expect(listed.tools).toHaveLength(13);
    const tasks = JSON.stringify([{ id: 'one', prompt: 'p' }]);
    const submit = ['--tool-name', 'task_submit', '--tool-arg', `tasks=${tasks}`, 'key=k'];
    expect(await inspect(project, '--method', 'tools/call', ...submit)).toMatchObject({
      structuredContent: { taskIds: ['one'], repeated: false },
      content: [{ text: 'submitted: one' }],
    });
    const wrong = ['--tool-name', 'task_update', '--tool-arg', 'taskId=one', 'action=complete', 'fence=1'];
    expect(await inspect(project, '--method', 'tools/call', ...wrong)).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('STALE_FENCE') }],
    });
    expect(await inspect(project, '--method', 'resources/list')).toMatchObject({
      resources: [{ uri: 'swarm://status' }, { uri: 'swarm://log' }, { uri: 'swarm://tasks/one' }],
    });
    const read = ['--uri', 'swarm://tasks/one'];
    expect(await inspect(project, '--method', 'resources/read', ...read)).toMatchObject({
      contents: [{ text: expect.stringContaining('"state": "queued"') }],
    });
    expect(await inspect(project, '--method', 'prompts/list')).toMatchObject({
      prompts: [{ name: 'coordinate' }, { name: 'recover' }],
    });
  });
});
