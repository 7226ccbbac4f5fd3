import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadAgentFile } from '../agents/load.ts';
import { PACKAGE_AGENTS } from '../agents/registry.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import { DEFAULT_LEASE_MS } from '../protocol/limits.ts';
import { planSwarm } from '../swarm/founding.ts';
import { takeSupervision } from '../swarm/launch.ts';
import { locateProject, prepareStateFolder, type SwarmFolder, swarmFolder } from '../swarm/layout.ts';
import { isLeftDown } from '../swarm/quarantine.ts';
import { createSwarm as layOutSwarm, loadRoster } from '../swarm/roster.ts';
import { chosen, kept, type WorkOptions } from './executor.ts';
import { type StartedInstance, type StartOptions, type SwarmInstance, startNamed } from './instance.ts';
import { SwarmClient } from './swarm-client.ts';

export interface CreateSwarmOptions extends WorkOptions {
  /** How many instances, 1 to 64. Default 3, of which one may die. Three or five vote, all others learn and work. */
  readonly instances?: number;
  /** Agent files, for the instances in turn. Default: the raft-manager of this package. */
  readonly agents?: readonly string[];
  /**
   * State folder. Default: a temporary one, which is removed with `stop`. A folder that holds a swarm already starts that
   * one again, with its log; what was said when it was made counts then, but for `executor`.
   */
  readonly dir?: string;
  /** Working folder of tasks and hooks; default: the current one. */
  readonly workspace?: string;
  /** How long a silent worker keeps its task, 100 ms to 7 days. Default: five minutes. */
  readonly leaseMs?: Millis;
  /** Hears of what goes wrong in passing: a link that broke, a renewal that was late. */
  onTrouble?(trouble: unknown): void;
}

/** A swarm whose instances live in this process. */
export interface InProcessSwarm {
  /** Its state folder, for `SwarmClient.connect` and `joinSwarm` elsewhere, and for `raft-manager status --dir`. */
  readonly dir: string;
  readonly client: SwarmClient;
  readonly instances: readonly SwarmInstance[];
  /** Closes the client; all instances hand back what they work on, and stop. */
  stop(): Promise<void>;
}

/** A busy machine may take its time to elect. */
const ELECTION_TIMEOUT_MS = 60_000;
const DEFAULT_INSTANCES = 3;

/**
 * Starts a swarm in this process: each instance a real node with its own log on disk, talking to the others over
 * loopback. Resolves when a coordinator is elected and ready.
 *
 * @throws SwarmError BAD_INPUT for options and agent files that cannot be; ALREADY_RUNNING when the swarm in `dir` is up;
 *   NO_QUORUM when nobody could be elected.
 */
export async function createSwarm(options: CreateSwarmOptions = {}): Promise<InProcessSwarm> {
  const { dir = mkdtempSync(join(tmpdir(), 'raft-manager-')) } = options;
  const removeTemporary = (): void => {
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
  };
  try {
    const swarm = await startIn(resolve(dir), options);
    let stopped: Promise<void> | undefined;
    return {
      ...swarm,
      stop() {
        stopped ??= swarm.stop().finally(removeTemporary);
        return stopped;
      },
    };
  } catch (error) {
    removeTemporary();
    throw error;
  }
}

async function startIn(dir: string, options: CreateSwarmOptions): Promise<InProcessSwarm> {
  const executor = await chosen(options);
  const folder = swarmFolder(locateProject(dir, process.env, process.cwd()).standing);
  if (!existsSync(folder.roster)) await found(folder, dir, options);
  const unlock = takeSupervision(folder);
  const instances: StartedInstance[] = [];
  let client: SwarmClient | undefined;
  const stop = async (): Promise<void> => {
    await client?.close();
    // First all, then each: whoever still works may need a quorum to hand its work back.
    await Promise.all(instances.map((instance) => instance.drain()));
    await Promise.all(instances.map((instance) => instance.end()));
    unlock();
  };
  try {
    instances.push(...(await startAll(folder, { executor, onTrouble: options.onTrouble })));
    client = await SwarmClient.connect({ dir: folder.root });
    await client.query({ kind: 'overview' }, { timeoutMs: ELECTION_TIMEOUT_MS });
    return { dir, client, instances, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function found(folder: SwarmFolder, dir: string, options: CreateSwarmOptions): Promise<void> {
  const { agents = [resolve(PACKAGE_AGENTS, 'raft-manager.md')], instances = DEFAULT_INSTANCES } = options;
  const definitions = await Promise.all(agents.map((file) => loadAgentFile(resolve(file))));
  const roster = planSwarm({
    name: 'swarm',
    definitions,
    instances,
    port: 0,
    workspace: resolve(options.workspace ?? '.'),
    requireHooks: false,
    leaseMs: options.leaseMs ?? DEFAULT_LEASE_MS,
    work: { executor: 'command', ...kept(options) },
  });
  prepareStateFolder(dir);
  layOutSwarm(folder.root, roster);
}

/** All or none: those that came up while another could not are stopped again. */
async function startAll(
  folder: SwarmFolder,
  how: Pick<StartOptions, 'executor' | 'onTrouble'>,
): Promise<readonly StartedInstance[]> {
  const names = loadRoster(folder)
    .nodes.map(({ id }) => id as NodeId)
    .filter((name) => !isLeftDown(folder, name));
  const starts = names.map((name) => {
    return startNamed({ folder, name, ...how });
  });
  const outcomes = await Promise.allSettled(starts);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  const up = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (failed === undefined) return up;
  await Promise.all(up.map((instance) => instance.end()));
  throw failed.reason;
}
