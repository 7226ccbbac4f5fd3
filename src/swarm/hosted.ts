import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentDefinition } from '../agents/definition.ts';
import { loadAgentFile } from '../agents/load.ts';
import { type AgentPlace, PACKAGE_AGENTS, scanAgents, standardPlaces } from '../agents/registry.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import type { SessionFolder, Subagent } from './claude-session.ts';
import { findSwarm } from './discovery.ts';
import { adoptIdentity, memberIdOf } from './identity.ts';
import { prepareJoinedFolder } from './joined-folder.ts';
import { dismissMember } from './joining.ts';
import { type ProjectFolder, type SwarmFolder, swarmFolder } from './layout.ts';

/** As much of a running instance as its host needs. */
export interface HostedInstance {
  readonly instance: { drain(): Promise<void> };
  /** Settles when it is let in, or cannot be. */
  readonly entered: Promise<void>;
  stop(manner: 'hand-over' | 'at-once'): Promise<void>;
}

/** What it takes to start one; wired by whoever hosts. */
export interface HostedStart {
  readonly folder: SwarmFolder;
  readonly id: NodeId;
  readonly version: string;
  /** It takes what it wants by itself: the log gives it nothing to do. */
  readonly capacity: 0;
  onTrouble(error: unknown): void;
  onRoleChanged(): void;
  onStopped(error: Error): void;
}

export interface HostingOptions {
  readonly project: ProjectFolder;
  readonly session: SessionFolder;
  readonly version: string;
  start(options: HostedStart): Promise<HostedInstance>;
  onTrouble(error: unknown): void;
}

export interface HostedNode {
  readonly memberId: NodeId;
  /** Hands back what it holds, takes it out of the swarm, and removes what it kept. */
  end(): Promise<void>;
}

/** Whoever ends has no long time: the process that hosts may be about to be killed. */
const FAREWELL_MS: Millis = 3_000;

/** Brings up a learner for one subagent in this process, with a folder, a log and a port of its own. */
export async function hostNode(subagent: Subagent, options: HostingOptions): Promise<HostedNode> {
  const { version, onTrouble } = options;
  const name = subagent.name as NodeId;
  const folder = await layOut(subagent, options);
  const running = await options.start({
    folder,
    id: name,
    version,
    capacity: 0,
    onTrouble,
    onRoleChanged: () => undefined,
    onStopped: onTrouble,
  });
  return {
    memberId: memberIdOf(folder, name),
    async end() {
      await Promise.race([
        Promise.allSettled([running.entered]),
        delay(FAREWELL_MS, undefined, { ref: false }),
      ]);
      await running.instance.drain();
      await running.stop('at-once');
      await removeNode(options, name);
    },
  };
}

/** Takes a node out of the swarm whose process is gone, or has just stopped it. What it kept stays until that is done. */
export async function removeNode(
  { project, session, version }: Pick<HostingOptions, 'project' | 'session' | 'version'>,
  name: NodeId,
): Promise<void> {
  const folder = swarmFolder(join(session.nodes, name));
  const memberId = memberIdOf(folder, name);
  await dismissMember({ folder: findSwarm(project), name, version }, memberId, FAREWELL_MS);
  rmSync(folder.root, { recursive: true, force: true });
  rmSync(stubOf(session, name), { force: true });
}

async function layOut(
  { agentType, memberId, name }: Subagent,
  { project, session }: HostingOptions,
): Promise<SwarmFolder> {
  mkdirSync(session.nodes, { recursive: true, mode: 0o700 });
  const isNew = !existsSync(swarmFolder(join(session.nodes, name)).roster);
  const definition = (await findDefinition(agentType, project)) ?? (await stub(session, name, agentType));
  const folder = await prepareJoinedFolder({
    name: name as NodeId,
    seeds: [],
    voter: false,
    requireHooks: false,
    definition,
    project: { ...project, joined: session.nodes },
  });
  // The log gave it an id when it began; without one it asks for it now.
  if (isNew && memberId !== undefined) {
    adoptIdentity(folder, name as NodeId, { memberId: memberId as NodeId, former: undefined });
  }
  return folder;
}

/** As Claude Code finds it: `raft-manager:NAME` is of this package, a plain name of the project or the person. */
async function findDefinition(
  agentType: string,
  project: ProjectFolder,
): Promise<AgentDefinition | undefined> {
  const at = agentType.indexOf(':');
  const name = agentType.slice(at + 1);
  const own: readonly AgentPlace[] = [{ owner: 'package', path: PACKAGE_AGENTS }];
  const theirs = standardPlaces({ project: project.project, home: process.env.HOME ?? project.project });
  const { agents } = await scanAgents(at === -1 ? theirs : own);
  return agents.find(({ definition }) => definition.name === name)?.definition;
}

/** For the kinds of agents that Claude Code brings along: nobody but it has their definition. */
function stub(session: SessionFolder, name: string, agentType: string): Promise<AgentDefinition> {
  const path = stubOf(session, name);
  const description = 'A kind of agent that Claude Code brings along; its definition is not on this disk.';
  const text = `---\nname: ${JSON.stringify(agentType)}\ndescription: ${description}\n---\n`;
  writeFileSync(path, text, { mode: 0o600 });
  return loadAgentFile(path);
}

function stubOf(session: SessionFolder, name: string): string {
  return join(session.nodes, `${name}.md`);
}
