import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import type { AgentDefinition } from '../../src/agents/definition.ts';
import { electionTraits } from '../../src/agents/election-traits.ts';
import { lintAgentFile, loadAgentFile } from '../../src/agents/load.ts';
import { createProgram } from '../../src/cli/program.ts';

const AGENTS = new URL('../../agents/', import.meta.url);
const DISCOVERED = new URL('../../.claude/agents/', import.meta.url);
const files = readdirSync(AGENTS);

const load = (file: string): Promise<AgentDefinition> => loadAgentFile(fileURLToPath(new URL(file, AGENTS)));

test('there are five', () => {
  expect(files).toEqual([
    'crdt-synchronizer.md',
    'performance-benchmarker.md',
    'quorum-manager.md',
    'raft-manager.md',
    'security-manager.md',
  ]);
});

test('.claude/agents is the copy of agents that Claude Code discovers', () => {
  expect(readdirSync(DISCOVERED)).toEqual(files);
  for (const file of files) {
    expect(readFileSync(new URL(file, DISCOVERED)).equals(readFileSync(new URL(file, AGENTS)))).toBe(true);
  }
});

describe.each(files)('%s', (file) => {
  test('has no remark', async () => {
    expect((await lintAgentFile(fileURLToPath(new URL(file, AGENTS)))).diagnostics).toEqual([]);
  });

  test('is called like its file, and says when to use it, with which tools and model', async () => {
    const { description, model, name, tools } = await load(file);
    expect(`${name}.md`).toBe(file);
    expect(description).toContain('Use it ');
    expect(tools.allowed).toEqual(expect.arrayContaining(['Bash', 'Read', 'Grep', 'Glob']));
    // They look and decide; whoever writes files is somebody else.
    expect(tools.allowed).not.toEqual(expect.arrayContaining(['Write']));
    expect(model).toHaveLength(1);
  });

  test('has the hooks that all of them have', async () => {
    const { hooks } = await load(file);
    expect(hooks).toEqual((await load('raft-manager.md')).hooks);
    expect(hooks).toMatchObject({ pre: { length: 1 }, post: { length: 1 } });
  });

  test('names only commands that exist, with options that they take', async () => {
    const { body, hooks } = await load(file);
    const calls = callsIn([body, ...hooks.pre, ...hooks.post].join('\n'));
    expect(calls.length).toBeGreaterThan(3);
    expect(calls.flatMap((call) => objectionTo(call) ?? [])).toEqual([]);
  });
});

describe('what is told of a call that does not exist', () => {
  test.each([
    { call: 'raft-manager status --brief', objection: undefined },
    { call: 'raft-manager task note ID TEXT --fence N', objection: undefined },
    { call: 'raft-manager elect', objection: 'raft-manager elect: no command "elect"' },
    { call: 'raft-manager task burn ID', objection: 'raft-manager task burn ID: no command "burn"' },
    { call: 'raft-manager verify --fast', objection: 'raft-manager verify --fast: no option --fast' },
  ])('$call', ({ call, objection }) => {
    expect(objectionTo(call)).toBe(objection);
  });
});

test('raft-manager stands for election, ahead of ordinary agents', async () => {
  expect(electionTraits(await load('raft-manager.md'))).toEqual({ rank: 2, standing: 'eligible' });
});

/** Between backquotes, and in the lines of scripts up to the end of the command. */
function callsIn(text: string): readonly string[] {
  const quoted = [...text.matchAll(/`(raft-manager [^`]+)`/g)].map(([, call]) => call);
  const scripted = [...text.matchAll(/^\s*(?:if )?(raft-manager [a-z][^;\n]*)/gm)].map(([, call]) => call);
  return [...quoted, ...scripted].flatMap((call) => call ?? []);
}

function objectionTo(call: string): string | undefined {
  const [, ...words] = call.split(/\s+/);
  let command: Command = createProgram();
  for (const word of words) {
    const sub = command.commands.find((one) => one.name() === word);
    if (sub !== undefined) command = sub;
    else if (command.commands.length > 0 && !word.startsWith('-')) return `${call}: no command "${word}"`;
    if (!word.startsWith('--') || word === '--help' || word === '--version') continue;
    if (!command.options.some(({ long }) => long === word)) return `${call}: no option ${word}`;
  }
  return undefined;
}
