import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { electionTraits } from '../../src/agents/election-traits.ts';
import { lintAgentFile, loadAgentFile } from '../../src/agents/load.ts';

const AGENTS = new URL('../../agents/', import.meta.url);
const DISCOVERED = new URL('../../.claude/agents/', import.meta.url);
const files = readdirSync(AGENTS);

test('.claude/agents is the copy of agents that Claude Code discovers', () => {
  expect(readdirSync(DISCOVERED)).toEqual(files);
  for (const file of files) {
    expect(readFileSync(new URL(file, DISCOVERED)).equals(readFileSync(new URL(file, AGENTS)))).toBe(true);
  }
});

test.each(files)('%s has no remark', async (file) => {
  expect((await lintAgentFile(fileURLToPath(new URL(file, AGENTS)))).diagnostics).toEqual([]);
});

test('raft-manager stands for election, ahead of ordinary agents', async () => {
  const definition = await loadAgentFile(fileURLToPath(new URL('raft-manager.md', AGENTS)));
  expect(electionTraits(definition)).toEqual({ rank: 2, standing: 'eligible' });
  expect(definition.hooks).toMatchObject({ pre: { length: 1 }, post: { length: 1 } });
});
