import { existsSync } from 'node:fs';
import type { Brief } from '../swarm/brief.ts';
import {
  findSubagent,
  listSubagents,
  readHost,
  type SessionFolder,
  type Subagent,
  sessionFolder,
  sessionHolder,
} from '../swarm/claude-session.ts';
import type { ProjectFolder } from '../swarm/layout.ts';
import type { HookInput } from './input.ts';
import { type NodeTalk, type Patience, talk } from './node-link.ts';
import { findProject, swarmsOf } from './place.ts';

/** What every hook needs: where it is, for whom it asks, and somebody to ask. */
export interface Session {
  readonly project: ProjectFolder;
  readonly folder: SessionFolder;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The session's name in the log. */
  readonly holder: string;
  /** True when there is, or was, a swarm here: otherwise nothing is written into the project. */
  readonly hasState: boolean;
  talk<T>(patience: Patience, work: (node: NodeTalk) => Promise<T>): Promise<T>;
}

/** A hook that only looks has no more time than this, or a person waits for it at every edit. */
export const GLANCE: Patience = { forMs: 700, knock: 'once' };
/** What must be written down may take longer, over a change of coordinators. */
export const PERSISTENCE: Patience = { forMs: 5_000, knock: 'again' };

export function sessionOf(
  input: HookInput,
  environment: Readonly<Record<string, string | undefined>>,
): Session {
  const project = findProject(input.cwd, environment);
  return {
    project,
    environment,
    folder: sessionFolder(project.state, input.sessionId),
    holder: sessionHolder(input.sessionId),
    hasState: existsSync(project.state),
    talk: (patience, work) => talk(swarmsOf(project), patience, work),
  };
}

/** Names under which the session itself works: its own, and that of the process that speaks for it. */
export function ownNames({ folder, holder }: Session): readonly string[] {
  return [...new Set([holder, ...(readHost(folder)?.holders ?? [])])];
}

/** Names under which whoever the event happened in works. A subagent shares the tools of its session, and their name. */
export function namesIn(session: Session, { agentId }: HookInput): readonly string[] {
  const subagent = agentId === undefined ? undefined : findSubagent(session.folder, agentId);
  return [...ownNames(session), ...namesOf(subagent)];
}

/** All names: the session's, and those of all its subagents. */
export function allNames(session: Session): readonly string[] {
  return [...ownNames(session), ...listSubagents(session.folder).flatMap(namesOf)];
}

export function namesOf(subagent: Subagent | undefined): readonly string[] {
  if (subagent === undefined) return [];
  const { memberId, name } = subagent;
  return memberId === undefined ? [name] : [name, memberId];
}

/** Looks round, in one question. */
export function briefFor(
  node: NodeTalk,
  holders: readonly string[],
  since: number | null = null,
): Promise<Brief> {
  return node.ask({ kind: 'brief', holders, capabilities: [], since });
}
