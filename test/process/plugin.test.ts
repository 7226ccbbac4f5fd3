import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Ended, openProject, type Project, ROOT } from './harness.ts';

const RECORDED = join(ROOT, 'test/fixtures/claude-code/hook-events.json');

interface Plugin {
  readonly project: Project;
  /** Outside of the repository: there is no node_modules above it. */
  readonly root: string;
  /** Runs a command of the plugin as Claude Code does: through a shell, with the event on its standard input. */
  run(command: string, input?: string): Promise<Ended>;
  hook(event: string, changes?: Readonly<Record<string, unknown>>): Promise<Ended>;
}

let built: string;

beforeAll(() => {
  built = join(ROOT, 'node_modules/.cache/plugin-under-test');
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build-plugin.js', built], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

function installPlugin(): Plugin {
  const project = openProject();
  const root = join(project.folder, 'plugin');
  cpSync(built, root, { recursive: true });
  mkdirSync(join(project.folder, '.git'));
  const env = {
    PATH: process.env.PATH,
    HOME: join(project.folder, 'home'),
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
    CLAUDE_PROJECT_DIR: project.folder,
    CLAUDE_PLUGIN_ROOT: root,
    RAFT_MANAGER_DIR: project.state,
    RAFT_MANAGER_TRUST_DIR: join(project.folder, 'trust'),
  };
  const run: Plugin['run'] = (command, input = '') => {
    const child = spawn('sh', ['-c', command], { cwd: project.folder, env, stdio: 'pipe' });
    child.stdin.end(input);
    return endOf(child);
  };
  const hooks = commandsOf(join(root, 'hooks/hooks.json'));
  return {
    project,
    root,
    run,
    hook(event, changes = {}) {
      const recorded = JSON.parse(readFileSync(RECORDED, 'utf8'))[event].at(-1);
      const tool = changes.tool_name ?? recorded.tool_name;
      const command = hooks.find((one) => one.event === event && (one.matches?.test(tool) ?? true))?.command;
      if (command === undefined) throw new Error(`the plugin does not hear ${event} ${tool}`);
      return run(command, JSON.stringify({ ...recorded, cwd: project.folder, ...changes }));
    },
  };
}

function commandsOf(file: string) {
  const { hooks } = JSON.parse(readFileSync(file, 'utf8')) as {
    hooks: Record<string, { matcher?: string; hooks: { command: string }[] }[]>;
  };
  return Object.entries(hooks).flatMap(([event, groups]) =>
    groups.flatMap(({ matcher, hooks: list }) =>
      list.map(({ command }) => {
        return { event, command, matches: matcher === undefined ? undefined : new RegExp(`^(${matcher})$`) };
      }),
    ),
  );
}

function endOf(child: ReturnType<typeof spawn>): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

test('the plugin works from any folder, with nothing but Node', async () => {
  const { hook, project, root, run } = installPlugin();
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(JSON.parse(readFileSync(join(root, '.claude-plugin/plugin.json'), 'utf8'))).toMatchObject({
    version,
  });
  expect(await run(`"${root}/bin/raft-manager" --version`)).toMatchObject({
    exitCode: 0,
    stdout: `${version}\n`,
  });
  expect(await run(`"${root}/bin/raft-manager" up --agents 1`)).toMatchObject({ exitCode: 0, stderr: '' });

  const started = await hook('SessionStart');
  expect(started).toMatchObject({ exitCode: 0, stderr: '' });
  expect(started.stdout).toContain('coordinator raft-manager-1');
  expect(await hook('TaskCreated')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  // The hooks of the agents that it brings along call the command that it brings along.
  expect(await hook('PreToolUse', { tool_name: 'Agent', tool_input: agentCall() })).toMatchObject({
    exitCode: 0,
    stderr: '',
  });
  expect((await hook('SubagentStart')).stdout).toContain('You are raft-manager-a520786ce790.');
  expect(await hook('SubagentStop')).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await hook('TaskCompleted')).toMatchObject({ exitCode: 0, stderr: '' });
  const { stdout } = await run(`"${root}/bin/raft-manager" task list --json`);
  expect(JSON.parse(stdout)).toMatchObject([
    { title: 'Elect', state: 'completed', agent: 'claude-7bc84685' },
  ]);

  await run(`"${root}/bin/raft-manager" reserve --as alice "src/**"`);
  const edit = { tool_name: 'Write', tool_input: { file_path: join(project.folder, 'src/a.ts') } };
  expect((await hook('PreToolUse', edit)).stdout).toContain('"permissionDecision":"deny"');
  expect(await hook('SessionEnd')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  expect(await run(`"${root}/bin/raft-manager" down`)).toMatchObject({ exitCode: 0 });
});

test('what was bundled brings its terms', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const notices = readFileSync(join(built, 'lib/LICENSES.txt'), 'utf8');
  for (const name of ['ws', 'zod', 'yaml', 'execa']) {
    expect(Object.keys(dependencies)).toContain(name);
    expect(notices).toMatch(new RegExp(`^${name} \\d+\\.`, 'm'));
  }
});

test('the agents of the plugin are those of the package, and their hooks are trusted', async () => {
  const { hook, root } = installPlugin();
  const agents = readdirSync(join(ROOT, 'agents'));
  expect(readdirSync(join(root, 'agents'))).toEqual(agents);
  // There is no swarm: the hook of the agent says so itself, and nobody had to allow it.
  const refused = await hook('PreToolUse', { tool_name: 'Agent', tool_input: agentCall() });
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused.stderr).toContain('pre hook of raft-manager');
});

function agentCall() {
  return { prompt: 'start an election', subagent_type: 'raft-manager:raft-manager' };
}
