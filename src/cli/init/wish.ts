import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGE_AGENTS } from '../../agents/registry.ts';
import { isMissing } from '../../swarm/files.ts';
import { packageVersion } from '../package-version.ts';
import { type Entry, matcherOf } from './entries.ts';
import type { Json } from './json-edit.ts';
import type { Wish } from './plan.ts';

/** The agents' `tools` name it: `mcp__raft-manager__*`. */
const SERVER = 'raft-manager';
const HOOK_COMMAND = 'raft-manager hook';

/** The plugin's events, matchers and timeouts: seen from a file for each source, from a bundle, and from the plugin itself. */
const HOOK_TABLES = [
  ...['../../../plugin/hooks/hooks.json', '../../plugin/hooks/hooks.json'],
  '../../hooks/hooks.json',
];

type Hook = { readonly [key: string]: Json };
type HookTable = Readonly<
  Record<string, readonly { readonly matcher?: string; readonly hooks: readonly Hook[] }[]>
>;

/** What Claude Code needs in a repository to be a member of its swarm. */
export function wishForClaudeCode(): Wish {
  return {
    version: packageVersion(),
    files: new Map(agentFiles()),
    entries: new Map([
      ['.mcp.json', { wanted: [serverEntry()], isLike: () => false }],
      ['.claude/settings.json', { wanted: hookEntries(hookTable()), isLike: isOurHook }],
    ]),
  };
}

function agentFiles(): (readonly [string, string])[] {
  const names = readdirSync(PACKAGE_AGENTS).filter((name) => name.endsWith('.md'));
  return names
    .sort()
    .map((name) => [`.claude/agents/${name}`, readFileSync(join(PACKAGE_AGENTS, name), 'utf8')]);
}

function serverEntry(): Entry {
  return {
    path: ['mcpServers', SERVER],
    as: 'property',
    value: { command: 'raft-manager', args: ['mcp'] },
  };
}

function hookEntries(table: HookTable): Entry[] {
  return Object.entries(table).flatMap(([event, groups]) =>
    groups.map(({ hooks, ...group }): Entry => {
      const value = { ...group, hooks: hooks.map((hook) => ({ ...hook, command: HOOK_COMMAND })) };
      return { path: ['hooks', event], as: 'item', value };
    }),
  );
}

/** Somebody's own way to call the same thing. */
function isOurHook(item: Json, { value }: Entry): boolean {
  return matcherOf(item) === matcherOf(value) && JSON.stringify(item).includes(HOOK_COMMAND);
}

function hookTable(): HookTable {
  for (const place of HOOK_TABLES) {
    try {
      const path = fileURLToPath(new URL(place, import.meta.url));
      return (JSON.parse(readFileSync(path, 'utf8')) as { readonly hooks: HookTable }).hooks;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw new Error('this installation lacks its table of hooks: install it again');
}
