import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

/** What Claude Code accepts, as far as we make use of it. Anything else would be a mistake of ours. */

const ROOT = resolve(import.meta.dirname, '../..');
const PLUGIN = join(ROOT, 'plugin');

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

const name = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/);
const person = z.strictObject({
  name: z.string().min(1),
  email: z.string().optional(),
  url: z.url().optional(),
});
const described = {
  name,
  description: z.string().min(1),
  license: z.string(),
  keywords: z.array(z.string()),
};

const EVENTS = [
  ...['SessionStart', 'SessionEnd', 'UserPromptSubmit', 'PreToolUse', 'PostToolUse', 'PostToolUseFailure'],
  ...['SubagentStart', 'SubagentStop', 'TaskCreated', 'TaskCompleted', 'TeammateIdle', 'Stop'],
] as const;

const group = z.strictObject({
  matcher: z.string().optional(),
  hooks: z
    .array(
      z.strictObject({
        type: z.literal('command'),
        command: z.string().regex(/^node "\$\{CLAUDE_PLUGIN_ROOT\}\/[\w/.-]+"$/),
        /** Seconds. */
        timeout: z.int().min(1).max(600),
      }),
    )
    .min(1),
});

const hooksFile = z.strictObject({
  description: z.string(),
  hooks: z.partialRecord(z.enum(EVENTS), z.array(group).min(1)),
});

const mcpFile = z.strictObject({
  mcpServers: z.record(name, z.strictObject({ command: z.string(), args: z.array(z.string()) })),
});

const marketplace = z.strictObject({
  name,
  owner: person,
  metadata: z.strictObject({ description: z.string() }),
  plugins: z
    .array(z.strictObject({ ...described, source: z.string().startsWith('./'), category: z.string() }))
    .min(1),
});

const skill = z.strictObject({
  name,
  description: z.string().max(1_024),
  'argument-hint': z.string().optional(),
  'disable-model-invocation': z.boolean().optional(),
  'allowed-tools': z.string().optional(),
});

describe('the plugin', () => {
  const hooks = hooksFile.parse(json(join(PLUGIN, 'hooks/hooks.json'))).hooks;

  test('has a manifest', () => {
    const manifest = z.strictObject({ ...described, author: person });
    expect(manifest.parse(json(join(PLUGIN, '.claude-plugin/plugin.json')))).toMatchObject({
      name: 'raft-manager',
    });
  });

  test('is what the marketplace of this repository offers', () => {
    const { plugins } = marketplace.parse(json(join(ROOT, '.claude-plugin/marketplace.json')));
    expect(plugins).toMatchObject([{ name: 'raft-manager', source: './dist/plugin' }]);
  });

  test('has an MCP server', () => {
    const { mcpServers } = mcpFile.parse(json(join(PLUGIN, '.mcp.json')));
    expect(mcpServers).toEqual({
      raft: { command: 'node', args: [`\${CLAUDE_PLUGIN_ROOT}/lib/cli/main.js`, 'mcp'] },
    });
  });

  test('hears the events that it answers', () => {
    const heard = Object.entries(hooks).flatMap(([event, groups]) =>
      groups.map(({ matcher }) => [event, matcher ?? '*'].join(' ')),
    );
    expect(heard.sort()).toEqual([
      'PostToolUse Agent|Task',
      'PostToolUseFailure Agent|Task',
      'PreToolUse Agent|Task',
      'PreToolUse Edit|MultiEdit|Write|NotebookEdit',
      'SessionEnd *',
      'SessionStart *',
      'SubagentStart *',
      'SubagentStop *',
      'TaskCompleted *',
      'TaskCreated *',
      'TeammateIdle *',
    ]);
  });

  test('leaves an agent’s own hooks the time that they have', () => {
    const agentHookSeconds = 30;
    for (const [event, groups] of Object.entries(hooks)) {
      for (const { matcher, hooks: list } of groups) {
        const runsHooks = matcher === 'Agent|Task' || event === 'SubagentStop';
        expect(list.every(({ timeout }) => timeout > (runsHooks ? agentHookSeconds : 0))).toBe(true);
      }
    }
  });

  test.each(readdirSync(join(PLUGIN, 'skills')))('has a skill %s', (folder) => {
    const text = readFileSync(join(PLUGIN, 'skills', folder, 'SKILL.md'), 'utf8');
    const [, frontmatter = '', body = ''] = /^---\n(.*?)\n---\n(.*)$/s.exec(text) ?? [];
    expect(skill.parse(parse(frontmatter))).toMatchObject({ name: folder });
    expect(body.length).toBeGreaterThan(200);
  });

  test('brings nothing that has to be installed', () => {
    expect(existsSync(join(PLUGIN, 'package.json'))).toBe(false);
  });
});
