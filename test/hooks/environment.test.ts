import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hookEnvironment, inheritedEnvironment, mayBeSet } from '../../src/hooks/environment.ts';
import { CONTEXT } from './hook-runs.ts';

const MAX_TASK_BYTES = 96 * 1024;

describe('what a hook finds in its environment', () => {
  test('is what the swarm says, and little of our own', () => {
    const own = {
      PATH: '/bin',
      HOME: '/home/ann',
      LANG: 'C.UTF-8',
      TERM: 'xterm',
      TOKEN: 'secret',
      TASK: 'ours',
    };
    const { variables, taskFile } = hookEnvironment(
      { ...CONTEXT, SUCCESS: 'false' },
      inheritedEnvironment(own),
    );
    const { TOKEN: _token, ...rest } = own;
    expect(variables).toEqual({ ...rest, ...CONTEXT, SUCCESS: 'false' });
    expect(taskFile).toBeUndefined();
  });

  test('is not undefined where we have nothing ourselves', () => {
    expect(inheritedEnvironment({})).toEqual({ PATH: '/usr/local/bin:/usr/bin:/bin' });
  });

  test('has what is named, but nothing that runs by itself', () => {
    const evil = [
      ...[
        'BASH_ENV',
        'ENV',
        'SHELLOPTS',
        'BASHOPTS',
        'PS4',
        'PROMPT_COMMAND',
        'BASH_FUNC_ls%%',
        'BASH_FUNC_ls',
      ],
      ...['LD_PRELOAD', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'NODE_OPTIONS', 'PERL5OPT', 'PYTHONSTARTUP'],
      ...['RUBYOPT', 'GIT_SSH_COMMAND'],
    ];
    const own = { PATH: '/bin', TZ: 'UTC', ...Object.fromEntries(evil.map((name) => [name, '/evil'])) };
    expect(inheritedEnvironment(own, ['TZ', 'CI', ...evil])).toEqual({ PATH: '/bin', TZ: 'UTC' });
  });
});

describe('a variable of a task', () => {
  test.each([
    ...['MODE', 'path_to', '_x', 'A1', 'BASH_ENVIRONMENT', 'ENVIRONMENT', 'MY_LD_PRELOAD'],
    // Nothing runs by these that the task does not call itself.
    ...['NODE_OPTIONS', 'LD_LIBRARY_PATH', 'PYTHONPATH', 'GIT_SSH_COMMAND'],
  ])('may be called %s', (name) => {
    expect(mayBeSet(name)).toBe(true);
  });

  test.each([
    ...[
      'BASH_ENV',
      'ENV',
      'BASH_FUNC_ls%%',
      'BASH_FUNC_ls()',
      'BASH_FUNC_a\nb%%',
      'SHELLOPTS',
      'BASHOPTS',
      'PS4',
    ],
    ...['BASH_FUNC_ls', 'PROMPT_COMMAND', 'LD_PRELOAD', 'LD_AUDIT', 'DYLD_INSERT_LIBRARIES'],
    ...['BASH_ENV=/evil', '', '1A', 'a b', 'a-b', 'a\0b', 'MODE\n', 'ß'],
  ])('may not be called %j', (name) => {
    expect(mayBeSet(name)).toBe(false);
  });
});

describe('the text of a task', () => {
  test.each([
    { why: 'up to the bound it is a variable', length: MAX_TASK_BYTES, isFile: false },
    { why: 'beyond it is a file as well', length: MAX_TASK_BYTES + 1, isFile: true },
  ])('$why', ({ length, isFile }) => {
    const TASK = 'x'.repeat(length);
    const { variables, taskFile } = hookEnvironment({ ...CONTEXT, TASK }, {});
    expect(variables.TASK).toBe('x'.repeat(MAX_TASK_BYTES));
    expect(taskFile).toBe(isFile ? TASK : undefined);
  });

  test('is cut between characters, as late as can be', () => {
    const character = fc.constantFrom('a', 'ß', '漢', '🗳');
    fc.assert(
      fc.property(
        fc.array(character, { minLength: 1, maxLength: 7 }),
        fc.nat({ max: 5 }),
        (pattern, shift) => {
          const unit = pattern.join('');
          const TASK =
            'x'.repeat(shift) + unit.repeat(Math.ceil((MAX_TASK_BYTES + 8) / Buffer.byteLength(unit)));
          const { TASK: start = '' } = hookEnvironment({ ...CONTEXT, TASK }, {}).variables;
          expect(TASK.startsWith(start)).toBe(true);
          const next = String.fromCodePoint(TASK.codePointAt(start.length) ?? 0);
          expect(Buffer.byteLength(start)).toBeLessThanOrEqual(MAX_TASK_BYTES);
          expect(Buffer.byteLength(start + next)).toBeGreaterThan(MAX_TASK_BYTES);
        },
      ),
    );
  });
});
