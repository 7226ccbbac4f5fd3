import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Session } from './session.ts';

/** The name under which this package is a plugin: its agents are called `raft-manager:NAME` then. */
const PLUGIN = 'raft-manager';

/**
 * The file that defines an agent and may have hooks, found without parsing anything: most agents have none, and their
 * calls must not wait for a parser. Undefined when there is no such file here, or surely no hook in it.
 */
export function fileWithHooks(agentType: string, session: Session): string | undefined {
  const at = agentType.indexOf(':');
  const owner = at === -1 ? undefined : agentType.slice(0, at);
  const name = agentType.slice(at + 1);
  if (owner !== undefined && owner !== PLUGIN) return undefined;
  const folders = owner === PLUGIN ? [ownAgents(session)] : projectAgents(session);
  for (const path of folders.flatMap(markdownIn)) {
    const text = readFileSync(path, 'utf8');
    if (!named(name).test(text)) continue;
    // The first file of a name is the one that counts.
    return HOOK_KEY.test(text) ? path : undefined;
  }
  return undefined;
}

/** Every spelling of hooks that a definition may use. */
const HOOK_KEY = /^\s*["']?(hooks|pre|post|pre_task|post_task|pre_execution|post_execution)["']?\s*:/m;

function named(name: string): RegExp {
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^\\s*["']?name["']?\\s*:\\s*["']?${literal}["']?\\s*(#.*)?$`, 'm');
}

function ownAgents({ environment }: Session): string {
  const { CLAUDE_PLUGIN_ROOT: root } = environment;
  return root === undefined ? fileURLToPath(new URL('../../agents', import.meta.url)) : join(root, 'agents');
}

/** As Claude Code looks for them: the project's before the person's. */
function projectAgents({ project, environment }: Session): readonly string[] {
  const { HOME } = environment;
  const places = [project.project, ...(HOME === undefined ? [] : [HOME])];
  return places.map((place) => join(place, '.claude', 'agents'));
}

/** Files of more agents than anybody has are not worth a wait. */
const MAX_FILES = 500;

function markdownIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .sort()
    .slice(0, MAX_FILES)
    .map((name) => join(folder, name));
}
