import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scanAgents, standardPlaces } from '../../src/agents/registry.ts';
import { MAX_AGENT_FILES, MAX_SCAN_DEPTH } from '../../src/protocol/limits.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'raft-manager-registry-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function agent(path: string, name: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `---\nname: ${name}\ndescription: d\n---\n`);
  return file;
}

const scan = (...paths: string[]) =>
  scanAgents(paths.map((path) => ({ owner: 'argument', path: join(root, path) })));
const names = (found: Awaited<ReturnType<typeof scan>>) =>
  found.agents.map(({ definition }) => definition.name);
const codes = (found: Awaited<ReturnType<typeof scan>>) => found.diagnostics.map(({ code }) => code);

test('finds agents at every depth, sorted by path, whatever else lies about', async () => {
  agent('a/zeta.md', 'zeta');
  agent('a/deep/er/alpha.md', 'alpha');
  agent('a/beta.md', 'beta');
  writeFileSync(join(root, 'a', 'README.md'), '# Not an agent\n');
  writeFileSync(join(root, 'a', 'agent.txt'), '---\nname: text\n---\n');
  const found = await scan('a');
  expect(names(found)).toEqual(['beta', 'alpha', 'zeta']);
  expect(codes(found)).toEqual(['no-frontmatter']);
  expect(found.fileCount).toBe(4);
});

test('a name is taken by the first place that has it, and the later file is named with the earlier one', async () => {
  const project = agent('project/.claude/agents/x.md', 'twin');
  const user = agent('home/.claude/agents/y.md', 'twin');
  const found = await scanAgents(
    standardPlaces({ project: join(root, 'project'), home: join(root, 'home') }),
  );
  const places = found.agents.map(({ definition, owner }) => [definition.name, owner]);
  expect(places.filter(([, owner]) => owner !== 'package')).toEqual([['twin', 'project']]);
  expect(places).toContainEqual(['raft-manager', 'package']);
  expect(found.diagnostics).toMatchObject([
    { file: user, code: 'duplicate-name', severity: 'warning', message: expect.stringContaining(project) },
  ]);
});

test('standard places that do not exist are empty; an argument that does not exist is bad input', async () => {
  const found = await scanAgents(standardPlaces({ project: join(root, 'none'), home: join(root, 'none') }));
  expect(new Set(found.agents.map(({ owner }) => owner))).toEqual(new Set(['package']));
  await expect(scan('none')).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining('none'),
  });
});

test('an argument may be one file', async () => {
  agent('a/x.md', 'x');
  agent('a/y.md', 'y');
  expect(names(await scan('a/y.md'))).toEqual(['y']);
});

test('a file that two places lead to is read once', async () => {
  const file = agent('a/x.md', 'x');
  symlinkSync(file, join(root, 'a', 'y.md'));
  const found = await scan('a', 'a/x.md');
  expect(names(found)).toEqual(['x']);
  expect(codes(found)).toEqual([]);
});

test('links: to a file outside is followed, to a folder is not, to nothing is said', async () => {
  const outside = agent('outside/o.md', 'outsider');
  mkdirSync(join(root, 'a'));
  symlinkSync(outside, join(root, 'a', 'o.md'));
  symlinkSync(join(root, 'a'), join(root, 'a', 'loop'));
  symlinkSync(join(root, 'gone.md'), join(root, 'a', 'p.md'));
  const found = await scan('a');
  expect(names(found)).toEqual(['outsider']);
  expect(codes(found)).toEqual(['symlink-skipped', 'unreadable']);
});

test('a place may itself be a link, as people do with their dotfiles', async () => {
  agent('real/x.md', 'x');
  symlinkSync(join(root, 'real'), join(root, 'link'));
  expect(names(await scan('link'))).toEqual(['x']);
});

test('a scan ends: too deep, too many', async () => {
  agent(join('a', ...Array<string>(MAX_SCAN_DEPTH).fill('d'), 'x.md'), 'x');
  const deep = await scan('a');
  expect(names(deep)).toEqual([]);
  expect(codes(deep)).toEqual(['scan-limit']);
  mkdirSync(join(root, 'b'));
  for (let i = 0; i <= MAX_AGENT_FILES; i++) writeFileSync(join(root, 'b', `${i}.md`), '');
  const many = await scan('b');
  expect(many.fileCount).toBe(MAX_AGENT_FILES);
  expect(codes(many).filter((code) => code !== 'no-frontmatter')).toEqual(['scan-limit']);
});
