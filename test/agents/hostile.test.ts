import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOSTILE_FILES } from './hostile-files.ts';

const CHILD = fileURLToPath(new URL('hostile-child.ts', import.meta.url));
const LOADER = import.meta.resolve('tsx');
const GRAY_MATTER = fileURLToPath(import.meta.resolve('gray-matter'));

const root = mkdtempSync(join(tmpdir(), 'raft-manager-hostile-'));
afterAll(() => rmSync(root, { recursive: true }));

const fileNames = HOSTILE_FILES.map(({ name }) => `${name}.md`);
const answers = new Map<string, unknown>();
let exitCode: number | undefined;

beforeAll(async () => {
  for (const { name, text } of HOSTILE_FILES) writeFileSync(join(root, `${name}.md`), text());
  const child = await execa('node', ['--import', LOADER, CHILD, ...fileNames], { cwd: root, reject: false });
  exitCode = child.exitCode;
  for (const line of child.stdout.split('\n')) {
    const { path, ...answer } = JSON.parse(line);
    answers.set(path, answer);
  }
});

test.each(HOSTILE_FILES)('$name is refused: $said', ({ name, said }) => {
  expect(answers.get(`${name}.md`)).toEqual({ isLoaded: false, isPolluted: false, said });
});

test('the process lived through all of them, and nothing was written (pitfall 27)', () => {
  expect(exitCode).toBe(0);
  expect(readdirSync(root).sort()).toEqual([...fileNames].sort());
});

test('the control: shown to gray-matter as it is, the script would have run', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'raft-manager-control-'));
  const text = HOSTILE_FILES.find(({ name }) => name === 'script-tag')?.text() ?? '';
  const program = `globalThis.require = require; require(${JSON.stringify(GRAY_MATTER)})(process.env.TEXT)`;
  await execa('node', ['--eval', program], { cwd: folder, env: { TEXT: text } });
  const written = readdirSync(folder);
  rmSync(folder, { recursive: true });
  expect(written).toEqual(['EVALUATED']);
});
