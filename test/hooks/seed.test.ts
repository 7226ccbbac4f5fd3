import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadAgentFile } from '../../src/agents/load.ts';
import { hook } from './hook-runs.ts';

const SEED = new URL('../fixtures/seed/', import.meta.url);

/** The hooks of each file, as a person reads them: the word that makes `pre` say more, and what is printed. */
const FILES = [
  {
    file: 'raft-manager.md',
    word: 'election',
    pre: ['🗳️  Raft Manager starting: ', '🎯 Preparing leader election process'],
    post: ['📝 Raft operation complete', '🔍 Validating log replication and consistency'],
  },
  {
    file: 'byzantine-coordinator.md',
    word: 'consensus',
    pre: ['🛡️  Byzantine Coordinator initiating: ', '🔍 Checking for malicious actors...'],
    post: ['✅ Byzantine consensus complete', '🔐 Verifying message signatures and ordering'],
  },
  {
    file: 'crdt-synchronizer.md',
    word: 'synchronization',
    pre: ['🔄 CRDT Synchronizer syncing: ', '📊 Preparing delta state computation'],
    post: ['🎯 CRDT synchronization complete', '✅ Validating conflict-free state convergence'],
  },
  {
    file: 'gossip-coordinator.md',
    word: 'dissemination',
    pre: ['📡 Gossip Coordinator broadcasting: ', '🌐 Establishing peer network topology'],
    post: ['🔄 Gossip protocol cycle complete', '📊 Monitoring eventual consistency convergence'],
  },
  {
    file: 'performance-benchmarker.md',
    word: 'benchmark',
    pre: ['📊 Performance Benchmarker analyzing: ', '⚡ Starting performance metric collection'],
    post: ['📈 Performance analysis complete', '📋 Compiling benchmarking results and recommendations'],
  },
  {
    file: 'quorum-manager.md',
    word: 'quorum',
    pre: ['🎯 Quorum Manager adjusting: ', '📡 Analyzing network topology and node health'],
    post: ['⚖️  Quorum adjustment complete', '✅ Verifying fault tolerance and availability guarantees'],
  },
  {
    file: 'security-manager.md',
    word: 'consensus',
    pre: ['🔐 Security Manager securing: ', '🛡️  Activating cryptographic verification'],
    post: ['✅ Security protocols verified', '🔍 Conducting post-operation security audit'],
  },
];

async function hooksOf(file: string) {
  return (await loadAgentFile(fileURLToPath(new URL(file, SEED)))).hooks;
}

test('every seed file is in the table', () => {
  const agents = readdirSync(SEED).filter((file) => file.endsWith('.md') && file !== 'README.md');
  expect(FILES.map(({ file }) => file).sort()).toEqual(agents.sort());
});

describe.each(FILES)('the hooks of $file, as written', ({ file, word, pre, post }) => {
  test('pre says one line of a task without its word', async () => {
    const { stdout, stderr, outcome } = await hook((await hooksOf(file)).pre, {
      context: { TASK: 'water the plants' },
    });
    expect({ stdout, stderr, outcome }).toEqual({
      stdout: `${pre[0]}water the plants\n`,
      stderr: '',
      outcome: 'succeeded',
    });
  });

  test('pre says its second line of a task with its word', async () => {
    const task = `hold a ${word} now`;
    const { stdout } = await hook((await hooksOf(file)).pre, { context: { TASK: task } });
    expect(stdout).toBe(`${pre[0]}${task}\n${pre[1]}\n`);
  });

  test('post says its two lines', async () => {
    const { stdout, outcome } = await hook((await hooksOf(file)).post, {
      phase: 'post',
      context: { SUCCESS: 'true' },
    });
    expect({ stdout, outcome }).toEqual({ stdout: `${post.join('\n')}\n`, outcome: 'succeeded' });
  });
});
