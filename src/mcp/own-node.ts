import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAgentFile } from '../agents/load.ts';
import { startInstance } from '../compose.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { publishHost, type SessionFolder, sessionFolder } from '../swarm/claude-session.ts';
import { removeNode } from '../swarm/hosted.ts';
import { memberIdOf } from '../swarm/identity.ts';
import { prepareJoinedFolder } from '../swarm/joined-folder.ts';
import { type ProjectFolder, swarmFolder } from '../swarm/layout.ts';
import { loadRoster } from '../swarm/roster.ts';
import { SubagentHost } from '../swarm/subagent-host.ts';
import { sessionName } from './session-name.ts';

export interface OwnNodeOptions {
  readonly project: ProjectFolder;
  /** As the client says; undefined: one of our own, for this process. */
  readonly sessionId: string | undefined;
  readonly capabilities: readonly string[];
  readonly version: string;
  onTrouble(error: unknown): void;
}

export interface OwnNode {
  /** The id that the swarm gave it: in its name this session claims and reserves. */
  readonly holder: string;
  /** Takes the node out of the swarm. What it holds goes back. */
  end(): Promise<void>;
}

/** What this process keeps for its session, whichever swarm is there. */
export interface Lodging {
  readonly folder: SessionFolder;
  readonly name: NodeId;
  /** Ends the nodes of subagents, and leaves nothing behind that is of no use to a session that is resumed. */
  close(): Promise<void>;
}

/**
 * Takes the session's folder, and begins to host its subagents. Of two servers in one session the second one works
 * under a name of its own, and hosts nobody. The state folder must be there.
 */
export function openLodging({ project, sessionId, version, onTrouble }: OwnNodeOptions): Lodging {
  const own = randomUUID();
  for (const id of [sessionId ?? own, own]) {
    const host = new SubagentHost({
      project,
      sessionId: id,
      version,
      holders: [],
      start: startInstance,
      onTrouble,
    });
    if (!host.open()) continue;
    const folder = sessionFolder(project.state, id);
    return {
      folder,
      name: sessionName(id),
      async close() {
        await host.close();
        if (id === own) rmSync(folder.root, { recursive: true, force: true });
      },
    };
  }
  throw new SwarmError('DATA_LOCKED', `the folder of session ${own}, which was made just now, is in use`);
}

/**
 * Brings up the session's node: it follows the log, does not vote, is given nothing, and renews what is held in its
 * name for as long as this process lives.
 *
 * @throws SwarmError NOT_RUNNING, NO_QUORUM when the swarm cannot take it in.
 */
export async function bringUpNode(
  { folder: session, name }: Lodging,
  { clusterId, ...options }: OwnNodeOptions & { readonly clusterId: string },
): Promise<OwnNode> {
  const { capabilities, project, version, onTrouble } = options;
  mkdirSync(session.nodes, { recursive: true, mode: 0o700 });
  forgetOtherSwarm(session, name, clusterId);
  const folder = await prepareJoinedFolder({
    name,
    seeds: [],
    voter: false,
    requireHooks: false,
    definition: await loadAgentFile(writeDefinition(session, name, capabilities)),
    project: { ...project, joined: session.nodes },
  });
  const running = await startInstance({
    folder,
    id: name,
    version,
    capacity: 0,
    onTrouble,
    onRoleChanged: () => undefined,
    onStopped: onTrouble,
  });
  const holder = memberIdOf(folder, name);
  // Files that it has reserved are the session's to edit.
  publishHost(session, { pid: process.pid, holders: [holder] });
  return {
    holder,
    async end() {
      await running.instance.drain();
      await running.stop('at-once');
      await removeNode({ project, session, version }, name);
    },
  };
}

/** What a node of this name kept for a swarm that was here before is of no use in this one. */
function forgetOtherSwarm(session: SessionFolder, name: NodeId, clusterId: string): void {
  const folder = swarmFolder(join(session.nodes, name));
  try {
    if (loadRoster(folder).clusterId === clusterId) return;
  } catch (error) {
    // None, or one that cannot be read: it begins anew.
    if (!(error instanceof SwarmError)) throw error;
  }
  rmSync(folder.root, { recursive: true, force: true });
}

function writeDefinition(session: SessionFolder, name: string, capabilities: readonly string[]): string {
  const path = join(session.nodes, `${name}.md`);
  const fields = [
    'name: mcp-session',
    'description: A session that works through the MCP server.',
    `capabilities: ${JSON.stringify(capabilities)}`,
  ];
  writeFileSync(path, `---\n${fields.join('\n')}\n---\n`, { mode: 0o600 });
  return path;
}
