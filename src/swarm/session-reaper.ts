import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import { lockFolder } from '../storage/folder-lock.ts';
import {
  forgetSession,
  listSubagents,
  readHost,
  type SessionFolder,
  sessionFolder,
  sessionsOf,
} from './claude-session.ts';
import { findSwarm } from './discovery.ts';
import { removeNode } from './hosted.ts';
import { dismissMember } from './joining.ts';
import type { ProjectFolder } from './layout.ts';

export interface ReapOptions {
  readonly project: ProjectFolder;
  readonly version: string;
  /** The session that asks; it sees to itself. */
  readonly own?: SessionFolder;
}

/** Long enough for any session that is resumed to learn what happened meanwhile. */
const FORGET_AFTER_MS: Millis = 7 * 24 * 60 * 60 * 1000;
const PATIENCE_MS: Millis = 3_000;

/**
 * Takes the nodes of sessions out of the swarm whose process died without doing so. A session that lives holds the lock
 * on its folder; what cannot be done now is left for the next time.
 */
export async function reapSessions({ project, version, own }: ReapOptions): Promise<void> {
  const sessions = sessionsOf(project.state);
  if (!existsSync(sessions)) return;
  for (const id of readdirSync(sessions)) {
    const session = sessionFolder(project.state, id);
    if (session.root === own?.root) continue;
    const unlock = tryLock(session);
    if (unlock === undefined) continue;
    try {
      await reap(session, { project, version });
    } finally {
      unlock();
    }
    if (isForgotten(session)) rmSync(session.root, { recursive: true, force: true });
  }
}

async function reap(session: SessionFolder, { project, version }: ReapOptions): Promise<void> {
  for (const name of nodesOf(session)) await removeNode({ project, session, version }, name);
  // One that was never hosted may be alive all the same: its hooks see to it.
  if (readHost(session) === undefined) return;
  for (const { memberId, name } of listSubagents(session)) {
    if (memberId === undefined) continue;
    const asker = { folder: findSwarm(project), name: name as NodeId, version };
    await dismissMember(asker, memberId as NodeId, PATIENCE_MS);
  }
  forgetSession(session);
  rmSync(session.host, { force: true });
}

function nodesOf({ nodes }: SessionFolder): readonly NodeId[] {
  if (!existsSync(nodes)) return [];
  const folders = readdirSync(nodes, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  // What was laid out by half has no roster, and was no member.
  for (const { name } of folders) {
    if (!existsSync(join(nodes, name, 'swarm.json')))
      rmSync(join(nodes, name), { recursive: true, force: true });
  }
  return folders.filter(({ name }) => existsSync(join(nodes, name))).map(({ name }) => name as NodeId);
}

function tryLock({ root }: SessionFolder): (() => void) | undefined {
  try {
    return lockFolder(root);
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'DATA_LOCKED') return undefined;
    throw error;
  }
}

function isForgotten({ seen, nodes, root }: SessionFolder): boolean {
  if (existsSync(nodes) && readdirSync(nodes).length > 0) return false;
  const touched = statSync(seen, { throwIfNoEntry: false }) ?? statSync(root);
  return Date.now() - touched.mtimeMs > FORGET_AFTER_MS;
}
