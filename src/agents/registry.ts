import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_AGENT_FILES } from '../protocol/limits.ts';
import { type FolderScan, findAgentFiles, scanLimit, unreadable } from './agent-folder.ts';
import type { AgentDefinition } from './definition.ts';
import type { Diagnostic } from './diagnostic.ts';
import { lintAgentFile } from './load.ts';

/** Who put the files there, which is also who may override whom. */
type AgentOwner = 'argument' | 'project' | 'user' | 'package';

/** A folder of agent files, or one agent file. */
export interface AgentPlace {
  readonly owner: AgentOwner;
  readonly path: string;
}

export interface RegisteredAgent {
  readonly definition: AgentDefinition;
  readonly owner: AgentOwner;
}

/** What was found: every name once, and every remark about every file. */
export interface AgentRegistry {
  readonly agents: readonly RegisteredAgent[];
  readonly diagnostics: readonly Diagnostic[];
  /** Files that were read, agents or not. */
  readonly fileCount: number;
}

/** The agents that ship with this package: beside `src/` in a clone, beside `dist/` when installed. */
export const PACKAGE_AGENTS = fileURLToPath(new URL('../../agents', import.meta.url));

/** Where agents are looked for when nobody names a place, the first in precedence first. */
export function standardPlaces({ project, home }: { project: string; home: string }): AgentPlace[] {
  return [
    { owner: 'project', path: join(project, '.claude', 'agents') },
    { owner: 'user', path: join(home, '.claude', 'agents') },
    { owner: 'package', path: PACKAGE_AGENTS },
  ];
}

/**
 * Reads every agent file in `places`, in their order; the earlier definition of a name wins. A
 * standard place that does not exist is empty, and a file that two places lead to is read once.
 *
 * @throws SwarmError BAD_INPUT when a place given as argument does not exist.
 */
export async function scanAgents(places: readonly AgentPlace[]): Promise<AgentRegistry> {
  const agents = new Map<string, RegisteredAgent>();
  const diagnostics: Diagnostic[] = [];
  const seen = new Set<string>();
  for (const place of places) {
    const scan = await scanPlace(place);
    diagnostics.push(...scan.diagnostics);
    for (const file of scan.files) {
      if (seen.size === MAX_AGENT_FILES) {
        diagnostics.push(scanLimit(file, `${MAX_AGENT_FILES} agent files were read`));
        return { agents: [...agents.values()], diagnostics, fileCount: seen.size };
      }
      const definition = await readOnce(file, seen, diagnostics);
      if (definition === undefined) continue;
      const earlier = agents.get(definition.name);
      if (earlier === undefined) agents.set(definition.name, { definition, owner: place.owner });
      else diagnostics.push(duplicateName(definition, earlier));
    }
  }
  return { agents: [...agents.values()], diagnostics, fileCount: seen.size };
}

async function scanPlace({ owner, path }: AgentPlace): Promise<FolderScan> {
  const scan = await findAgentFiles(path);
  if (scan !== undefined) return scan;
  if (owner !== 'argument') return { files: [], diagnostics: [] };
  throw new SwarmError('BAD_INPUT', `no agent file or folder at ${path}; check the path`, { path });
}

async function readOnce(
  file: string,
  seen: Set<string>,
  diagnostics: Diagnostic[],
): Promise<AgentDefinition | undefined> {
  try {
    const real = await realpath(file);
    if (seen.has(real)) return undefined;
    seen.add(real);
    const result = await lintAgentFile(file);
    diagnostics.push(...result.diagnostics);
    return result.definition;
  } catch (error) {
    diagnostics.push(unreadable(file, error));
    return undefined;
  }
}

function duplicateName(later: AgentDefinition, earlier: RegisteredAgent): Diagnostic {
  return {
    file: later.source.path,
    line: 1,
    column: 1,
    severity: 'warning',
    code: 'duplicate-name',
    message: `\`${later.name}\` is already defined by ${earlier.definition.source.path} (${earlier.owner}); this one is not used`,
    hint: 'rename one of the two',
  };
}
