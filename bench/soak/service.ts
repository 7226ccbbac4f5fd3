import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NodeId } from '../../src/protocol/ids.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import { supervisorOf } from '../../src/swarm/launch.ts';
import { type SwarmFolder, swarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { cpuMs } from '../children.ts';

const MAIN = fileURLToPath(new URL('../../dist/bin/main.js', import.meta.url));
const LOOK_MS = 10;

/** A swarm that `raft-manager up` brings up, as a user's. */
export class Service {
  readonly folder: SwarmFolder;
  readonly #root: string;
  /** Pid of the command that was given last. */
  #command = 0;

  constructor(root: string) {
    this.#root = root;
    this.folder = swarmFolder(join(root, 'swarm'));
  }

  get ids(): readonly NodeId[] {
    return loadRoster(this.folder).nodes.map(({ id }) => id as NodeId);
  }

  /** Pids of the nodes that have not stopped in order. */
  get nodes(): readonly number[] {
    return this.ids.flatMap((id) => findEndpoint(this.folder, id)?.pid ?? []);
  }

  async up(...options: readonly string[]): Promise<void> {
    await this.#run('up', ...options);
  }

  async down(): Promise<void> {
    await this.#run('down');
  }

  client(only?: NodeId): SwarmClient {
    return new SwarmClient({
      folder: this.folder,
      name: 'bench',
      version: 'bench',
      ...(only === undefined ? {} : { only }),
    });
  }

  /** As a power cut would: supervisor and nodes, all at once. */
  async killAll(): Promise<void> {
    const pids = [supervisorOf(this.folder), ...this.nodes].flatMap((pid) => pid ?? []);
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
    while (pids.some(isAlive)) await delay(LOOK_MS);
  }

  /** Processor time that the command, the supervisor and its instances have used so far: what others take on this machine is not in it. */
  cpuMs(): number {
    const supervisor = supervisorOf(this.folder);
    const pids = [this.#command, supervisor, ...childrenOf(supervisor)].flatMap((pid) => pid ?? []);
    return pids.filter(isAlive).reduce((sum, pid) => sum + cpuMs(pid), 0);
  }

  /** What all nodes have on their disk: blocks that are taken, preallocated ones included. */
  diskBytes(): number {
    const nodes = join(this.folder.root, 'nodes');
    const files = readdirSync(nodes, { recursive: true, encoding: 'utf8' });
    return files.reduce((sum, file) => sum + blocksOf(join(nodes, file)), 0);
  }

  #run(...args: readonly string[]): Promise<void> {
    const child = spawn(process.execPath, [MAIN, ...args, '--dir', this.#root], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#command = child.pid ?? 0;
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`raft-manager ${args[0]} ended with ${code}`));
      });
    });
  }
}

/** A segment may be removed between the listing and the look. */
function blocksOf(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

/** proc(5) */
function childrenOf(pid: number | undefined): readonly number[] {
  if (pid === undefined) return [];
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: it is gone.
    return false;
  }
}
