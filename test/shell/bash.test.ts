import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAX_OUTPUT_CHARS } from '../../src/protocol/limits.ts';
import { bash, hearing, ownFolder, PATH } from './playground.ts';

describe('a script', () => {
  test.each([
    { why: 'says that all went well', script: 'true', end: { kind: 'exited', exitCode: 0 } },
    { why: 'says with a number what went wrong', script: 'exit 7', end: { kind: 'exited', exitCode: 7 } },
    { why: 'ends at the first failure', script: 'false; echo on', end: { kind: 'exited', exitCode: 1 } },
    { why: 'fails where a pipe fails', script: 'false | true', end: { kind: 'exited', exitCode: 1 } },
    { why: 'fails at an unset variable', script: 'echo "$NOT_SET"', end: { kind: 'exited', exitCode: 1 } },
    { why: 'fails at a syntax error', script: 'if then', end: { kind: 'exited', exitCode: 2 } },
    { why: 'an empty one succeeds', script: '', end: { kind: 'exited', exitCode: 0 } },
    {
      why: 'may be ended from outside',
      script: 'kill -s KILL $$',
      end: { kind: 'signalled', signal: 'SIGKILL' },
    },
  ])('$why: $script', async ({ script, end }) => {
    const result = await bash(script);
    expect(result.end).toEqual(end);
    expect(result.stdout).toBe('');
  });

  test('gets an empty standard input, not the terminal of the node', async () => {
    const { end, stdout } = await bash('cat; echo done');
    expect({ end, stdout }).toEqual({ end: { kind: 'exited', exitCode: 0 }, stdout: 'done\n' });
  });

  test('gets the environment it is given, and no more', async () => {
    process.env.RAFT_MANAGER_TEST_SECRET = 'secret';
    const { stdout } = await bash('env', { environment: { PATH, GREETING: 'hello' } });
    delete process.env.RAFT_MANAGER_TEST_SECRET;
    const names = stdout.split('\n').map((line) => line.split('=')[0]);
    // The last three are bash's own.
    expect(names.filter((name) => name !== '').sort()).toEqual(['GREETING', 'PATH', 'PWD', 'SHLVL', '_']);
  });

  test('runs in the folder it is given', async () => {
    const folder = ownFolder();
    const { stdout } = await bash('pwd -P', { cwd: folder });
    expect(stdout).toBe(`${folder}\n`);
  });

  test('leaves no file of ours behind', async () => {
    const folder = ownFolder();
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    const { stdout } = await bash('stat -c %a "$0" "$(dirname "$0")"');
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    expect(stdout).toBe('600\n700\n');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('what cannot run', () => {
  test.each([
    { why: 'a folder that is not there', cwd: 'gone' },
    { why: 'a folder that is a file', cwd: 'file' },
  ])('is told with its reason: $why', async ({ cwd }) => {
    const folder = ownFolder();
    writeFileSync(join(folder, 'file'), '');
    const { end } = await bash('echo on', { cwd: join(folder, cwd) });
    expect(end).toEqual({ kind: 'could-not-start', reason: expect.stringContaining(join(folder, cwd)) });
  });

  test('is told with its reason: more environment than the system allows', async () => {
    const environment = { PATH, MUCH: 'x'.repeat(200 * 1024) };
    const { end } = await bash('echo on', { environment });
    expect(end).toEqual({ kind: 'could-not-start', reason: expect.stringContaining('E2BIG') });
  });

  test('is told with its reason: no bash on the PATH', async () => {
    const { end } = await bash('echo on', { environment: { PATH: ownFolder() } });
    expect(end).toEqual({ kind: 'could-not-start', reason: expect.stringContaining('ENOENT') });
  });

  test.each([
    { why: 'NUL in a value', environment: { PATH, A: 'x\0y' } },
    { why: 'NUL in a name', environment: { PATH, 'A\0': 'x' } },
    { why: 'a name that would set another variable', environment: { PATH, 'BASH_ENV=/canary': 'x' } },
    { why: 'no name at all', environment: { PATH, '': 'x' } },
  ])('is refused as bad input: $why', async ({ environment }) => {
    const cwd = ownFolder();
    await expect(bash('touch ran', { environment, cwd })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('does not begin when nobody wants it any more', async () => {
    const cwd = ownFolder();
    const { end, output } = await bash('touch ran', { cwd, signal: AbortSignal.abort() });
    expect({ end, output }).toEqual({ end: { kind: 'cancelled' }, output: '' });
    expect(readdirSync(cwd)).toEqual([]);
  });
});

describe('output', () => {
  test('is kept by stream, and together in the order in which it came', async () => {
    const cwd = ownFolder();
    const first = hearing('one');
    const second = hearing('two');
    const onOutput = (text: string): void => {
      first.onOutput(text);
      second.onOutput(text);
    };
    const script = 'mkfifo a b; echo one; read -r _ < a; echo two >&2; read -r _ < b; echo three';
    const running = bash(script, { cwd, onOutput });
    await first.heard;
    await writeFile(join(cwd, 'a'), '\n');
    await second.heard;
    await writeFile(join(cwd, 'b'), '\n');
    const { stdout, stderr, output } = await running;
    expect({ stdout, stderr }).toEqual({ stdout: 'one\nthree\n', stderr: 'two\n' });
    expect(output).toBe('one\ntwo\nthree\n');
  });

  test('is whole where a character comes in two pieces and the other stream speaks in between', async () => {
    const cwd = ownFolder();
    const { heard, onOutput } = hearing('between');
    const script = `mkfifo go; printf '\\xf0\\x9f'; echo between >&2; read -r _ < go; printf '\\x97\\xb3'`;
    const running = bash(script, { cwd, onOutput });
    await heard;
    await writeFile(join(cwd, 'go'), '\n');
    const { stdout, output } = await running;
    expect(stdout).toBe('🗳');
    expect(output).toBe('between\n🗳');
  });

  test('shows where a character was never finished', async () => {
    expect(await bash(`printf 'a\\xe2\\x82'`)).toMatchObject({ stdout: 'a\ufffd', output: 'a\ufffd' });
  });

  test('keeps the end of each stream, and says how much came before', async () => {
    const { stdout, stderr, output } = await bash('seq 1 200000; echo "the end"; echo short >&2');
    expect(stdout.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
    expect(stdout.length).toBeGreaterThan(MAX_OUTPUT_CHARS - 100);
    expect(stdout.endsWith('199999\n200000\nthe end\n')).toBe(true);
    const [notice = '', ...lines] = stdout.split('\n');
    const dropped = Number(/^\[(\d+) characters before this are not kept\]$/.exec(notice)?.[1]);
    const printed = Array.from({ length: 200_000 }, (_, at) => `${at + 1}\n`).join('');
    expect(dropped + lines.join('\n').length).toBe(`${printed}the end\n`.length);
    expect(stderr).toBe('short\n');
    expect(output.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
  });

  test('never begins with half a character', async () => {
    const { stdout } = await bash(`yes 🗳 | tr -d '\\n' | head -c 400000`);
    expect(Buffer.from(stdout).toString()).toBe(stdout);
    expect(stdout).not.toContain('\ufffd');
  });

  test('may be any amount: no buffer grows with it until it bursts', async () => {
    const { end, stdout } = await bash('head -c 200000000 /dev/zero | tr "\\0" x');
    expect(end).toEqual({ kind: 'exited', exitCode: 0 });
    expect(stdout.length).toBeLessThanOrEqual(MAX_OUTPUT_CHARS);
  });

  test('of a reader that outlives the script by a moment is heard', async () => {
    // It sees the end of the script before it says its line: killed with the script, it could not.
    const { stdout } = await bash(
      'exec > >(while kill -0 $$ 2> /dev/null; do :; done; read -r line; echo "late: $line"); echo hello',
    );
    expect(stdout).toBe('late: hello\n');
  });

  test('of a `tee` that the script does not wait for is all there', async () => {
    const cwd = ownFolder();
    const { stdout } = await bash('exec > >(tee log); seq 1 5000', { cwd });
    const expected = Array.from({ length: 5000 }, (_, at) => `${at + 1}\n`).join('');
    expect(stdout).toBe(expected);
    expect(readFileSync(join(cwd, 'log'), 'utf8')).toBe(expected);
  });
});
