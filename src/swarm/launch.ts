import { mkdirSync } from 'node:fs';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { type Hold, holderOf, holdOf, lockFolder } from '../storage/folder-lock.ts';
import type { SwarmFolder } from './layout.ts';
import { loadRoster } from './roster.ts';
import { Supervisor, type SupervisorEvent } from './supervisor.ts';

export interface LaunchOptions {
  readonly folder: SwarmFolder;
  /** Program and arguments in front of `--swarm FOLDER --id ID`. */
  readonly nodeCommand: readonly string[];
  onEvent(event: SupervisorEvent): void;
}

export interface LaunchedSwarm {
  readonly supervisor: Supervisor;
  /** Stops every instance in order and gives the folder back. */
  stop(): Promise<void>;
}

/**
 * Starts the processes of the swarm in `folder` and keeps them up.
 *
 * @throws SwarmError ALREADY_RUNNING naming the process that does so already; what an instance fails with.
 */
export async function launchSwarm(options: LaunchOptions): Promise<LaunchedSwarm> {
  const { folder, nodeCommand, onEvent } = options;
  const unlock = takeSupervision(folder);
  const supervisor = new Supervisor({
    folder,
    ids: loadRoster(folder).nodes.map(({ id }) => id as NodeId),
    command: (id) => [...nodeCommand, '--swarm', folder.root, '--id', id],
    onEvent,
  });
  try {
    await supervisor.start();
  } catch (error) {
    unlock();
    throw error;
  }
  return {
    supervisor,
    async stop() {
      await supervisor.stop();
      unlock();
    },
  };
}

/** Whether somebody supervises the swarm in `folder`, or how the last one who did has left it. */
export function supervisionOf(folder: SwarmFolder): Hold {
  return holdOf(folder.supervisor);
}

/** Pid of the process that supervises the swarm in `folder`. */
export function supervisorOf(folder: SwarmFolder): number | undefined {
  return holderOf(folder.supervisor);
}

/**
 * Makes this process the one that runs the swarm in `folder`, until the function it returns is called.
 *
 * @throws SwarmError ALREADY_RUNNING naming the process that does so already.
 */
export function takeSupervision(folder: SwarmFolder): () => void {
  mkdirSync(folder.supervisor, { recursive: true, mode: 0o700 });
  try {
    return lockFolder(folder.supervisor);
  } catch (error) {
    if (!(error instanceof SwarmError) || error.code !== 'DATA_LOCKED') throw error;
    const pid = supervisorOf(folder);
    const message = `the swarm in ${folder.root} is up already, under process ${pid}; stop it with "raft-manager down"`;
    throw new SwarmError('ALREADY_RUNNING', message, { pid });
  }
}
