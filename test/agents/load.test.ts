import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { lintAgentFile, loadAgentFile } from '../../src/agents/load.ts';
import { MAX_AGENT_FILE_BYTES } from '../../src/protocol/limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'raft-manager-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('the source is the path and the hash of the bytes, byte order mark included', async () => {
  const content = '\uFEFF---\r\nname: x\r\ndescription: d\r\n---\r\n';
  const path = write('good.md', content);
  const sha256 = createHash('sha256').update(Buffer.from(content)).digest('hex');
  expect((await loadAgentFile(path)).source).toEqual({ path, sha256 });
});

test('the first error is thrown with its place; remarks before it do not hide it', async () => {
  const path = write('bad.md', '\n---\nname: x\ntools: 5\n---\n');
  await expect(loadAgentFile(path)).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining(`${path}:4:8: \`tools\` is expected to be`),
    details: { file: path },
  });
});

test('a file that is no agent is bad input where an agent was asked for', async () => {
  const path = write('notes.md', '# Notes\n');
  await expect(loadAgentFile(path)).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining('not an agent'),
  });
});

test('what is not UTF-8 is refused, not guessed', async () => {
  const path = write('utf16.md', Buffer.from('\uFEFF---\nname: x\n---\n', 'utf16le'));
  const { definition, diagnostics } = await lintAgentFile(path);
  expect(definition).toBeUndefined();
  expect(diagnostics).toMatchObject([{ line: 1, column: 1, severity: 'error', code: 'not-utf8' }]);
});

test('the largest file loads, one byte more does not', async () => {
  const head = '---\nname: x\ndescription: d\n---\n';
  const fits = write('fits.md', head.padEnd(MAX_AGENT_FILE_BYTES, 'x'));
  const over = write('over.md', head.padEnd(MAX_AGENT_FILE_BYTES + 1, 'x'));
  expect((await loadAgentFile(fits)).body).toHaveLength(MAX_AGENT_FILE_BYTES - head.length);
  expect((await lintAgentFile(over)).diagnostics).toMatchObject([{ code: 'too-large' }]);
});

test.each([
  { why: 'nothing there', make: () => join(folder, 'missing.md') },
  { why: 'a folder', make: () => folder },
  {
    why: 'a named pipe, which nobody writes to',
    make: () => {
      const path = join(folder, 'pipe.md');
      execFileSync('bash', ['-c', 'mkfifo "$0"', path]);
      return path;
    },
  },
])('cannot be read: $why', async ({ make }) => {
  const path = make();
  await expect(loadAgentFile(path)).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining(path),
  });
});
