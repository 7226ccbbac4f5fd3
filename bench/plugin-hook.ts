import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What one call of a hook costs a person, from the start of its process to its end, beside a swarm of three: a bare
 * start of Node is the floor. Not counted: the hooks of agents, which are somebody's scripts. `npm run bench:hook`
 */
const CALLS = Number(process.env.CALLS ?? 60);
/** The limit for a call, ms. */
const LIMIT = 150;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'raft-manager-bench-'));
const plugin = join(folder, 'plugin');
const hook = join(plugin, 'lib/cli/hook.js');
const main = join(plugin, 'lib/cli/main.js');
const env = { PATH: process.env.PATH, HOME: folder, CLAUDE_PROJECT_DIR: folder, CLAUDE_PLUGIN_ROOT: plugin };

type Event = Readonly<Record<string, unknown>>;

const recorded = JSON.parse(
  readFileSync(join(ROOT, 'test/fixtures/claude-code/hook-events.json'), 'utf8'),
) as Readonly<Record<string, readonly Event[]>>;

/** A new task, a new subagent with every call. */
const EVENTS: Readonly<Record<string, (call: number) => Event>> = {
  'before a file is written': () => ({
    ...recorded.PreToolUse?.[0],
    tool_name: 'Edit',
    tool_input: { file_path: join(folder, 'src/a.ts') },
  }),
  'before a subagent without hooks': () => ({
    ...recorded.PreToolUse?.[1],
    tool_input: { prompt: 'look', subagent_type: 'Explore' },
  }),
  'a subagent begins': (call) => ({ ...recorded.SubagentStart?.[0], agent_id: `agent-${call}` }),
  'a subagent ends': (call) => ({
    ...recorded.SubagentStop?.[0],
    agent_id: `agent-${call}`,
    agent_type: 'Explore',
  }),
  'a task is created': (call) => ({ ...recorded.TaskCreated?.[0], task_id: String(call) }),
  'a task is completed': (call) => ({ ...recorded.TaskCompleted?.[0], task_id: String(call) }),
  'the session begins': () => recorded.SessionStart?.[0] ?? {},
  'the session ends': () => recorded.SessionEnd?.[0] ?? {},
};

try {
  await measure();
} finally {
  command('down');
  rmSync(folder, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build-plugin.js', plugin], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  mkdirSync(join(folder, '.git'));
  command('up', '--agents', '3');
  console.log(`${CALLS} calls each, ms from start to end of the process${' '.repeat(9)}p50    p99`);
  print('node alone', await times(() => run(['-e', '0'], '')));
  let slowest = 0;
  for (const [name, eventOf] of Object.entries(EVENTS)) {
    const ms = await times((call) => run([hook], JSON.stringify({ ...eventOf(call), cwd: folder })));
    print(name, ms);
    slowest = Math.max(slowest, quantile(ms, 0.5));
  }
  console.log(`the slowest p50 is ${slowest.toFixed(0)} ms of ${LIMIT}`);
  if (slowest > LIMIT) process.exitCode = 1;
}

function command(...args: readonly string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) console.error(stderr);
}

async function times(work: (call: number) => Promise<void>): Promise<readonly number[]> {
  const ms: number[] = [];
  for (let call = 0; call < CALLS; call++) {
    const begun = performance.now();
    await work(call);
    ms.push(performance.now() - begun);
  }
  return ms.sort((a, b) => a - b);
}

function run(args: readonly string[], input: string): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`exit code ${code} of ${args.join(' ')} for ${input}`));
    });
  });
}

function print(name: string, ms: readonly number[]): void {
  const [p50, p99] = [0.5, 0.99].map((part) => quantile(ms, part).toFixed(0).padStart(7));
  console.log(`  ${name.padEnd(56)}${p50}${p99}`);
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
