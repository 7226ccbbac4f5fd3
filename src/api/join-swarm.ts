import { resolve } from 'node:path';
import { loadAgentFile } from '../agents/load.ts';
import { PACKAGE_AGENTS } from '../agents/registry.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { enterFolder } from '../siblings/security-manager/join.ts';
import { idStem } from '../swarm/founding.ts';
import { locateProject } from '../swarm/layout.ts';
import type { TaskEvent } from '../tasks/event.ts';
import { chosen, kept, type WorkOptions } from './executor.ts';
import { type SwarmInstance, startNamed } from './instance.ts';
import { SwarmClient } from './swarm-client.ts';

export interface JoinSwarmOptions extends WorkOptions {
  /** Agent file whose capabilities and hooks it works with. Default: the raft-manager of this package. */
  readonly agent?: string;
  /** What to call it: 1 to 48 letters, digits, dots, underscores, dashes. Default: as its agent file does. */
  readonly name?: string;
  /** Nodes of the swarm, as `wss://host:port` or on this machine `ws:`; one that answers is enough. Default: the swarm of the state folder. */
  readonly nodes?: readonly string[];
  /** A token of `security token`, or the secret of a swarm without TLS. Default: `RAFT_MANAGER_TOKEN`, or that of the state folder's swarm. */
  readonly token?: string;
  /** Where the other members reach it; port 0 for any free one. Default: as before, at first loopback and any port. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** What the others are told instead, as `host` or `host:port`: behind NAT or in a container. Default: as before. */
  readonly advertise?: string;
  /**
   * State folder, in which it keeps its data under its name, and by that comes back as the same member. Default:
   * `RAFT_MANAGER_DIR`, or `.raft-manager` of the current folder's project.
   */
  readonly dir?: string;
  /** Hears of what goes wrong in passing: a link that broke, a renewal that was late. */
  onTrouble?(trouble: unknown): void;
}

/** An instance in this process that belongs to a swarm elsewhere. */
export interface JoinedInstance extends SwarmInstance {
  /** Talks to the swarm under the instance's name. */
  readonly client: SwarmClient;
}

/** A busy swarm may take its time to let somebody in. */
const REGISTRATION_TIMEOUT_MS = 60_000;

const NAME_PATTERN = /^[A-Za-z0-9._-]{1,48}$/;

/**
 * Brings an instance in this process into a swarm that is up, as a learner: it follows the log and works, and does not
 * vote. Resolves when it is at work.
 *
 * @throws SwarmError NOT_RUNNING when no node answers; TIMEOUT when nobody lets it in; UNAUTHORIZED without the right token; DATA_FOREIGN when the state
 *   folder holds an instance of that name which belongs to another swarm; BAD_INPUT
 */
export async function joinSwarm(options: JoinSwarmOptions = {}): Promise<JoinedInstance> {
  const { agent = resolve(PACKAGE_AGENTS, 'raft-manager.md'), nodes = [], onTrouble } = options;
  const { advertise, listen } = options;
  const definition = await loadAgentFile(resolve(agent));
  const name = options.name ?? idStem(definition.name).slice(0, 48);
  if (!NAME_PATTERN.test(name)) {
    throw new SwarmError('BAD_INPUT', `"${name}" cannot be a name: expected 1 to 48 of A-Z a-z 0-9 . _ -`);
  }
  const executor = await chosen(options);
  const token = options.token ?? process.env.RAFT_MANAGER_TOKEN;
  const folder = await enterFolder({
    name: name as NodeId,
    seeds: nodes,
    voter: false,
    requireHooks: false,
    work: kept(options),
    definition,
    project: locateProject(options.dir, process.env, process.cwd()),
    ...(token === undefined ? {} : { token }),
    ...(listen === undefined ? {} : { listen }),
    ...(advertise === undefined ? {} : { advertised: advertise }),
  });
  const instance = await startNamed({ folder, name: name as NodeId, executor, onTrouble });
  const client = await SwarmClient.connect({ dir: folder.root, name: instance.id });
  const stop = async (): Promise<void> => {
    await client.close();
    await instance.stop();
  };
  try {
    await registration(client, instance.id);
    return { ...instance, client, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until the log knows that this instance is at work. */
async function registration(client: SwarmClient, id: string): Promise<void> {
  for await (const event of client.watch({ signal: AbortSignal.timeout(REGISTRATION_TIMEOUT_MS) })) {
    if (event.type === 'role' || (event.type === 'applied' && !event.events.some(isRegistration))) continue;
    const { instances } = await client.query({ kind: 'overview' });
    if (instances.some((instance) => instance.id === id)) return;
  }
  throw new SwarmError('TIMEOUT', `${id} was not taken in by the swarm. Is a majority of its voters up?`);
}

function isRegistration({ type }: TaskEvent): boolean {
  return type === 'instance';
}
