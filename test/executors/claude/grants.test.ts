import { describe, expect, test } from 'vitest';
import {
  isGranted,
  mayBeDenied,
  simpleCommand,
} from '../../../src/agents/executors/claude/tools/shell-words.ts';
import { matchesName, matchesPath } from '../../../src/agents/executors/claude/tools/wildcard.ts';
import { openBench } from './tools-of.ts';

const SWARM = ['swarm_status', 'task_submit', 'task_note', 'reserve_files', 'release_files'];

describe('an agent has', () => {
  test.each<{ why: string; tools: string | undefined; own: string[]; missing?: string[] }>([
    {
      why: 'what looks and changes nothing, without a word about tools',
      tools: undefined,
      own: ['Read', 'Grep', 'Glob'],
    },
    { why: 'no more with a star: that names nothing', tools: "'*'", own: ['Read', 'Grep', 'Glob'] },
    { why: 'what it names', tools: 'Read, Edit', own: ['Read', 'Edit'] },
    {
      why: 'a shell only by name',
      tools: 'Read, Write, Edit, Grep, Glob',
      own: ['Read', 'Grep', 'Glob', 'Write', 'Edit'],
    },
    { why: 'a shell by name', tools: 'Bash', own: ['Bash'] },
    { why: 'a shell for some commands', tools: 'Bash(git *)', own: ['Bash'] },
    { why: 'nothing of its own with an empty list', tools: '[]', own: [] },
    {
      why: 'what is to be had, and is told of the rest',
      tools: 'Read, WebFetch, mcp__github__search, bash',
      own: ['Read'],
      missing: ['WebFetch', 'mcp__github__search', 'bash'],
    },
    {
      why: 'nothing that is denied',
      tools: '{allowed: [Read, Bash], denied: [Bash]}',
      own: ['Read'],
      missing: ['Bash'],
    },
    {
      why: 'no whole shell without some of its commands: there are too many ways to run them',
      tools: "{allowed: [Bash], denied: ['Bash(rm *)']}",
      own: [],
      missing: ['Bash'],
    },
    {
      why: 'some commands without some of them',
      tools: "{allowed: ['Bash(git *)'], denied: ['Bash(git push *)']}",
      own: ['Bash'],
    },
  ])('$why', async ({ tools, own, missing = [] }) => {
    const bench = await openBench(tools);
    expect(bench.names).toEqual([...own, ...SWARM]);
    expect(bench.missing).toEqual(missing);
  });

  test('the tools of the swarm unless they are denied', async () => {
    const bench = await openBench('{denied: [task_submit, reserve_files]}');
    expect(bench.names).toEqual(['Read', 'Grep', 'Glob', 'swarm_status', 'task_note', 'release_files']);
  });
});

describe('a path is', () => {
  test.each([
    { why: 'granted by its folder', tools: 'Write(docs/**)', path: 'docs/a/b.md', kind: 'done' },
    { why: 'granted from here', tools: 'Write(./docs/**)', path: 'docs/a.md', kind: 'done' },
    { why: 'granted from the top', tools: 'Write(/docs/**)', path: 'docs/a.md', kind: 'done' },
    { why: 'not granted elsewhere', tools: 'Write(docs/**)', path: 'src/docs/a.md', kind: 'refused' },
    {
      why: 'not granted by a pattern for other places',
      tools: "'Write(//tmp/**), Write(~/**)'",
      path: 'a.md',
      kind: 'refused',
    },
    {
      why: 'denied whatever else is granted',
      tools: "{allowed: [Write], denied: ['Write(docs/**)']}",
      path: 'docs/a.md',
      kind: 'refused',
    },
    {
      why: 'denied at any depth by its name',
      tools: "{allowed: [Write], denied: ['Write(.env)']}",
      path: 'a/b/.env',
      kind: 'refused',
    },
    {
      why: 'denied in any case',
      tools: "{allowed: [Write], denied: ['Write(.env)']}",
      path: '.ENV',
      kind: 'refused',
    },
    {
      why: 'denied to write by whoever may not edit it',
      tools: "{allowed: [Write], denied: ['Edit(a/**)']}",
      path: 'a/b',
      kind: 'refused',
    },
    {
      why: 'denied to write by whoever may not read it',
      tools: "{allowed: [Write], denied: ['Read(a)']}",
      path: 'a/b',
      kind: 'refused',
    },
    {
      why: 'not denied beside it',
      tools: "{allowed: [Write], denied: ['Write(.env)']}",
      path: '.env.example',
      kind: 'done',
    },
  ])('$why', async ({ tools, path, kind }) => {
    const bench = await openBench(tools);
    expect(await bench.use('Write', { file_path: path, content: '' })).toMatchObject({ kind });
  });

  test('hidden from searches when it may not be read', async () => {
    const files = { 'a.txt': 'rose', 'secret/b.txt': 'rose', 'c.key': 'rose' };
    const bench = await openBench(
      "{allowed: [Grep, Glob, Read], denied: ['Read(secret/**)', 'Read(*.key)']}",
      { files },
    );
    expect(await bench.use('Glob', { pattern: '**' })).toEqual({ kind: 'done', text: 'a.txt' });
    expect(await bench.use('Grep', { pattern: 'rose' })).toEqual({ kind: 'done', text: 'a.txt' });
    expect(await bench.use('Grep', { pattern: 'rose', path: 'secret/b.txt' })).toMatchObject({
      kind: 'refused',
    });
  });

  test('searched from above when only some of it is granted', async () => {
    const files = { 'docs/a.md': 'rose', 'src/b.md': 'rose' };
    const bench = await openBench('Grep(docs/**)', { files });
    expect(await bench.use('Grep', { pattern: 'rose' })).toEqual({ kind: 'done', text: 'docs/a.md' });
  });
});

describe('a command', () => {
  test.each([
    { why: 'of words', text: 'git log  --oneline\t-3 ', words: ['git', 'log', '--oneline', '-3'] },
    {
      why: 'with quotes',
      text: `git commit -m 'a; b' "c d"e`,
      words: ['git', 'commit', '-m', 'a; b', 'c de'],
    },
    { why: 'whose word is in pieces', text: `git pu''sh`, words: ['git', 'push'] },
    { why: 'with an empty word', text: `git ''`, words: ['git', ''] },
  ])('is one plain command: $why', ({ text, words }) => {
    expect(simpleCommand(text)).toEqual(words);
  });

  test.each([
    ...[
      'git log; rm -rf .',
      'git log && rm a',
      'git log || rm a',
      'git log | sh',
      'git log & rm a',
      'git log\nrm a',
    ],
    ...[
      'git log > a',
      'git log < a',
      'git $(rm a)',
      'git `rm a`',
      'git "$(rm a)"',
      'git "`rm a`"',
      'git $A',
      'git "$A"',
    ],
    ...[
      '(git log)',
      '{ git log; }',
      'git a{b,c}',
      'git pus?',
      'git [p]ush',
      'git *',
      'git ~',
      'git \\\nx',
      'git pu\\sh',
    ],
    ...[
      'A=1 git log',
      '! git log',
      '# git',
      'git "a',
      "git 'a",
      'git pu\0sh',
      'git\u00a0push',
      'git\vpush',
      '',
      '  ',
    ],
  ])('is none: %j', (text) => {
    expect(simpleCommand(text)).toBeUndefined();
  });

  test.each([
    {
      pattern: 'git *',
      granted: ['git', 'git log', 'git log -3'],
      not: ['gitk', 'git-x log', 'rm git', '/bin/git log'],
    },
    { pattern: 'git:*', granted: ['git', 'git log'], not: ['gitk'] },
    {
      pattern: 'npm run test:*',
      granted: ['npm run test', 'npm run test -- a'],
      not: ['npm run tests', 'npm test'],
    },
    { pattern: 'npm run test*', granted: ['npm run test', 'npm run tests'], not: ['npm run test a'] },
    { pattern: 'make', granted: ['make'], not: ['make all'] },
    { pattern: 'git * main', granted: ['git main', 'git push origin main'], not: ['git main x'] },
  ])('is granted by $pattern', ({ pattern, granted, not }) => {
    const isOne = (command: string) => isGranted([pattern], command.split(' '));
    expect(granted.filter((command) => !isOne(command))).toEqual([]);
    expect(not.filter(isOne)).toEqual([]);
  });

  test.each([
    {
      pattern: 'git push *',
      denied: ['git push', 'git push -f', 'git -C . push', 'git -c a=b push x'],
      not: ['git log'],
    },
    { pattern: 'rm', denied: ['rm', 'rm -rf a', 'env rm a'], not: ['rmdir a'] },
    { pattern: 'git *force*', denied: ['git push --force', 'git a --force-with-lease'], not: ['git push'] },
  ])('may be denied by $pattern', ({ pattern, denied, not }) => {
    const isOne = (command: string) => mayBeDenied([pattern], command.split(' '));
    expect(denied.filter((command) => !isOne(command))).toEqual([]);
    expect(not.filter(isOne)).toEqual([]);
  });

  test.each([
    { why: 'that is granted runs', command: 'echo one', outcome: { kind: 'done', text: 'one' } },
    {
      why: 'that is not granted does not',
      command: 'ls',
      outcome: { kind: 'refused', text: expect.stringContaining('not allowed; allowed are: echo *') },
    },
    {
      why: 'that is denied does not',
      command: 'echo loud',
      outcome: { kind: 'refused', text: expect.stringContaining('not allowed') },
    },
    {
      why: 'with another one behind it does not',
      command: 'echo a; ls',
      outcome: { kind: 'refused', text: expect.stringContaining('only one plain command') },
    },
  ])('$why', async ({ command, outcome }) => {
    const bench = await openBench("{allowed: ['Bash(echo *)'], denied: ['Bash(echo loud)']}");
    expect(await bench.use('Bash', { command })).toEqual(outcome);
  });
});

describe('a pattern', () => {
  test.each([
    { pattern: '**/*.ts', yes: ['a.ts', 'a/b.ts', 'a/b/c.ts'], no: ['a.js', 'a.ts/b'] },
    { pattern: '*.ts', yes: ['a.ts', '.ts'], no: ['a/b.ts'] },
    { pattern: 'src/**', yes: ['src/a', 'src/a/b'], no: ['a/src/b', 'source/a'] },
    { pattern: 'src/', yes: ['src/a'], no: ['a/src'] },
    { pattern: './a?.[ch]', yes: ['ab.c', 'ab.h'], no: ['a.c', 'ab.x'] },
    { pattern: '[!a-c]x', yes: ['dx'], no: ['ax', 'bx'] },
    { pattern: '**/{a,b{c,d}}.md', yes: ['a.md', 'x/bc.md', 'bd.md'], no: ['b.md', 'c.md'] },
    { pattern: 'a/**/b/**/c', yes: ['a/b/c', 'a/x/b/y/z/c', 'a/b/b/c'], no: ['a/c', 'a/b', 'b/c'] },
    { pattern: '\\*.md', yes: ['*.md'], no: ['a.md'] },
    { pattern: 'a[', yes: ['a['], no: ['a'] },
  ])('$pattern', ({ pattern, yes, no }) => {
    expect(yes.filter((path) => !matchesPath(pattern, path))).toEqual([]);
    expect(no.filter((path) => matchesPath(pattern, path))).toEqual([]);
  });

  test('cannot be made to take for ever', () => {
    expect(matchesName(`${'*a'.repeat(100)}b`, 'a'.repeat(5_000))).toBe(false);
    expect(matchesPath(`${'**/a/'.repeat(100)}b`, 'a/'.repeat(2_000))).toBe(false);
    expect(matchesPath('{a,b}'.repeat(50), 'c')).toBe(false);
  });
});
