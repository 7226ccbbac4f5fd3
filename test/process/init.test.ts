import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAIN, openProject, type Project } from './harness.ts';

/** A repository whose shells find `raft-manager`. */
function openRepository(): Project & {
  git(...args: readonly string[]): { readonly code: number; readonly said: string };
} {
  const project = openProject();
  const bin = join(project.state, '..', 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'raft-manager'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, {
    mode: 0o755,
  });
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH}`,
    RAFT_MANAGER_DIR: project.state,
    GIT_CONFIG_GLOBAL: '/dev/null',
  };
  const git = (...args: readonly string[]) => {
    try {
      const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
      const said = execFileSync('git', [...identity, ...args], {
        cwd: project.folder,
        env,
        encoding: 'utf8',
        stdio: 'pipe',
      });
      return { code: 0, said };
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      return { code: status, said: stderr };
    }
  };
  git('init', '--quiet');
  return { ...project, git };
}

test('init makes a repository ready, again changes nothing, and undo leaves no trace', async () => {
  const { git, run, write, read, folder } = openRepository();
  write('settings.txt', '{ "model": "opus" } // mine\n');
  mkdirSync(join(folder, '.claude'));
  writeFileSync(join(folder, '.claude/settings.json'), read('settings.txt'));
  git('add', '-A');
  git('commit', '-m', 'before');

  const dry = await run(['init', '--dry-run', '--pre-commit']);
  expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
  expect(dry.stdout).toMatch(
    /^--- \/dev\/null\n\+\+\+ b\/\.claude\/agents\/crdt-synchronizer\.md\n@@ -0,0 \+1,/,
  );
  expect(git('status', '--porcelain', '--untracked-files=all').said).toBe('');

  mkdirSync(join(folder, 'deep/below'), { recursive: true });
  const first = await run(['init', '--pre-commit'], { cwd: join(folder, 'deep/below') });
  expect(first).toMatchObject({ exitCode: 0, stderr: '' });
  expect(first.stdout).toMatch(/changed {2}\.claude\/settings\.json\n.*created {2}\.git\/hooks\/pre-commit/s);
  expect(first.stdout).toContain('Next: start Claude Code here anew');
  expect(await run(['agents', 'lint', '.claude/agents'])).toMatchObject({ exitCode: 0 });
  expect(await run(['init', '--pre-commit'])).toMatchObject({ exitCode: 0, stdout: 'nothing to change\n' });
  expect(JSON.parse((await run(['init', '--json'])).stdout)).toMatchObject({
    dryRun: false,
    changes: [],
    kept: [],
  });

  expect(await run(['init', '--undo'])).toMatchObject({ exitCode: 0, stderr: '' });
  rmSync(join(folder, 'deep'), { recursive: true });
  expect(git('status', '--porcelain', '--untracked-files=all').said).toBe('');
  expect(existsSync(join(folder, '.git/hooks/pre-commit'))).toBe(false);
  expect(await run(['init', '--undo'])).toMatchObject({ exitCode: 0, stdout: 'nothing to change\n' });
});

test('git refuses to commit what another one has reserved, and lets all through without a swarm', async () => {
  const { git, run, write } = openRepository();
  await run(['init', '--pre-commit']);
  expect(await run(['up', '--agents', '1'])).toMatchObject({ exitCode: 0 });
  const reserved = await run(['reserve', 'a*.txt', '--as', 'somebody', '--json']);
  const { reservationId, fence } = JSON.parse(reserved.stdout);
  write('a1.txt', 'x');
  git('add', 'a1.txt');
  const refused = git('commit', '-m', 'x');
  expect(refused.code).toBe(1);
  expect(refused.said).toMatch(/a1\.txt is reserved by somebody \(r-\w+, exclusive: a\*\.txt\) until \d{4}-/);
  const json = JSON.parse((await run(['guard', 'a1.txt', 'b.txt', '--json'])).stdout);
  expect(json).toMatchObject({ checked: true, refused: [{ path: 'a1.txt', holder: 'somebody' }] });
  expect(await run(['guard', 'a1.txt', '--as', 'somebody'])).toMatchObject({ exitCode: 0, stderr: '' });

  await run(['release', reservationId, '--fence', String(fence)]);
  expect(git('commit', '-m', 'x')).toMatchObject({ code: 0 });

  await run(['down']);
  write('a2.txt', 'x');
  git('add', 'a2.txt');
  expect(git('commit', '-m', 'y')).toMatchObject({ code: 0 });
  expect(await run(['guard', '--staged', '--timeout', '100ms'])).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/^raft-manager: reservations were not checked: /),
  });
});

describe('nothing is written, and the message says why, where', () => {
  test.each([
    {
      why: 'a file is no JSON',
      prepare: ({ write }: Project) => write('.mcp.json', '{\n  "mcpServers": }\n'),
      args: [],
      says: /^raft-manager: \.mcp\.json:2:17: this is not JSON: value expected\. Nothing was written/,
    },
    {
      why: 'a link leads out of the repository',
      prepare: ({ folder }: Project) => symlinkSync(tmpdir(), join(folder, '.claude')),
      args: [],
      says: /\.claude\/\S+ leads out of the repository, to /,
    },
    {
      why: '.claude is a file',
      prepare: ({ write }: Project) => write('.claude', 'x'),
      args: [],
      says: /ENOTDIR: not a directory, .*\.claude\//,
    },
    {
      why: 'the hook is a program',
      prepare: ({ write }: Project) => write('.git/hooks/pre-commit', '#!/usr/bin/env node\n'),
      args: ['--pre-commit'],
      says: /pre-commit is no shell script; call "raft-manager guard --staged" from it/,
    },
  ])('$why', async ({ prepare, args, says }) => {
    const repository = openRepository();
    mkdirSync(repository.state, { recursive: true });
    prepare(repository);
    const before = repository.git('status', '--porcelain', '--untracked-files=all').said;
    const ended = await repository.run(['init', ...args]);
    expect(ended).toMatchObject({ stdout: '', stderr: expect.stringMatching(says) });
    expect(ended.exitCode).not.toBe(0);
    expect(repository.git('status', '--porcelain', '--untracked-files=all').said).toBe(before);
  });

  test('there is no repository, and a guard is asked for', async () => {
    const project = openProject();
    const ended = await project.run(['init', '--pre-commit']);
    expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/is no git repository/) });
    expect(existsSync(join(project.folder, '.mcp.json'))).toBe(false);
    expect(await project.run(['init'])).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(readFileSync(join(project.folder, '.mcp.json'), 'utf8'))).toHaveProperty('mcpServers');
  });
});
