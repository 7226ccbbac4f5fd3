import { parseCommand } from '../tasks/schema.ts';
import { SwarmClient } from './client.ts';
import { findSwarmOrJoined } from './discovery.ts';
import { locateProject } from './layout.ts';
import type { Notice, Swarm } from './port.ts';

export interface ConnectOptions {
  /** State folder; default: `.raft-manager` of the current folder's project, or `RAFT_MANAGER_DIR`. */
  readonly dir?: string;
  /** Shows in the logs of the nodes. Letters, digits, dots, underscores, dashes. */
  readonly name?: string;
  /** Hears everything that is applied from now on, in log order. */
  onNotice?(notice: Notice): void;
  /** With `onNotice`: some may have been missed, by a change of link or a snapshot. Look again. */
  onRelinked?(): void;
}

/**
 * Connects to the swarm of a project from a program. Commands are checked before they leave; each is
 * applied exactly once, whichever node dies on the way.
 *
 * @throws SwarmError NOT_RUNNING when no swarm is up there.
 */
export async function connectSwarm(options: ConnectOptions = {}): Promise<Swarm> {
  const { dir, name = `program-${process.pid}`, onNotice, onRelinked } = options;
  const folder = findSwarmOrJoined(locateProject(dir, process.env, process.cwd()));
  const client = new SwarmClient({
    folder,
    name,
    version: 'library',
    ...(onNotice === undefined ? {} : { onNotice }),
    ...(onRelinked === undefined ? {} : { onRelinked }),
  });
  await client.watch();
  return {
    execute: (command, patience) => client.execute(parseCommand(command) as typeof command, patience),
    query: (query, patience) => client.query(query, patience),
    ask: (kind, body, timeoutMs) => client.ask(kind, body, timeoutMs),
    close: () => client.close(),
  };
}
