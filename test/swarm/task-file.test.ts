import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandExecutor } from '../../src/agents/executors/command.ts';
import { checkCapabilities, checkWork, parseTaskFile, readTaskFile } from '../../src/swarm/task-file.ts';
import { chain, faults, refusal, taskA } from './task-files.ts';

describe('a sound task file', () => {
  test('becomes tasks with their defaults', () => {
    expect(parseTaskFile('t.yaml', taskA('run: make')).tasks).toEqual([
      { id: 'a', title: 'a', run: 'make', requires: [], priority: 'normal', dependsOn: [], env: {} },
    ]);
  });

  test('keeps all that is said', () => {
    const text = [
      'tasks:',
      '  - id: v1.0_x-y',
      '    title: Build it',
      '    run: |',
      '      make',
      '      make check',
      '    prompt: Look at it: again',
      '    requires: [leader_election]',
      '    priority: critical',
      '    dependsOn:',
      '      - first',
      '    timeout: 90',
      '    retries: 0',
      '    env: { LEVEL: 1.10, DEBUG: true, HEX: 0x1F, EMPTY: "" }',
      '  - { id: first, prompt: think }',
    ].join('\n');
    expect(parseTaskFile('t.yaml', text.replace('it: again', 'it')).tasks[0]).toEqual({
      id: 'v1.0_x-y',
      title: 'Build it',
      run: 'make\nmake check\n',
      prompt: 'Look at it',
      requires: ['leader_election'],
      priority: 'critical',
      dependsOn: ['first'],
      timeoutMs: 90_000,
      retries: 0,
      env: { LEVEL: '1.10', DEBUG: 'true', HEX: '0x1F', EMPTY: '' },
    });
  });

  test('says how much a model may use up', () => {
    const text = taskA(
      'prompt: think',
      'model: haiku',
      'maxTurns: 8',
      'maxTokens: 20000',
      'maxCostUsd: 0.25',
    );
    expect(parseTaskFile('t.yaml', text).tasks[0]).toMatchObject({
      model: 'haiku',
      maxTurns: 8,
      maxTokens: 20_000,
      maxCostMicros: 250_000,
    });
  });

  test.each([
    { why: 'no turns', line: 'maxTurns: 0', told: '`maxTurns` is `0`; give a whole number from 1 to 10000' },
    { why: 'tokens in words', line: 'maxTokens: many', told: '`maxTokens` is `many`; give a whole number' },
    { why: 'a free lunch', line: 'maxCostUsd: 0', told: '`maxCostUsd` is `0`; give an amount of dollars' },
    { why: 'a currency', line: 'maxCostUsd: $5', told: '`maxCostUsd` is `$5`; give an amount of dollars' },
    { why: 'no end of money', line: 'maxCostUsd: .inf', told: '`maxCostUsd` is `.inf`; give an amount' },
    { why: 'a model without name', line: 'model: ""', told: '`model` must be text' },
  ])('may not say $why', ({ line, told }) => {
    expect(() => parseTaskFile('t.yaml', taskA('prompt: think', line))).toThrow(told);
  });

  test.each([
    { why: 'JSON', text: '{"tasks": [{"id": "a", "run": "x"}]}' },
    { why: 'JSON with tabs', text: '{\n\t"tasks": [\n\t\t{ "id": "a", "run": "x" }\n\t]\n}\n' },
    { why: 'Windows line ends', text: taskA('run: x').replaceAll('\n', '\r\n') },
    { why: 'a document start', text: `---\n${taskA('run: x')}` },
    { why: 'a name that is a number', text: taskA('run: x').replace('id: a', 'id: 1.10') },
    { why: 'names given twice', text: '{tasks: [{id: a, run: x}, {id: b, run: x, dependsOn: [a, a]}]}' },
    { why: 'a long chain', text: chain(2_000) },
  ])('may be $why', ({ text }) => {
    expect(parseTaskFile('t.yaml', text).tasks).not.toHaveLength(0);
  });

  test.each([
    { why: 'seconds', timeout: '30', ms: 30_000 },
    { why: 'parts of a second', timeout: '0.25', ms: 250 },
    { why: 'seconds with unit', timeout: '30s', ms: 30_000 },
    { why: 'minutes', timeout: '5m', ms: 300_000 },
    { why: 'parts of an hour', timeout: '1.5 h', ms: 5_400_000 },
    { why: 'milliseconds, quoted', timeout: '"250ms"', ms: 250 },
    { why: 'the longest', timeout: '168h', ms: 604_800_000 },
  ])('understands a timeout in $why', ({ timeout, ms }) => {
    expect(parseTaskFile('t.yaml', taskA('run: x', `timeout: ${timeout}`)).tasks[0]?.timeoutMs).toBe(ms);
  });
});
describe('the shape of the file', () => {
  const begin = 'begin with `tasks:` and a list of tasks';

  test.each([
    { why: 'empty', text: '', told: [`1:1: the file is empty; ${begin}`] },
    { why: 'only a comment', text: '# to do\n', told: [`1:1: the file is empty; ${begin}`] },
    {
      why: 'no list',
      text: 'tasks:\n',
      told: ['1:7: `tasks` must be a list, and is empty; begin each item with `- `'],
    },
    { why: 'an empty list', text: 'tasks: []', told: ['1:1: `tasks` is empty; list at least one task'] },
    {
      why: 'a list at the top',
      text: '- id: a',
      told: ['1:1: a task file must be a map of `key: value` lines, and this is a list'],
    },
    {
      why: 'prose',
      text: 'hello',
      told: ['1:1: a task file must be a map of `key: value` lines, and this is `hello`'],
    },
    {
      why: 'something else at the top',
      text: 'version: 1\ntasks: [{id: a, run: x}]',
      told: ['1:1: a task file has no key `version`; known: `tasks`'],
    },
    {
      why: 'a slip at the top',
      text: 'Task:\n  - id: a',
      told: [
        '1:1: a task file has no key `Task`; did you mean `tasks`?',
        `1:1: there is no \`tasks\`; ${begin}`,
      ],
    },
    {
      why: 'a task that is none',
      text: 'tasks: [go]',
      told: ['1:9: a task must be a map of `key: value` lines, and this is `go`'],
    },
  ])('$why', ({ text, told }) => {
    expect(faults(text)).toEqual(told);
  });

  test('too many tasks', () => {
    expect(faults(chain(2_001))).toEqual([
      '1:1: 2001 tasks are more than one file may hold; split it at 2000',
    ]);
  });
});

describe('syntax', () => {
  test.each([
    {
      why: 'a colon in a plain value',
      text: taskA('run: echo a: b'),
      told: '3:10: not valid YAML: Nested mappings are not allowed in compact mappings; quote the value if it holds `: `, or use `key: |`',
    },
    {
      why: 'a tab',
      text: 'tasks:\n\t- id: a\n',
      told: '2:1: not valid YAML: Tabs are not allowed as indentation; indent with spaces',
    },
    {
      why: 'a tag that wants to run something',
      text: taskA('run: !!js/function x'),
      told: '3:10: not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function; remove the tag, or quote a value that begins with `!`',
    },
    {
      why: 'a second document',
      text: `${taskA('run: x')}\n---\ntasks: []`,
      told: '4:1: a second document begins here; put all tasks into one list, without `---` between',
    },
    {
      why: 'an alias, which could grow without end',
      text: taskA('run: &x y', 'prompt: *x'),
      told: '4:13: `*x` is a YAML alias; write the value out, or quote it',
    },
    {
      why: 'a key given twice',
      text: taskA('run: x', 'env: {A: 1, B: 2, A: 3}', 'run: y'),
      told: '4:23: the key `A` is given twice, first on line 4; keep one of them',
    },
    {
      why: 'a NUL character',
      text: 'tasks:\n\n  - id: a\0',
      told: '3:10: a NUL character; is this a text file? Remove it',
    },
  ])('$why', ({ text, told }) => {
    expect(faults(text)[0]).toBe(told);
  });

  test.each([
    { why: 'brackets', text: '['.repeat(100_000) },
    { why: 'dashes', text: '- '.repeat(100_000) },
    { why: 'keys', text: 'a: '.repeat(100_000) },
    {
      why: 'levels',
      text: Array.from({ length: 3_000 }, (_, level) => `${' '.repeat(level)}a:\n`).join(''),
    },
  ])('nesting by $why is refused before it can end the process', ({ text }) => {
    expect(faults(text)).toEqual([
      expect.stringContaining('nested more than 32 deep; a task needs four levels'),
    ]);
  });
});

describe('checks against the swarm', () => {
  const file = parseTaskFile(
    't.yaml',
    'tasks:\n  - {id: a, run: x, requires: [read]}\n  - {id: b, prompt: x, requires: [read, write]}',
  );

  test.each([
    {
      why: 'nobody can do it, but somebody can do something like it',
      instances: [['raed', 'write']],
      told: [
        '2:32: task `a` requires `read`, which no agent of this swarm can do; did you mean `raed`?',
        '3:35: task `b` requires `read`, which no agent of this swarm can do; did you mean `raed`?',
      ],
    },
    {
      why: 'only two together can do it',
      instances: [['read'], ['write']],
      told: [
        '3:10: no single agent of this swarm has all that task `b` requires (`read`, `write`); split the task, or add an agent',
      ],
    },
    {
      why: 'nobody can do anything',
      instances: [[]],
      told: [
        '2:32: task `a` requires `read`, which no agent of this swarm can do; there is none',
        '3:35: task `b` requires `read`, which no agent of this swarm can do; there is none',
        '3:41: task `b` requires `write`, which no agent of this swarm can do; there is none',
      ],
    },
  ])('$why', ({ instances, told }) => {
    const swarm = instances.map((capabilities, index) => ({ id: `n${index}`, capabilities }));
    expect(refusal(() => checkCapabilities(file, swarm))).toEqual(told);
  });

  test('one agent that can do everything is enough', () => {
    const swarm = [
      { id: 'n1', capabilities: [] },
      { id: 'n2', capabilities: ['write', 'read', 'think'] },
    ];
    expect(() => checkCapabilities(file, swarm)).not.toThrow();
  });

  test('a task without run has nothing for the executor command', () => {
    const told =
      '3:10: task `b` has no `run`, which the executor command needs; add a shell command, or choose an --executor for prompts';
    expect(refusal(() => checkWork(file, commandExecutor))).toEqual([told]);
  });
});

describe('the file on disk', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'task-file-'));
    mkdirSync(join(folder, 'folder'));
    writeFileSync(join(folder, 'bom.yaml'), `\uFEFF${taskA('run: x')}`);
    writeFileSync(join(folder, 'latin.yaml'), Buffer.from('tasks: [{id: a, run: caf\xe9}]', 'latin1'));
    writeFileSync(join(folder, 'huge.yaml'), `#${'x'.repeat(4 * 1024 * 1024)}`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    { why: 'missing', name: 'none.yaml', told: 'no such file; give the path of a task file' },
    { why: 'under a file', name: 'bom.yaml/x', told: 'no such file; a part of its path is not a folder' },
    { why: 'a folder', name: 'folder', told: 'a folder; give the path of a task file' },
    {
      why: 'not UTF-8',
      name: 'latin.yaml',
      told: 'not UTF-8 text; save it as UTF-8, or give the path of a task file',
    },
    {
      why: 'too large',
      name: 'huge.yaml',
      told: 'larger than the 4194304 bytes that are allowed; split it into several runs',
    },
  ])('$why', ({ name, told }) => {
    const path = join(folder, name);
    expect(refusal(() => readTaskFile(path))).toEqual([`${path}: ${told}`]);
  });

  test('names itself as it was given', () => {
    writeFileSync(join(folder, 'bad.yaml'), 'tasks: 1');
    const path = join(folder, 'bad.yaml');
    expect(refusal(() => readTaskFile(path))).toEqual([
      `${path}:1:8: \`tasks\` must be a list, and is \`1\`; begin each item with \`- \``,
    ]);
  });

  test('may begin with a byte order mark', () => {
    expect(readTaskFile(join(folder, 'bom.yaml')).tasks).toHaveLength(1);
  });

  test.each(['release.yaml', 'map-reduce.yaml', 'fan-out.yaml'])('the example %s is sound', (name) => {
    const file = readTaskFile(join(import.meta.dirname, '../../examples', name));
    expect(() => checkWork(file, commandExecutor)).not.toThrow();
  });
});
