import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAgentFile } from '../agents/load.ts';
import { startInstance } from '../compose.ts';
import { isId, type NodeId } from '../protocol/ids.ts';
import { publishHost, type SessionFolder, sessionFolder } from '../swarm/claude-session.ts';
import { removeNode } from '../swarm/hosted.ts';
import { memberIdOf } from '../swarm/identity.ts';
import { prepareJoinedFolder } from '../swarm/joined-folder.ts';
import { type ProjectFolder, swarmFolder } from '../swarm/layout.ts';
import { loadRoster } from '../swarm/roster.ts';
import { SubagentHost } from '../swarm/subagent-host.ts';
import type { LinkedSwarm, SwarmLink } from './swarm-link.ts';

export interface MembershipOptions {
  readonly project: ProjectFolder;
  readonly link: SwarmLink;
  /** As the client says; undefined: one of our own, for this process. */
  readonly sessionId: string | undefined;
  readonly capabilities: readonly string[];
  readonly version: string;
  onTrouble(error: unknown): void;
}

interface OwnNode {
  readonly holder: string;
  end(): Promise<void>;
}

interface Joined {
  readonly clusterId: string;
  readonly node: Promise<OwnNode>;
}

/**
 * The session as an instance of the swarm: a node of its own in this process, which follows the log, does not vote, is
 * given nothing, and renews whatever is held in its name as long as the process lives. A session of Claude Code has its
 * subagents' nodes here, too.
 */
export class Membership {
  readonly #options: MembershipOptions;
  #host: { readonly host: SubagentHost; readonly folder: SessionFolder; readonly name: NodeId } | undefined;
  #joined: Joined | undefined;
  #holder: string | undefined;
  #isClosed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    // Whoever looks at the swarm sees the session from its beginning, not from its first claim.
    options.link.listen((event) => {
      if (event.type === 'gone') this.#holder = undefined;
      if (event.type === 'resync' && !this.#isClosed) this.holder().catch(options.onTrouble);
    });
  }

  /** The name in the log under which this session works now; undefined while it is not known. */
  get current(): string | undefined {
    return this.#holder;
  }

  /**
   * The name in the log under which this session claims and reserves, as soon as the swarm has given it.
   *
   * @throws SwarmError NOT_RUNNING, NO_QUORUM, and what else keeps the node from coming up.
   */
  async holder(): Promise<string> {
    const swarm = await this.#options.link.linked();
    const before = this.#joined;
    if (before?.clusterId !== swarm.clusterId) this.#joined = this.#join(swarm, before);
    const joined = this.#joined;
    if (joined === undefined) throw new Error('joining was begun just now');
    try {
      this.#holder = (await joined.node).holder;
      return this.#holder;
    } catch (error) {
      // The next call tries again.
      if (this.#joined === joined) this.#joined = undefined;
      throw error;
    }
  }

  /** Takes all nodes of the session out of the swarm. What they hold goes back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end(this.#joined);
    await this.#host?.host.close();
    if (this.#host !== undefined && this.#options.sessionId === undefined) {
      rmSync(this.#host.folder.root, { recursive: true, force: true });
    }
  }

  #join(swarm: LinkedSwarm, before: Joined | undefined): Joined {
    return { clusterId: swarm.clusterId, node: this.#end(before).then(() => this.#bringUp(swarm)) };
  }

  async #end(joined: Joined | undefined): Promise<void> {
    try {
      await (await joined?.node)?.end();
    } catch (error) {
      // It never came up, or its swarm is gone: the next session of the project clears up.
      this.#options.onTrouble(error);
    }
  }

  async #bringUp({ clusterId }: LinkedSwarm): Promise<OwnNode> {
    const { capabilities, project, version, onTrouble } = this.#options;
    this.#host ??= this.#openHost();
    const { folder: session, name } = this.#host;
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

  /** Of two servers in one session the second one works under a name of its own, and hosts nobody else. */
  #openHost(): { readonly host: SubagentHost; readonly folder: SessionFolder; readonly name: NodeId } {
    const { project, sessionId = randomUUID(), version, onTrouble } = this.#options;
    for (const id of [sessionId, randomUUID()]) {
      const host = new SubagentHost({
        project,
        sessionId: id,
        version,
        holders: [],
        start: startInstance,
        onTrouble,
      });
      if (host.open()) return { host, folder: sessionFolder(project.state, id), name: sessionName(id) };
    }
    throw new Error('a folder that was made just now is locked');
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-/i;
/** With the place in the log that the swarm adds to it, it must be an id. */
const MAX_NAME_CHARS = 40;

/** A session's name for people: of a UUID, which nobody reads to its end, the beginning. */
export function sessionName(sessionId: string): NodeId {
  const plain = UUID.test(sessionId) ? sessionId.slice(0, 8) : sessionId.replace(/[^A-Za-z0-9._-]+/g, '-');
  const name = `mcp-${plain}`.slice(0, MAX_NAME_CHARS);
  return (isId(name) ? name : 'mcp') as NodeId;
}

/** What a node of this name kept for a swarm that was here before is of no use in this one. */
function forgetOtherSwarm(session: SessionFolder, name: NodeId, clusterId: string): void {
  const folder = swarmFolder(join(session.nodes, name));
  try {
    if (loadRoster(folder).clusterId === clusterId) return;
  } catch {
    // None, or one that cannot be read: begin anew.
  }
  rmSync(folder.root, { recursive: true, force: true });
}

function writeDefinition(session: SessionFolder, name: string, capabilities: readonly string[]): string {
  const path = join(session.nodes, `${name}.md`);
  const description = 'A session that works through the MCP server.';
  const able = JSON.stringify(capabilities);
  writeFileSync(path, `---\nname: mcp-session\ndescription: ${description}\ncapabilities: ${able}\n---\n`, {
    mode: 0o600,
  });
  return path;
}
