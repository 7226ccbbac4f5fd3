import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished, vi } from 'vitest';
import { loadAgentFile } from '../../src/agents/load.ts';
import { PACKAGE_AGENTS } from '../../src/agents/registry.ts';
import { replyTo } from '../../src/claude-code/main.ts';
import { type RunningInstance, startInstance } from '../../src/compose.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { planSwarm } from '../../src/swarm/founding.ts';
import { locateProject, type ProjectFolder, prepareStateFolder } from '../../src/swarm/layout.ts';
import { createSwarm } from '../../src/swarm/roster.ts';

const FIXTURE = new URL('../fixtures/claude-code/hook-events.json', import.meta.url);
/** Where the recorded session worked. */
const RECORDED_CWD = '/home/dev/project';
const PATIENCE_MS = 110_000;
const LOOK_AGAIN_MS = 20;

type Event = Readonly<Record<string, unknown>>;

/** What a real session sent, by the name of the event. */
export const RECORDED = JSON.parse(readFileSync(FIXTURE, 'utf8')) as Readonly<
  Record<string, readonly Event[]>
>;

/** The first recorded event of that name and tool, with some fields changed. */
export function recorded(name: string, changes: Event = {}, tool?: string): Event {
  const found = RECORDED[name]?.find((event) => tool === undefined || event.tool_name === tool);
  if (found === undefined) throw new Error(`no ${name} was recorded`);
  return { ...found, ...changes };
}

interface Answered {
  readonly exitCode: number;
  readonly stderr: string;
  /** What was on standard output; undefined when that was nothing. */
  readonly said: unknown;
}

/** A project with a repository in it, where a session of Claude Code works. */
export interface Playground {
  readonly folder: string;
  readonly project: ProjectFolder;
  readonly environment: Record<string, string | undefined>;
  write(path: string, text: string): string;
  read(path: string): string;
  /** Puts an event to the hook, as if it happened here. */
  hook(event: Event): Promise<Answered>;
}

export function openPlayground(): Playground {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'raft-manager-test-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, '.git'));
  const environment = {
    PATH: process.env.PATH,
    HOME: join(folder, 'home'),
    CLAUDE_PROJECT_DIR: folder,
    RAFT_MANAGER_TRUST_DIR: join(folder, 'trust'),
  };
  // What a person decided on this machine is not the test's.
  vi.stubEnv('RAFT_MANAGER_TRUST_DIR', environment.RAFT_MANAGER_TRUST_DIR);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const path = (name: string): string => join(folder, name);
  return {
    folder,
    project: locateProject(join(folder, '.raft-manager'), {}, folder),
    environment,
    write(name, text) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), text);
      return path(name);
    },
    read: (name) => readFileSync(path(name), 'utf8'),
    async hook(event) {
      const here = { ...event, cwd: event.cwd === RECORDED_CWD ? folder : event.cwd };
      const { exitCode, stderr, stdout } = await replyTo(JSON.stringify(here), environment);
      return { exitCode, stderr, said: stdout === '' ? undefined : JSON.parse(stdout) };
    },
  };
}

export interface SmallSwarm {
  readonly client: SwarmClient;
  readonly instance: RunningInstance;
}

/** A swarm of one instance in this process, with a client beside it. Both end with the test. */
export async function startSwarm({ project }: Playground, agents = 0): Promise<SmallSwarm> {
  const definition = await loadAgentFile(join(PACKAGE_AGENTS, 'raft-manager.md'));
  const roster = planSwarm({
    name: 'swarm',
    definitions: [definition],
    instances: 1,
    port: 0,
    workspace: project.project,
    requireHooks: false,
    leaseMs: 300_000,
  });
  prepareStateFolder(project.state);
  const folder = createSwarm(project.standing, roster);
  const troubles: unknown[] = [];
  const instance = await startInstance({
    folder,
    id: roster.nodes[0]?.id as NodeId,
    version: 'test',
    capacity: agents,
    onTrouble: (error) => troubles.push(error),
    onRoleChanged: () => undefined,
    onStopped: (error) => troubles.push(error),
  });
  const client = new SwarmClient({ folder, name: 'test', version: 'test', timeoutMs: PATIENCE_MS });
  onTestFinished(async () => {
    await client.close();
    await instance.stop('at-once');
  });
  await eventually('a coordinator that all understand', async () => {
    const { commitIndex } = await client.query({ kind: 'status' });
    return commitIndex > 0 && (await client.query({ kind: 'members' })).length > 0;
  });
  return { client, instance };
}

export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (const deadline = performance.now() + PATIENCE_MS; ; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await delay(LOOK_AGAIN_MS);
  }
}
