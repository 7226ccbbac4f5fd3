import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isId, type Millis } from '../protocol/ids.ts';
import { isCode, isMissing, writeWhole } from './files.ts';

/**
 * What the processes of one Claude Code session tell each other: its hooks come and go with every event, and the one
 * that hosts its subagents (its MCP server) may be there or not. So they do not talk but leave files: hooks write who
 * ought to be there, and the host makes it so, sooner or later.
 *
 * Read by hooks within milliseconds: no schema library here. The folder is private to its owner, as all state is.
 */
export interface SessionFolder {
  readonly root: string;
  /** Who hosts, and under which names the session works. */
  readonly host: string;
  /** One file for each subagent that ought to be a node, while it lives. */
  readonly agents: string;
  /** One file for each that has ended and has been seen to. */
  readonly ended: string;
  /** One file for each call of the Agent tool whose subagent has not begun. */
  readonly calls: string;
  /** Index of the log up to which the session knows what happened. */
  readonly seen: string;
  /** One file for each task that was offered to a teammate. */
  readonly offered: string;
  /** One folder for each subagent's node. */
  readonly nodes: string;
}

export function sessionFolder(state: string, sessionId: string): SessionFolder {
  const root = join(sessionsOf(state), fileNameOf(sessionId));
  return {
    root,
    host: join(root, 'host.json'),
    agents: join(root, 'agents'),
    ended: join(root, 'ended'),
    calls: join(root, 'calls'),
    seen: join(root, 'seen.json'),
    offered: join(root, 'offered'),
    nodes: join(root, 'nodes'),
  };
}

/** Where the folders of all sessions lie. */
export function sessionsOf(state: string): string {
  return join(state, 'sessions');
}

/** The name under which a session works on its own behalf, also from its shells. */
export function sessionHolder(sessionId: string): string {
  return `claude-${fileNameOf(sessionId).slice(0, 8)}`;
}

/** The name of a subagent's node: what it is, and which one. */
export function subagentName(agentType: string, agentId: string): string {
  const stem = plain(agentType.slice(agentType.lastIndexOf(':') + 1)).slice(0, 32) || 'agent';
  return `${stem}-${plain(agentId).slice(0, 12)}`;
}

function plain(text: string): string {
  return text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .toLowerCase();
}

/** Ids come from outside: one that is no plain name must not lead out of the folder. */
function fileNameOf(id: string): string {
  return isId(id) && !/^\.+$/.test(id) ? id : Buffer.from(id).toString('hex').slice(0, 64) || 'none';
}

export interface SessionHost {
  readonly pid: number;
  readonly holders: readonly string[];
}

/** The host wrote it last; that it lives is told by its lock on the folder. */
export function readHost(folder: SessionFolder): SessionHost | undefined {
  return readJson(folder.host) as SessionHost | undefined;
}

export function publishHost(folder: SessionFolder, host: SessionHost): void {
  writeWhole(folder.host, `${JSON.stringify(host)}\n`, 0o600);
}

/** One call of the Agent tool. */
export interface AgentCall {
  readonly toolUseId: string;
  readonly agentType: string;
  /** What the subagent was asked to do. */
  readonly task: string;
}

/** A subagent at work. */
export interface Subagent {
  readonly agentId: string;
  readonly agentType: string;
  /** How its node is called. */
  readonly name: string;
  /** The id that the log gave it; absent when no swarm answered at the time. */
  readonly memberId?: string;
  /** The call that started it, as far as that is known. */
  readonly call?: AgentCall;
}

/** False when it was noted before: two of one hook may be installed. */
export function noteCall(folder: SessionFolder, call: AgentCall): boolean {
  return writeNew(join(folder.calls, `${fileNameOf(call.toolUseId)}.json`), JSON.stringify(call));
}

export function forgetCall(folder: SessionFolder, toolUseId: string): void {
  rmSync(join(folder.calls, `${fileNameOf(toolUseId)}.json`), { force: true });
}

/**
 * Takes the oldest call for an agent of this type: a subagent's start does not say which call it was. Two of one type
 * that start together may be taken for each other until the first one ends.
 */
export function takeCall(folder: SessionFolder, agentType: string): AgentCall | undefined {
  const files = listFiles(folder.calls)
    .map((path) => ({ path, at: modifiedAt(path) }))
    .sort((a, b) => a.at - b.at);
  for (const { path } of files) {
    const call = readJson(path) as AgentCall | undefined;
    if (call?.agentType !== agentType) continue;
    rmSync(path, { force: true });
    return call;
  }
  return undefined;
}

/** A subagent is at work from now on. False when that was said before. */
export function beginSubagent(folder: SessionFolder, subagent: Subagent): boolean {
  const file = `${fileNameOf(subagent.agentId)}.json`;
  const isNew = writeNew(join(folder.agents, file), JSON.stringify(subagent));
  // It may have been at work before, and go on now.
  if (isNew) rmSync(join(folder.ended, file), { force: true });
  return isNew;
}

/** More is known of one that is at work. */
export function noteSubagent(folder: SessionFolder, subagent: Subagent): void {
  const file = join(folder.agents, `${fileNameOf(subagent.agentId)}.json`);
  if (existsSync(file)) writeWhole(file, JSON.stringify(subagent), 0o600);
}

export function findSubagent(folder: SessionFolder, agentId: string): Subagent | undefined {
  return readJson(join(folder.agents, `${fileNameOf(agentId)}.json`)) as Subagent | undefined;
}

/** Since the last word on it; its start writes two, before and after it asks the log for an id. */
export function silenceOf(folder: SessionFolder, agentId: string): Millis {
  return Date.now() - modifiedAt(join(folder.agents, `${fileNameOf(agentId)}.json`));
}

export function listSubagents(folder: SessionFolder): readonly Subagent[] {
  return listFiles(folder.agents).flatMap((path) => (readJson(path) as Subagent | undefined) ?? []);
}

/**
 * Says that a subagent has ended. Of all who say so, one alone is told that it is the first, with what was known of the
 * subagent.
 */
export function endSubagent(
  folder: SessionFolder,
  agentId: string,
): { readonly isFirst: boolean; readonly subagent: Subagent | undefined } {
  const file = `${fileNameOf(agentId)}.json`;
  const ended = join(folder.ended, file);
  mkdirSync(folder.ended, { recursive: true, mode: 0o700 });
  try {
    renameSync(join(folder.agents, file), ended);
    return { isFirst: true, subagent: readJson(ended) as Subagent | undefined };
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    writeFileSync(ended, '{}', { mode: 0o600, flag: 'wx' });
    return { isFirst: true, subagent: undefined };
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    return { isFirst: false, subagent: undefined };
  }
}

/** Index of the log up to which the session was told what happened; undefined for a new one. */
export function readSeen(folder: SessionFolder): number | undefined {
  const seen = readJson(folder.seen) as { readonly index: number } | undefined;
  return seen?.index;
}

export function noteSeen(folder: SessionFolder, index: number): void {
  writeWhole(folder.seen, JSON.stringify({ index }), 0o600);
}

/** True the first time: a teammate that does not want a task must be let go. */
export function offerOnce(folder: SessionFolder, teammate: string, taskId: string): boolean {
  mkdirSync(folder.offered, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(join(folder.offered, `${fileNameOf(`${taskId}--${plain(teammate)}`)}`), '', { flag: 'wx' });
    return true;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    return false;
  }
}

/** What is left of a session that has ended: up to where it knows the log, in case that it is resumed. */
export function forgetSession(folder: SessionFolder): void {
  for (const path of [folder.agents, folder.ended, folder.calls, folder.offered]) {
    if (!existsSync(path)) continue;
    // Not the folder: somebody watches it.
    for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true });
  }
}

function listFiles(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));
}

/** Whole or not at all, and only once. */
function writeNew(path: string, text: string): boolean {
  const draft = `${path}.${process.pid}.draft`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Undefined for a file that is not there, or was not written whole. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
