import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownFolder } from '../shell/playground.ts';
import { hook } from './hook-runs.ts';

/** A folder in which any command of an attacker leaves a file called `canary`. */
function trap() {
  const cwd = ownFolder();
  return { cwd, canary: join(cwd, 'canary'), sprung: () => existsSync(join(cwd, 'canary')) };
}

/** A program in `folder` that leaves a canary, called as one that hooks use. */
function hostileProgram(folder: string, name: string, canary: string): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n: > '${canary}'\n`);
  chmodSync(path, 0o755);
}

describe('the text of a task', () => {
  test.each([
    { why: 'double quotes', task: '"; touch canary; echo "' },
    { why: 'single quotes', task: `'; touch canary; echo '` },
    { why: 'a command substitution', task: '$(touch canary)' },
    { why: 'backticks', task: '`touch canary`' },
    { why: 'a line of its own', task: 'x\ntouch canary\n' },
    { why: 'carriage returns', task: 'x\r\ntouch canary\r\n' },
    { why: 'the end of a here document', task: '\nEOF\ntouch canary\n' },
    { why: 'operators', task: '&& touch canary || touch canary | touch canary & touch canary' },
    { why: 'a process substitution', task: '<(touch canary) >(touch canary)' },
    { why: 'an arithmetic subscript', task: 'a[$(touch canary)]' },
    { why: 'a parameter expansion', task: `\${IFS:=$(touch canary)} \${TASK@P}` },
    { why: 'an option of echo', task: '-n' },
    { why: 'options of bash', task: '-c "touch canary"' },
    { why: 'a long option', task: '--rcfile=canary' },
    { why: 'a glob', task: '* ?? [a-z]* {a,b}' },
    { why: 'backslashes', task: '\\"; touch canary; \\$(touch canary) \\' },
    { why: 'escapes that `echo -e` knows', task: '\\e[31m \\033[0m \\x24(touch canary) \\n \\c' },
    { why: 'a function for bash to import', task: '() { :; }; touch canary' },
    { why: 'control characters', task: '\u001b]0;x\u0007\u0001\u007f' },
    { why: 'every language', task: 'ß 漢字 🗳️ \u202e\ufeff' },
    { why: 'nothing', task: '' },
    { why: 'newlines at its end', task: 'x\n\n\n' },
  ])('arrives as it is, and nothing of it runs: $why', async ({ task }) => {
    const { cwd, sprung } = trap();
    // As the seed files use it, and byte for byte.
    const script = 'echo "starting: $TASK" > said; [[ "$TASK" == *"never"* ]] || true; printf %s "$TASK"';
    const { stdout, outcome } = await hook(script, { context: { TASK: task }, cwd });
    expect({ stdout, outcome }).toEqual({ stdout: task, outcome: 'succeeded' });
    expect(sprung()).toBe(false);
    expect(readdirSync(cwd)).toEqual(['said']);
  });

  test('goes to a private file when it is long (pitfall 31), which is gone afterwards', async () => {
    const { cwd, sprung } = trap();
    const task = `election; $(touch canary) \`touch canary\`\n${'ß🗳x'.repeat(150_000)}`;
    expect(Buffer.byteLength(task)).toBeGreaterThan(1024 * 1024);
    const { stdout, outcome } = await hook(
      `echo "$TASK_FILE"; stat -c '%a %s' "$TASK_FILE"; sha256sum < "$TASK_FILE"; printf %s "$TASK" | wc -c
       [[ "$(head -c "$(printf %s "$TASK" | wc -c)" "$TASK_FILE")" == "$TASK" ]] && echo start`,
      { context: { TASK: task }, cwd },
    );
    const [file = '', stat, sum, chars, start] = stdout.split('\n');
    expect(outcome).toBe('succeeded');
    expect(stat).toBe(`600 ${Buffer.byteLength(task)}`);
    expect(sum).toBe(`${createHash('sha256').update(task).digest('hex')}  -`);
    // 96 KiB, less what is left of a character that the cut went through.
    expect(Number(chars)).toBeGreaterThan(96 * 1024 - 4);
    expect(Number(chars)).toBeLessThanOrEqual(96 * 1024);
    expect(start).toBe('start');
    expect(existsSync(file)).toBe(false);
    expect(sprung()).toBe(false);
  });

  test('is refused with a NUL in it, and no hook runs', async () => {
    const { cwd } = trap();
    const running = async () => hook('touch ran', { context: { TASK: 'a\0b' }, cwd });
    await expect(running()).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('NUL'),
    });
    expect(readdirSync(cwd)).toEqual([]);
  });

  test.each(['AGENT_NAME', 'TASK_ID', 'SWARM_ID'] as const)('NUL is refused in %s too', async (name) => {
    const { cwd } = trap();
    await expect(hook('touch ran', { context: { [name]: 'a\0b' }, cwd })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    expect(readdirSync(cwd)).toEqual([]);
  });
});

describe('the environment of our own process (pitfall 31)', () => {
  /** Each would run or load something before or within a script that says `ls` and `hello`. */
  const hostile = (canary: string, file: string): Record<string, string> => ({
    BASH_ENV: file,
    ENV: file,
    'BASH_FUNC_ls%%': `() { : > '${canary}'; }`,
    'BASH_FUNC_echo%%': `() { : > '${canary}'; }`,
    'BASH_FUNC_cd()': `() { : > '${canary}'; }`,
    SHELLOPTS: 'xtrace:verbose',
    BASHOPTS: 'extdebug',
    PS4: `$(: > '${canary}')`,
    PROMPT_COMMAND: `: > '${canary}'`,
    LD_PRELOAD: '/nowhere/canary.so',
    LD_LIBRARY_PATH: '/nowhere',
    NODE_OPTIONS: `--require=${file}`,
    CDPATH: '/tmp',
    IFS: 'l',
    SECRET_TOKEN: 'secret',
  });

  test('gives nothing to a hook that could run by itself, and no secret', async () => {
    const { canary, cwd, sprung } = trap();
    const file = join(cwd, 'evil.sh');
    writeFileSync(file, `: > '${canary}'\n`);
    const own = { ...process.env, ...hostile(canary, file) };
    const script = 'set -x; ls > /dev/null; echo hello; cd .; env -0 | tr "\\0" "\\n"';
    const { stdout, stderr, outcome } = await hook(script, { own, cwd });
    expect(outcome).toBe('succeeded');
    expect(sprung()).toBe(false);
    expect(stderr).not.toContain('canary');
    const names = stdout.split('\n').flatMap((line) => /^([^=]+)=/.exec(line)?.[1] ?? []);
    for (const name of Object.keys(hostile(canary, file))) expect(names).not.toContain(name);
  });

  test('would have been dangerous: the same environment, handed to bash as it is, springs the trap', async () => {
    const { canary, cwd, sprung } = trap();
    const file = join(cwd, 'evil.sh');
    writeFileSync(file, `: > '${canary}'\n`);
    const { LD_PRELOAD: _, ...environment } = hostile(canary, file);
    spawnSync('bash', ['--noprofile', '--norc', '-c', 'ls'], {
      env: { PATH: '/usr/bin:/bin', ...environment },
    });
    expect(sprung()).toBe(true);
  });

  test.each([
    { why: 'the current folder', path: (path: string) => `.:${path}` },
    { why: 'an empty entry, which means the current folder', path: (path: string) => `:${path}` },
    { why: 'an empty entry at the end', path: (path: string) => `${path}:` },
    { why: 'an empty entry in the middle', path: (path: string) => `/nowhere::${path}` },
    { why: 'a folder below', path: (path: string) => `bin:./bin:${path}` },
    { why: 'a home that nobody expands', path: (path: string) => `~/bin:${path}` },
    { why: 'nothing but the current folder', path: () => '.' },
    { why: 'nothing', path: () => '' },
  ])('finds no program of the repository through PATH: $why', async ({ path }) => {
    const { canary, cwd, sprung } = trap();
    for (const folder of ['.', 'bin', '~/bin']) {
      for (const name of ['ls', 'bash', 'no-such-program']) hostileProgram(join(cwd, folder), name, canary);
    }
    const own = { PATH: path('/usr/local/bin:/usr/bin:/bin') };
    const { outcome, exitCode } = await hook('ls > /dev/null; no-such-program', { own, cwd });
    expect({ outcome, exitCode }).toEqual({ outcome: 'failed', exitCode: 127 });
    expect(sprung()).toBe(false);
  });

  test('an rc file or a profile at home is not read', async () => {
    const { canary, cwd, sprung } = trap();
    for (const name of ['.bashrc', '.bash_profile', '.profile', '.bash_login', '.inputrc']) {
      writeFileSync(join(cwd, name), `: > '${canary}'\n`);
    }
    const { outcome } = await hook('echo hello', { own: { PATH: process.env.PATH, HOME: cwd }, cwd });
    expect(outcome).toBe('succeeded');
    expect(sprung()).toBe(false);
  });
});
