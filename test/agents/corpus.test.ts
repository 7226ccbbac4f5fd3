import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { lintAgentFile, loadAgentFile } from '../../src/agents/load.ts';

const CORPUS = new URL('../fixtures/agents-corpus/', import.meta.url);
const SEED = new URL('../fixtures/seed/', import.meta.url);
const GOLDEN = new URL('golden/corpus-diagnostics.txt', import.meta.url);

const manifest = z
  .array(z.looseObject({ file: z.string(), oddity: z.string() }))
  .parse(JSON.parse(readFileSync(new URL('manifest.json', CORPUS), 'utf8')));

const pathOf = (file: string, folder: URL) => fileURLToPath(new URL(file, folder));
const lintCorpus = (file: string) => lintAgentFile(pathOf(file, CORPUS));

test('the manifest names every file of the corpus', () => {
  const files = readdirSync(CORPUS).filter((file) => file.endsWith('.md') && file !== 'README.md');
  expect(manifest.map(({ file }) => file).sort()).toEqual(files.sort());
});

/** What each oddity of the manifest must come to. `undefined`: not an agent. */
const ODDITIES: Record<string, { codes: string[]; loads: Record<string, unknown> | undefined }> = {
  canonical: { codes: [], loads: { name: 'raft-manager', priority: 'high' } },
  "double frontmatter; outer is skill; '/'->'$' corruption in body": {
    codes: ['double-frontmatter'],
    loads: { name: 'agent-raft-manager' },
  },
  "broken YAML: unquoted description with ': '": {
    codes: ['quoted-scalar'],
    loads: { name: 'base-template-generator', color: 'orange' },
  },
  'documentation file in agents folder that has frontmatter': {
    codes: ['unusual-name', 'documentation-type'],
    loads: { type: 'documentation' },
  },
  'nested object capabilities/triggers/constraints; hooks pre_execution/post_execution/on_error': {
    codes: ['capabilities-map', 'hook-alias', 'hook-alias', 'hook-not-run'],
    loads: { name: 'code-analyzer', tools: { allowed: ['Read', 'Grep', 'Glob', 'WebSearch'] } },
  },
  'hooks.pre/post as lists': { codes: [], loads: { hooks: { pre: { length: 3 }, post: { length: 3 } } } },
  'hooks pre_task/post_edit/post_task/notification': {
    codes: ['hook-alias', 'hook-not-run', 'hook-alias', 'hook-not-run'],
    loads: { hooks: { pre: { length: 1 }, post: { length: 1 }, other: { post_edit: expect.any(String) } } },
  },
  'tools comma string + hooks': { codes: [], loads: { tools: { allowed: { length: 7 } } } },
  'name with spaces': { codes: ['unusual-name'], loads: { name: 'Benchmark Suite' } },
  'platform/execution/limits keys': { codes: [], loads: { extra: { platform: 'codex' } } },
  'hooks pre_execution only, metadata': {
    codes: ['hook-alias', 'hook-alias'],
    loads: {
      hooks: { pre: { length: 1 } },
      priority: 'normal',
      extra: { metadata: { priority: 'critical' } },
    },
  },
  'singleton/auto_spawn/requires': { codes: [], loads: { priority: 'critical', extra: { singleton: true } } },
  'raft-manager rewritten to Claude Code keys': {
    codes: [],
    loads: { name: 'raft-manager', model: ['sonnet'] },
  },
  CRLF: { codes: [], loads: { name: 'consensus-builder', color: 'purple' } },
  'no frontmatter at top, frontmatter examples inside; CRLF': { codes: ['no-frontmatter'], loads: undefined },
  'prettier-reformatted single-quoted colour': { codes: [], loads: { color: '#2196F3' } },
  'tools object allowed/denied; memory object': {
    codes: [],
    loads: { tools: { allowed: ['Read', 'WebFetch'], denied: { length: 4 } } },
  },
  'description literal block': { codes: [], loads: { name: 'arm-cortex-expert', tools: { allowed: [] } } },
  'dot in name': { codes: [], loads: { name: 'powershell-5.1-expert' } },
  'README amongst agents': { codes: ['no-frontmatter'], loads: undefined },
  'hooks in Claude Code PreToolUse form': {
    codes: [],
    loads: { hooks: { pre: [], post: [], claudeCode: { PreToolUse: { length: 2 } } } },
  },
  'YAML error: bare *': { codes: ['quoted-scalar'], loads: { tools: { allowed: undefined } } },
  '--- then blank, closes with long dashes (unterminated)': {
    codes: ['fence-trailing'],
    loads: { name: 'frontend-developer' },
  },
  'whole file indented 4 spaces, leading blank line': {
    codes: ['blank-before-fence', 'indented-file'],
    loads: { name: 'sqs-expert', model: ['claude-sonnet-4-20250514'] },
  },
  'js-yaml 5 rejects, yaml 2.9 accepts (parser disagreement)': {
    codes: [],
    loads: { tools: { allowed: ['DiffblueCover/*'] }, extra: { 'mcp-servers': expect.any(Object) } },
  },
  'model as list': { codes: ['unusual-name'], loads: { model: { length: 4 } } },
  'broken YAML': { codes: ['quoted-scalar'], loads: { description: expect.stringContaining(': ') } },
};

test.each(manifest)('$file: $oddity', async ({ file, oddity }) => {
  const { definition, diagnostics } = await lintCorpus(file);
  const expected = ODDITIES[oddity];
  expect(diagnostics.map(({ code }) => code)).toEqual(expected?.codes);
  expect({ definition }).toMatchObject({ definition: expected?.loads });
});

test('all diagnostics of the corpus, word for word', async () => {
  const lines: string[] = [];
  for (const { file } of manifest) {
    const { diagnostics } = await lintCorpus(file);
    for (const { line, column, severity, code, message, hint } of diagnostics) {
      lines.push(`${file}:${line}:${column} ${severity} ${code}: ${message}\n    ${hint}\n`);
    }
  }
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(GOLDEN, lines.join(''));
  expect(lines.join('')).toBe(readFileSync(GOLDEN, 'utf8'));
});

/** Name, type, priority, capabilities, and the first line that each hook prints. */
const SEEDS = [
  {
    name: 'byzantine-coordinator',
    type: 'coordinator',
    priority: 'high',
    capabilities: [
      'pbft_consensus',
      'malicious_detection',
      'message_authentication',
      'view_management',
      'attack_mitigation',
    ],
    pre: 'echo "🛡️  Byzantine Coordinator initiating: $TASK"',
    post: 'echo "✅ Byzantine consensus complete"',
  },
  {
    name: 'crdt-synchronizer',
    type: 'synchronizer',
    priority: 'high',
    capabilities: [
      'state_based_crdts',
      'operation_based_crdts',
      'delta_synchronization',
      'conflict_resolution',
      'causal_consistency',
    ],
    pre: 'echo "🔄 CRDT Synchronizer syncing: $TASK"',
    post: 'echo "🎯 CRDT synchronization complete"',
  },
  {
    name: 'gossip-coordinator',
    type: 'coordinator',
    priority: 'medium',
    capabilities: [
      'epidemic_dissemination',
      'peer_selection',
      'state_synchronization',
      'conflict_resolution',
      'scalability_optimization',
    ],
    pre: 'echo "📡 Gossip Coordinator broadcasting: $TASK"',
    post: 'echo "🔄 Gossip protocol cycle complete"',
  },
  {
    name: 'performance-benchmarker',
    type: 'analyst',
    priority: 'medium',
    capabilities: [
      'throughput_measurement',
      'latency_analysis',
      'resource_monitoring',
      'comparative_analysis',
      'adaptive_tuning',
    ],
    pre: 'echo "📊 Performance Benchmarker analyzing: $TASK"',
    post: 'echo "📈 Performance analysis complete"',
  },
  {
    name: 'quorum-manager',
    type: 'coordinator',
    priority: 'high',
    capabilities: [
      'dynamic_quorum_calculation',
      'membership_management',
      'network_monitoring',
      'weighted_voting',
      'fault_tolerance_optimization',
    ],
    pre: 'echo "🎯 Quorum Manager adjusting: $TASK"',
    post: 'echo "⚖️  Quorum adjustment complete"',
  },
  {
    name: 'raft-manager',
    type: 'coordinator',
    priority: 'high',
    capabilities: [
      'leader_election',
      'log_replication',
      'follower_management',
      'membership_changes',
      'consistency_verification',
    ],
    pre: 'echo "🗳️  Raft Manager starting: $TASK"',
    post: 'echo "📝 Raft operation complete"',
  },
  {
    name: 'security-manager',
    type: 'security',
    priority: 'critical',
    capabilities: [
      'cryptographic_security',
      'attack_detection',
      'key_management',
      'secure_communication',
      'threat_mitigation',
    ],
    pre: 'echo "🔐 Security Manager securing: $TASK"',
    post: 'echo "✅ Security protocols verified"',
  },
];

describe('the seed', () => {
  test.each(SEEDS)(
    '$name loads without a remark',
    async ({ name, type, priority, capabilities, pre, post }) => {
      const path = pathOf(`${name}.md`, SEED);
      const { diagnostics } = await lintAgentFile(path);
      const definition = await loadAgentFile(path);
      expect(diagnostics).toEqual([]);
      expect(definition).toMatchObject({ name, type, priority, capabilities, extra: {} });
      expect(definition.hooks.pre.map((script) => script.split('\n')[0])).toEqual([pre]);
      expect(definition.hooks.post.map((script) => script.split('\n')[0])).toEqual([post]);
    },
  );

  test("raft-manager's scripts are its own, character by character", async () => {
    const { hooks } = await loadAgentFile(pathOf('raft-manager.md', SEED));
    expect(hooks.pre).toEqual([
      [
        'echo "🗳️  Raft Manager starting: $TASK"',
        '# Check cluster health before operations',
        'if [[ "$TASK" == *"election"* ]]; then',
        '  echo "🎯 Preparing leader election process"',
        'fi',
        '',
      ].join('\n'),
    ]);
  });
});
