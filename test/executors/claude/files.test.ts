import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../../src/protocol/errors.ts';
import { ownFolder } from '../../shell/playground.ts';
import { agentOf, emptySwarm } from '../execution.ts';
import { openBench } from './tools-of.ts';

const ALL = 'Read, Write, Edit, Grep, Glob';

describe('the workspace', () => {
  const outside = () => {
    const folder = ownFolder();
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    return folder;
  };

  test.each<{ why: string; path: (elsewhere: string) => string }>([
    { why: 'an absolute path', path: (elsewhere) => `${elsewhere}/secret.txt` },
    { why: 'steps upwards', path: (elsewhere) => `../${elsewhere.split('/').at(-1)}/secret.txt` },
    { why: 'a link', path: () => 'link/secret.txt' },
    { why: 'a link to the file', path: () => 'linked.txt' },
    {
      why: 'steps upwards behind a folder',
      path: (elsewhere) => `folder/../../${elsewhere.split('/').at(-1)}/secret.txt`,
    },
    { why: 'a device', path: () => '/dev/zero' },
    { why: 'a name that only begins like it', path: () => '' },
  ])('is not left by $why', async ({ path }) => {
    const elsewhere = outside();
    const bench = await openBench(ALL);
    mkdirSync(join(bench.folder, 'folder'));
    symlinkSync(elsewhere, join(bench.folder, 'link'));
    symlinkSync(join(elsewhere, 'secret.txt'), join(bench.folder, 'linked.txt'));
    const file_path = path(elsewhere) || `${bench.folder}-beside/secret.txt`;
    const attempts = [
      bench.use('Read', { file_path }),
      bench.use('Write', { file_path, content: 'mine' }),
      bench.use('Edit', { file_path, old_string: 'secret', new_string: 'mine' }),
      bench.use('Grep', { pattern: 'secret', path: file_path }),
      bench.use('Glob', { pattern: '**', path: file_path }),
    ];
    for (const outcome of await Promise.all(attempts)) {
      expect(outcome).toEqual({ kind: 'refused', text: expect.stringContaining('is outside the workspace') });
    }
    expect(readFileSync(join(elsewhere, 'secret.txt'), 'utf8')).toBe('secret');
  });

  test('is not left by searches that meet a link', async () => {
    const bench = await openBench(ALL, { files: { 'a.txt': 'secret' } });
    symlinkSync(outside(), join(bench.folder, 'link'));
    symlinkSync(bench.folder, join(bench.folder, 'round'));
    expect(await bench.use('Grep', { pattern: 'secret' })).toEqual({ kind: 'done', text: 'a.txt' });
    expect(await bench.use('Glob', { pattern: '**' })).toEqual({ kind: 'done', text: 'a.txt' });
  });

  test('is not left through a link to nothing', async () => {
    const elsewhere = ownFolder();
    const bench = await openBench(ALL);
    symlinkSync(join(elsewhere, 'new.txt'), join(bench.folder, 'new.txt'));
    symlinkSync(join(elsewhere, 'folder'), join(bench.folder, 'folder'));
    for (const file_path of ['new.txt', 'folder/new.txt']) {
      expect(await bench.use('Write', { file_path, content: 'x' })).toMatchObject({ kind: 'refused' });
    }
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('may be reached through links, and holds what its own links lead to', async () => {
    const bench = await openBench(ALL, { files: { 'a/real.txt': 'one' } });
    symlinkSync('a/real.txt', join(bench.folder, 'link.txt'));
    expect(await bench.use('Read', { file_path: join(bench.folder, 'link.txt') })).toEqual({
      kind: 'done',
      text: '     1\tone',
    });
    expect(await bench.use('Write', { file_path: 'link.txt', content: 'two' })).toEqual({
      kind: 'done',
      text: 'wrote a/real.txt',
    });
    expect(readFileSync(join(bench.folder, 'a/real.txt'), 'utf8')).toBe('two');
  });

  test.each([
    '.git/hooks/pre-commit',
    '.GIT/config',
    'sub/.git/config',
    '.claude/settings.json',
    '.mcp.json',
    '.vscode/tasks.json',
    '.husky/x',
  ])('has places where a file is a command, which only a person writes: %s', async (file_path) => {
    const bench = await openBench(ALL);
    const outcome = await bench.use('Write', { file_path, content: '' });
    expect(outcome).toEqual({
      kind: 'refused',
      text: expect.stringContaining('only a person may change it'),
    });
    expect(existsSync(join(bench.folder, file_path))).toBe(false);
  });

  test('holds the definition of the agent, which it may not widen', async () => {
    const folder = ownFolder();
    const definition = agentOf('---\nname: a\ndescription: d\ntools: Read, Write\n---\n');
    const agent = { ...definition, source: { ...definition.source, path: join(folder, 'agents/a.md') } };
    const bench = await openBench(undefined, {
      cwd: folder,
      agent,
      files: { 'agents/a.md': 'x', 'agents/b.md': 'x' },
    });
    await bench.use('Read', { file_path: 'agents/a.md' });
    expect(await bench.use('Write', { file_path: 'agents/a.md', content: '' })).toEqual({
      kind: 'refused',
      text: expect.stringContaining('the definition of this agent'),
    });
  });

  test('does not show what belongs to the swarm', async () => {
    const folder = ownFolder();
    const files = { '.raft-manager/token': 'rose', 'state/token': 'rose', 'a.txt': 'rose' };
    const environment = { RAFT_MANAGER_DIR: join(folder, 'state') };
    const bench = await openBench(ALL, { cwd: folder, environment, files });
    for (const file_path of ['.raft-manager/token', 'state/token']) {
      expect(await bench.use('Read', { file_path })).toEqual({
        kind: 'refused',
        text: expect.stringContaining('belongs to the swarm'),
      });
    }
    expect(await bench.use('Grep', { pattern: 'rose' })).toEqual({ kind: 'done', text: 'a.txt' });
  });
});

describe('Read', () => {
  test('numbers lines, and says how to go on', async () => {
    const lines = Array.from({ length: 2_500 }, (_, at) => `line ${at + 1}`);
    const bench = await openBench(ALL, { files: { 'a.txt': `${lines.join('\r\n')}\r\n` } });
    const whole = await bench.use('Read', { file_path: 'a.txt' });
    expect(whole.text).toMatch(/^ {5}1\tline 1\n {5}2\tline 2\n/);
    expect(whole.text).toMatch(/\[lines 1 to 2000 of 2500; go on with offset 2001\]$/);
    expect(await bench.use('Read', { file_path: 'a.txt', offset: 2_499 })).toEqual({
      kind: 'done',
      text: '  2499\tline 2499\n  2500\tline 2500',
    });
    expect(await bench.use('Read', { file_path: 'a.txt', offset: 3, limit: 1 })).toMatchObject({
      text: expect.stringContaining('     3\tline 3\n[lines 3 to 3'),
    });
    expect(await bench.use('Read', { file_path: 'a.txt', offset: 9_999 })).toMatchObject({
      text: expect.stringContaining('there are 2500 lines'),
    });
  });

  test('shows no more than a conversation bears', async () => {
    const bench = await openBench(ALL, {
      files: { 'long.txt': 'x'.repeat(100_000), 'many.txt': `${'y'.repeat(1_000)}\n`.repeat(1_000) },
    });
    expect((await bench.use('Read', { file_path: 'long.txt' })).text.length).toBeLessThan(2_100);
    const many = await bench.use('Read', { file_path: 'many.txt' });
    expect(many.text.length).toBeLessThan(60_000);
    expect(many.text).toMatch(/go on with offset 51\]$/);
  });

  test.each<{ why: string; make: (folder: string) => void; told: RegExp }>([
    { why: 'a folder', make: (folder) => mkdirSync(join(folder, 'x')), told: /is a folder/ },
    {
      why: 'binary data',
      make: (folder) => writeFileSync(join(folder, 'x'), Buffer.from([0x89, 0, 1])),
      told: /binary/,
    },
    {
      why: 'another encoding',
      make: (folder) => writeFileSync(join(folder, 'x'), Buffer.from([0xe4, 0xf6])),
      told: /not UTF-8/,
    },
    {
      why: 'too much',
      make: (folder) => writeFileSync(join(folder, 'x'), 'x'.repeat(11 * 1024 * 1024)),
      told: /more than/,
    },
    { why: 'nothing', make: () => undefined, told: /no such file/ },
  ])('refuses $why', async ({ make, told }) => {
    const bench = await openBench(ALL);
    make(bench.folder);
    expect(await bench.use('Read', { file_path: 'x' })).toEqual({
      kind: 'refused',
      text: expect.stringMatching(told),
    });
  });
});

describe('Write and Edit', () => {
  test('make a file with its folders, and keep the permissions of one that is there', async () => {
    const bench = await openBench(ALL, { files: { 'run.sh': 'one' } });
    chmodSync(join(bench.folder, 'run.sh'), 0o750);
    expect(await bench.use('Write', { file_path: 'a/b/c.txt', content: 'x' })).toEqual({
      kind: 'done',
      text: 'created a/b/c.txt',
    });
    await bench.use('Read', { file_path: 'run.sh' });
    await bench.use('Edit', { file_path: 'run.sh', old_string: 'one', new_string: 'two' });
    expect(statSync(join(bench.folder, 'run.sh')).mode & 0o777).toBe(0o750);
    expect(readdirSync(bench.folder).sort()).toEqual(['a', 'run.sh']);
  });

  test('change only what was read, as it was read', async () => {
    const bench = await openBench(ALL, { files: { 'a.txt': 'one' } });
    const write = () => bench.use('Write', { file_path: 'a.txt', content: 'mine' });
    expect(await write()).toEqual({ kind: 'refused', text: 'Read a.txt before you change it' });
    await bench.use('Read', { file_path: 'a.txt' });
    bench.write('a.txt', 'somebody else');
    expect(await write()).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('changed by somebody else'),
    });
    await bench.use('Read', { file_path: 'a.txt' });
    expect(await write()).toMatchObject({ kind: 'done' });
    // What it wrote it has seen.
    expect(
      await bench.use('Edit', { file_path: 'a.txt', old_string: 'mine', new_string: 'ours' }),
    ).toMatchObject({ kind: 'done' });
  });

  test.each([
    { why: 'once', text: 'a b c', edit: { old_string: 'b', new_string: 'x' }, after: 'a x c' },
    {
      why: 'everywhere',
      text: 'b b',
      edit: { old_string: 'b', new_string: 'x', replace_all: true },
      after: 'x x',
    },
    {
      why: 'as text, not as a pattern',
      text: 'a.b',
      edit: { old_string: '.', new_string: '$&$1' },
      after: 'a$&$1b',
    },
    {
      why: 'with other ends of lines',
      text: 'a\r\nb\r\n',
      edit: { old_string: 'a\nb', new_string: 'c\nd' },
      after: 'c\r\nd\r\n',
    },
    {
      why: 'behind a mark at the beginning',
      text: '\ufeffa',
      edit: { old_string: 'a', new_string: 'b' },
      after: '\ufeffb',
    },
    {
      why: 'not when it is not there',
      text: 'a',
      edit: { old_string: 'b', new_string: 'c' },
      told: /is not in x/,
    },
    {
      why: 'not when it is there twice',
      text: 'b b',
      edit: { old_string: 'b', new_string: 'c' },
      told: /is 2 times in x/,
    },
    { why: 'not with itself', text: 'b', edit: { old_string: 'b', new_string: 'b' }, told: /are the same/ },
  ])('replace $why', async ({ text, edit, after = text, told }) => {
    const bench = await openBench(ALL, { files: { x: text } });
    await bench.use('Read', { file_path: 'x' });
    const outcome = await bench.use('Edit', { file_path: 'x', ...edit });
    expect(outcome.text).toMatch(told ?? /^replaced/);
    expect(readFileSync(join(bench.folder, 'x'), 'utf8')).toBe(after);
  });

  type Held = { readonly holder: string; readonly mode: 'exclusive' | 'shared'; readonly paths: string[] };
  test.each<{ why: string; held: Held[]; kind: string }>([
    { why: 'by nobody', held: [], kind: 'done' },
    {
      why: 'by somebody else',
      held: [{ holder: 'b-1', mode: 'exclusive', paths: ['src/**'] }],
      kind: 'refused',
    },
    {
      why: 'by ourselves',
      held: [{ holder: 'gardener-1', mode: 'exclusive', paths: ['src/**'] }],
      kind: 'done',
    },
    { why: 'elsewhere', held: [{ holder: 'b-1', mode: 'exclusive', paths: ['docs/**'] }], kind: 'done' },
    {
      why: 'by others who share it',
      held: [{ holder: 'b-1', mode: 'shared', paths: ['src/**'] }],
      kind: 'refused',
    },
    {
      why: 'by others who share it with us',
      held: [
        { holder: 'b-1', mode: 'shared', paths: ['src/**'] },
        { holder: 'gardener-1', mode: 'shared', paths: ['src/a.txt'] },
      ],
      kind: 'done',
    },
    { why: 'for merging', held: [{ holder: 'b-1', mode: 'exclusive', paths: ['merge'] }], kind: 'done' },
  ])('respect what is reserved $why', async ({ held, kind }) => {
    const empty = emptySwarm();
    const reservations = held.map((one, at) => ({ id: `r-${at}`, ...one }));
    const swarm = { ...empty, status: async () => ({ ...(await empty.status()), reservations }) };
    const bench = await openBench(ALL, { swarm });
    const outcome = await bench.use('Write', { file_path: 'src/a.txt', content: '' });
    expect(outcome.kind).toBe(kind);
    expect(outcome.text).toMatch(
      kind === 'done' ? /^created/ : /is reserved \((exclusive|shared)\) by b-1 as r-0: src/,
    );
  });

  test('know a file by its place in the repository, not in the workspace', async () => {
    const top = ownFolder();
    mkdirSync(join(top, '.git'));
    mkdirSync(join(top, 'packages/a'), { recursive: true });
    const empty = emptySwarm();
    const reservations = [
      { id: 'r', holder: 'b-1', mode: 'exclusive' as const, paths: ['packages/a/x.txt'] },
    ];
    const swarm = { ...empty, status: async () => ({ ...(await empty.status()), reservations }) };
    const bench = await openBench(ALL, { cwd: join(top, 'packages/a'), swarm });
    expect(await bench.use('Write', { file_path: 'x.txt', content: '' })).toMatchObject({ kind: 'refused' });
    expect(await bench.use('Write', { file_path: 'y.txt', content: '' })).toMatchObject({ kind: 'done' });
  });

  test('write nothing while nobody can say what is reserved', async () => {
    const swarm = {
      ...emptySwarm(),
      status: () => Promise.reject(new SwarmError('NO_QUORUM', 'nobody answers')),
    };
    const bench = await openBench(ALL, { swarm });
    expect(await bench.use('Write', { file_path: 'a', content: '' })).toEqual({
      kind: 'refused',
      text: 'nobody answers',
    });
    expect(existsSync(join(bench.folder, 'a'))).toBe(false);
  });
});

describe('Glob', () => {
  test('finds what was changed last first, and leaves out what is not the own work', async () => {
    const files = { 'old.ts': '', 'src/new.ts': '', 'a.js': '', 'node_modules/x/b.ts': '', '.git/c.ts': '' };
    const bench = await openBench(ALL, { files });
    utimesSync(join(bench.folder, 'old.ts'), 1, 1);
    expect(await bench.use('Glob', { pattern: '**/*.ts' })).toEqual({
      kind: 'done',
      text: 'src/new.ts\nold.ts',
    });
    expect(await bench.use('Glob', { pattern: '*.ts', path: 'src' })).toEqual({
      kind: 'done',
      text: 'src/new.ts',
    });
    expect(await bench.use('Glob', { pattern: `${bench.folder}/src/*` })).toEqual({
      kind: 'done',
      text: 'src/new.ts',
    });
    expect(await bench.use('Glob', { pattern: '**/*.ts', path: 'node_modules' })).toEqual({
      kind: 'done',
      text: 'node_modules/x/b.ts',
    });
    expect(await bench.use('Glob', { pattern: '*.py' })).toEqual({ kind: 'done', text: 'no file matches' });
  });

  test('shows a hundred at most', async () => {
    const files = Object.fromEntries(Array.from({ length: 130 }, (_, at) => [`${at}.txt`, '']));
    const { text } = await (await openBench(ALL, { files })).use('Glob', { pattern: '*' });
    expect(text.split('\n')).toHaveLength(101);
    expect(text).toMatch(/\[30 more are not shown\]$/);
  });
});

describe('Grep', () => {
  const files = { 'a.ts': 'one\nTwo two\nthree\n', 'src/b.md': 'two\n', 'c.bin': 'two\0' };

  test.each([
    { why: 'files', input: { pattern: 'two' }, text: 'a.ts\nsrc/b.md' },
    {
      why: 'lines',
      input: { pattern: 'two', output_mode: 'content' },
      text: 'a.ts:2:Two two\nsrc/b.md:1:two',
    },
    {
      why: 'lines without numbers',
      input: { pattern: 'one', output_mode: 'content', '-n': false },
      text: 'a.ts:one',
    },
    {
      why: 'lines with what is around them',
      input: { pattern: 'one', output_mode: 'content', '-A': 1 },
      text: 'a.ts:1:one\na.ts-2-Two two',
    },
    {
      why: 'lines with what is around them on both sides',
      input: { pattern: 'Two', output_mode: 'content', '-C': 1 },
      text: 'a.ts-1-one\na.ts:2:Two two\na.ts-3-three',
    },
    { why: 'counts', input: { pattern: 't', output_mode: 'count' }, text: 'a.ts:2\nsrc/b.md:1' },
    {
      why: 'in any case',
      input: { pattern: 'TWO', '-i': true, output_mode: 'count' },
      text: 'a.ts:1\nsrc/b.md:1',
    },
    { why: 'in any case, written elsewise', input: { pattern: '(?i)ONE' }, text: 'a.ts' },
    { why: 'in files by name', input: { pattern: 'two', glob: '*.md' }, text: 'src/b.md' },
    { why: 'in files by language', input: { pattern: 'two', type: 'ts' }, text: 'a.ts' },
    { why: 'in one file', input: { pattern: 'two', path: 'src/b.md' }, text: 'src/b.md' },
    { why: 'line by line', input: { pattern: 'one\\s+Two' }, text: 'nothing found' },
    {
      why: 'across lines',
      input: { pattern: 'one.Two', multiline: true, output_mode: 'content' },
      text: 'a.ts:1:one\na.ts:2:Two two',
    },
    {
      why: 'some at a time',
      input: { pattern: 'two', head_limit: 1 },
      text: 'a.ts\n[1 more; go on with offset 1]',
    },
    { why: 'the rest', input: { pattern: 'two', head_limit: 1, offset: 1 }, text: 'src/b.md' },
  ])('finds $why', async ({ input, text }) => {
    const bench = await openBench(ALL, { files });
    expect(await bench.use('Grep', input)).toEqual({ kind: 'done', text });
  });

  test('says what is wrong with an expression', async () => {
    const bench = await openBench(ALL, { files });
    expect(await bench.use('Grep', { pattern: '(' })).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('Invalid regular expression'),
    });
  });

  test('is not held up by an expression that never ends', async () => {
    const bench = await openBench(ALL, { files: { 'evil.txt': `${'a'.repeat(60)}b`, 'good.txt': 'aaa' } });
    expect(await bench.use('Grep', { pattern: '^(a+)+$' })).toEqual({
      kind: 'done',
      text: 'good.txt\n[the expression takes too long on evil.txt; write a simpler one]',
    });
  });
});

describe('Bash', () => {
  test('runs in the workspace, with the environment of the task', async () => {
    const bench = await openBench('Bash', {
      environment: { PATH: process.env.PATH ?? '', TASK_ID: 'roses' },
    });
    expect(await bench.use('Bash', { command: 'pwd; echo $TASK_ID; echo wrong >&2' })).toEqual({
      kind: 'done',
      text: `${bench.folder}\nroses\nwrong`,
    });
  });

  test('goes on after a failure, as a terminal does, and tells the last one', async () => {
    const bench = await openBench('Bash');
    expect(await bench.use('Bash', { command: 'false; echo $NOT_SET; echo on' })).toEqual({
      kind: 'done',
      text: '\non',
    });
    expect(await bench.use('Bash', { command: 'echo half; exit 3' })).toEqual({
      kind: 'refused',
      text: 'exit code 3\nhalf',
    });
  });

  test('ends what takes too long', async () => {
    const bench = await openBench('Bash');
    expect(await bench.use('Bash', { command: 'echo begun; sleep 60', timeout: 100 })).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('did not end within 100 ms'),
    });
  });

  test('shows the end of much', async () => {
    const { text } = await (await openBench('Bash')).use('Bash', { command: 'seq 1 20000' });
    expect(text.length).toBeLessThan(31_000);
    expect(text).toMatch(/^\[\d+ characters before this are not shown\]/);
    expect(text).toMatch(/\n20000$/);
  });
});
