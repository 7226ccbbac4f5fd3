import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandExecutor } from '../../src/agents/executors/command.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import { checkCapabilities, checkWork, parseTaskFile, readTaskFile } from '../../src/swarm/task-file.ts';

/** The lines of the refusal, without `t.yaml:`; fails when there is none. */
function refusal(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'BAD_INPUT') {
      return error.message.split('\n').map((line) => line.replace('t.yaml:', ''));
    }
    throw error;
  }
  throw new Error('nothing was refused');
}

const faults = (text: string): readonly string[] => refusal(() => parseTaskFile('t.yaml', text));

/** A task list in which `lines` belong to task `a`, from line 3 and column 5 on. */
const taskA = (...lines: string[]): string =>
  ['tasks:', '  - id: a', ...lines.map((line) => `    ${line}`)].join('\n');

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

/** Tasks of which each waits for the next in the file. */
function chain(length: number): string {
  const tasks = Array.from({ length }, (_, index) => {
    const dependsOn = index + 1 < length ? `, dependsOn: [t${index + 1}]` : '';
    return `  - {id: t${index}, run: x${dependsOn}}`;
  });
  return ['tasks:', ...tasks].join('\n');
}

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

describe('one task', () => {
  const duration = 'give seconds (`90`) or a number with ms, s, m or h (`5m`), above 0 and up to 7 days';
  const keys =
    '`id`, `title`, `prompt`, `run`, `requires`, `priority`, `dependsOn`, `timeout`, `retries`, `env`, `model`, `maxTurns`, `maxTokens`, `maxCostUsd`';

  test.each([
    {
      why: 'nothing to do',
      lines: [],
      told: '2:9: task `a` has nothing to do; add `run` (a shell command) or `prompt` (work for a model)',
    },
    {
      why: 'an empty command',
      lines: ['run:'],
      told: '3:5: `run` must be text, and is empty; write it after the colon, or `run: |` and lines below',
    },
    {
      why: 'a blank command',
      lines: ['run: "  "'],
      told: '3:5: `run` must be text, and is only blanks; write it after the colon, or `run: |` and lines below',
    },
    {
      why: 'a command that is a list',
      lines: ['run: [make]'],
      told: '3:5: `run` must be text, and is a list; write it after the colon, or `run: |` and lines below',
    },
    {
      why: 'a NUL that YAML spells out',
      lines: ['run: "x\\0"'],
      told: '3:10: `run` holds a NUL character, which no command can take; remove it',
    },
    {
      why: 'a title like a novel',
      lines: ['run: x', `title: ${'x'.repeat(501)}`],
      told: '4:12: `title` has 501 characters, 500 are allowed; put it into a file and name that',
    },
    {
      why: 'an unknown key',
      lines: ['run: x', 'colour: red'],
      told: `4:5: a task has no key \`colour\`; known: ${keys}`,
    },
    {
      why: 'a key with a slip',
      lines: ['run: x', 'priorty: high'],
      told: '4:5: a task has no key `priorty`; did you mean `priority`?',
    },
    {
      why: 'a key in other letters',
      lines: ['run: x', 'depends_on: [b]'],
      told: '4:5: a task has no key `depends_on`; did you mean `dependsOn`?',
    },
    {
      why: 'a key of another tool',
      lines: ['run: x', 'needs: [b]'],
      told: '4:5: a task has no key `needs`; did you mean `dependsOn`?',
    },
    {
      why: 'a key that JavaScript knows',
      lines: ['run: x', '__proto__: b'],
      told: `4:5: a task has no key \`__proto__\`; known: ${keys}`,
    },
    {
      why: 'a swapped priority',
      lines: ['run: x', 'priority: hihg'],
      told: '4:15: `hihg` is no priority; did you mean `high`?',
    },
    {
      why: 'a priority as a number',
      lines: ['run: x', 'priority: 1'],
      told: '4:15: `1` is no priority; known: `critical`, `high`, `medium`, `normal`, `low`',
    },
    { why: 'no time', lines: ['run: x', 'timeout: 0'], told: `4:14: \`timeout\` is \`0\`; ${duration}` },
    {
      why: 'too much time',
      lines: ['run: x', 'timeout: 169h'],
      told: `4:14: \`timeout\` is \`169h\`; ${duration}`,
    },
    {
      why: 'an unknown unit',
      lines: ['run: x', 'timeout: 5 min'],
      told: `4:14: \`timeout\` is \`5 min\`; ${duration}`,
    },
    {
      why: 'half a retry',
      lines: ['run: x', 'retries: 1.5'],
      told: '4:14: `retries` is `1.5`; give a whole number from 0 to 99',
    },
    {
      why: 'fewer than no retries',
      lines: ['run: x', 'retries: -1'],
      told: '4:14: `retries` is `-1`; give a whole number from 0 to 99',
    },
    {
      why: 'retries in quotes',
      lines: ['run: x', 'retries: "2"'],
      told: '4:14: `retries` is `2`; give a whole number from 0 to 99',
    },
    {
      why: 'one capability, no list',
      lines: ['run: x', 'requires: b'],
      told: '4:15: `requires` must be a list, and is `b`; begin each item with `- `',
    },
    {
      why: 'a list of lists',
      lines: ['run: x', 'requires: [[b]]'],
      told: '4:16: `requires` lists names of 1 to 128 characters, this is a list',
    },
    {
      why: 'variables as a list',
      lines: ['run: x', 'env: [A=1]'],
      told: '4:5: `env` must be a map of variables, and is a list; write `env: { NAME: value }`',
    },
    {
      why: 'a variable that runs code',
      lines: ['run: x', 'env: {BASH_ENV: x}'],
      told: '4:11: `BASH_ENV` would run code before the first line of the task; do in `run` what it was meant for',
    },
    {
      why: 'a variable that starts with a digit',
      lines: ['run: x', 'env: {1A: x}'],
      told: '4:11: `1A` cannot be a variable; use letters, digits and _, no digit first',
    },
    {
      why: 'a variable without value',
      lines: ['run: x', 'env: {A: }'],
      told: '4:11: the variable `A` must be text, and is empty; quote it, or write ""',
    },
  ])('$why', ({ lines, told }) => {
    expect(faults(taskA(...lines))).toEqual([told]);
  });

  const rule = 'use 1 to 64 of the characters A-Z a-z 0-9 . _ -';

  test.each([
    {
      why: 'missing',
      text: 'tasks: [{run: x}]',
      told: '1:9: this task has no `id`; give it a name of its own',
    },
    {
      why: 'empty',
      text: 'tasks: [{id: , run: x}]',
      told: '1:10: this task has no `id`; give it a name of its own',
    },
    {
      why: 'with a blank',
      text: 'tasks: [{id: a b, run: x}]',
      told: `1:14: \`a b\` cannot be an id; ${rule}`,
    },
    { why: 'a path', text: 'tasks: [{id: ../a, run: x}]', told: `1:14: \`../a\` cannot be an id; ${rule}` },
    {
      why: 'too long',
      text: `tasks: [{id: ${'x'.repeat(65)}, run: x}]`,
      told: `1:14: \`${'x'.repeat(60)}…\` cannot be an id; ${rule}`,
    },
    {
      why: 'with an escape',
      text: 'tasks: [{id: "\\e[2J", run: x}]',
      told: `1:14: \`\\u001b[2J\` cannot be an id; ${rule}`,
    },
  ])('an id that is $why', ({ text, told }) => {
    expect(faults(text)).toEqual([told]);
  });
});

describe('tasks among each other', () => {
  /** One task a line, from line 2: `a: b c` is task a, which depends on b and c. */
  const graph = (...lines: string[]): string => {
    const tasks = lines.map((line) => line.split(': '));
    return [
      'tasks:',
      ...tasks.map(([id, to]) => `  - {id: ${id}, run: x, dependsOn: [${to?.split(' ').join(', ') ?? ''}]}`),
    ].join('\n');
  };
  const cycle = (place: string, path: string) =>
    `${place}: these tasks wait for each other and none can start: ${path}; remove one of the dependencies`;

  test.each([
    {
      why: 'an id used twice',
      lines: ['a', 'b', 'a'],
      told: ['4:10: the id `a` is used on line 2 already; give each task its own'],
    },
    {
      why: 'a dependency with a slip',
      lines: ['compile', 'b: complie'],
      told: ['3:33: task `b` depends on `complie`, which no task is called; did you mean `compile`?'],
    },
    {
      why: 'a dependency on nothing',
      lines: ['compile', 'b: deploy'],
      told: ['3:33: task `b` depends on `deploy`, which no task is called; known: `compile`'],
    },
    { why: 'a task that waits for itself', lines: ['a: a'], told: [cycle('2:10', 'a → a')] },
    { why: 'two that wait for each other', lines: ['a: b', 'b: a'], told: [cycle('2:10', 'a → b → a')] },
    { why: 'a longer way round', lines: ['a: b', 'b: c', 'c: a'], told: [cycle('2:10', 'a → b → c → a')] },
    {
      why: 'told from its first task',
      lines: ['z: c', 'a: b', 'b: c', 'c: a'],
      told: [cycle('3:10', 'a → b → c → a')],
    },
    {
      why: 'two cycles',
      lines: ['a: b', 'b: a', 'c: c'],
      told: [cycle('2:10', 'a → b → a'), cycle('4:10', 'c → c')],
    },
  ])('$why', ({ lines, told }) => {
    expect(faults(graph(...lines))).toEqual(told);
  });

  test('a diamond is no cycle', () => {
    expect(parseTaskFile('t.yaml', graph('a: b c', 'b: d', 'c: d', 'd')).tasks).toHaveLength(4);
  });

  test('of a knot of tasks some cycles are told, the long ones shortened', () => {
    const ids = Array.from({ length: 60 }, (_, at) => `t${at}`);
    const told = faults(graph(...ids.map((id) => `${id}: ${ids.join(' ')}`)));
    expect(told).toHaveLength(20);
    expect(told[0]).toBe(cycle('2:10', 't0 → t0'));
    const round = faults(graph(...ids.map((id, at) => `${id}: ${ids[(at + 1) % 60]}`)));
    const path = `${ids.slice(0, 29).join(' → ')} → … 31 more … → t0`;
    expect(round).toEqual([cycle('2:10', path)]);
  });

  test('what is wrong is looked for up to a bound: each dependency on nothing is compared with all ids', () => {
    const ids = Array.from({ length: 300 }, (_, at) => `${'x'.repeat(40)}${at}`);
    const told = faults(graph(...ids.map((id) => `${id}: y${id}`)));
    expect(told.at(-1)).toBe(' and at least 30 more problems');
  });

  test('all problems are told at once, in the order of the file, up to a bound', () => {
    const text = `tasks:\n${'  - {id: a, color: red}\n'.repeat(9)}`;
    const told = faults(text);
    expect(told.slice(0, 3)).toEqual([
      expect.stringContaining('2:10: task `a` has nothing to do'),
      expect.stringContaining('2:13: a task has no key `color`'),
      expect.stringContaining('3:10:'),
    ]);
    expect(told).toHaveLength(21);
    expect(told.at(-1)).toBe(' and 6 more problems');
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
