import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SwarmClient } from 'raft-manager';

const PACKAGE = createRequire(import.meta.url).resolve('raft-manager/package.json');
const { bin } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as {
  readonly bin: { readonly 'raft-manager': string };
};
const RAFT_MANAGER = join(dirname(PACKAGE), bin['raft-manager']);
/** The agent of every instance here. */
const AGENT_FILE = join(dirname(PACKAGE), 'agents/raft-manager.md');

const LOOK_AGAIN_MS = 50;
const PATIENCE_MS = 60_000;

/** Stands for a machine: a folder of its own, in which commands are run and everything that they keep lies. */
export class Machine {
  readonly name: string;
  readonly folder: string;
  #agent: ChildProcess | undefined;

  constructor(name: string, root: string) {
    this.name = name;
    this.folder = join(root, name);
    mkdirSync(this.folder);
  }

  get state(): string {
    return join(this.folder, '.raft-manager');
  }

  /** Runs `raft-manager ARGS` to its end and returns what it printed. @throws Error with what it said when it failed */
  async run(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.attempt(...args);
    if (exitCode === 0) return stdout.trim();
    throw new Error(`${this.name}: raft-manager ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  }

  /** The same, whatever comes of it. */
  async attempt(...args: readonly string[]) {
    const child = this.#spawn(args);
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (text) => (stdout += text));
    child.stderr?.on('data', (text) => (stderr += text));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, stdout, stderr };
  }

  /** Starts `raft-manager agent ARGS`; resolves with the id of its instance when that is up. */
  async startAgent(...args: readonly string[]): Promise<string> {
    const agent = this.#spawn(['agent', AGENT_FILE, '--name', this.name, ...args]);
    this.#agent = agent;
    let [stdout, stderr] = ['', ''];
    agent.stdout?.on('data', (text) => (stdout += text));
    agent.stderr?.on('data', (text) => (stderr += text));
    return until(`${this.name} to be up`, () => {
      if (agent.exitCode !== null) throw new Error(`${this.name}: ${stderr}`);
      return /^(\S+) is up/m.exec(stdout)?.[1];
    });
  }

  /** Ends the agent: in order, or as a power cut does. */
  async stopAgent(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const agent = this.#agent;
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return;
    agent.kill(signal);
    await once(agent, 'close');
  }

  /** A client in this program that sees the swarm as this machine does. */
  connect(): Promise<SwarmClient> {
    return SwarmClient.connect({ dir: this.state, name: `five-${this.name}` });
  }

  #spawn(args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [RAFT_MANAGER, ...args], {
      cwd: this.folder,
      env: { ...process.env, RAFT_MANAGER_DIR: this.state, RAFT_MANAGER_DOMAIN: this.name },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}

/** Looks again and again until there is something. @throws Error saying what was waited for */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
  throw new Error(`waited in vain for ${what}`);
}
