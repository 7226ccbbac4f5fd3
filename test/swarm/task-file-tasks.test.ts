import { describe, expect, test } from 'vitest';
import { parseTaskFile } from '../../src/swarm/task-file.ts';
import { faults, taskA } from './task-files.ts';

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
