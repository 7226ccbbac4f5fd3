import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { lintAgent } from '../../src/agents/lint.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import { isId } from '../../src/protocol/ids.ts';
import * as limits from '../../src/protocol/limits.ts';
import { decodeBackup } from '../../src/swarm/backup-file.ts';
import { BlobStore } from '../../src/swarm/blob-store.ts';
import { parseQuery } from '../../src/swarm/queries.ts';
import { parseTaskFile } from '../../src/swarm/task-file.ts';
import { pack, unpack } from '../../src/swarm/wire.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { decodeHello } from '../../src/transport/hello.ts';
import { Log } from '../tasks/log.ts';

const root = mkdtempSync(join(tmpdir(), 'raft-manager-refusals-'));
afterAll(() => rmSync(root, { recursive: true }));

/** The code and message with which `work` refuses. */
function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SwarmError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'taken';
}

const taskFile = (fields: string): string =>
  refusalOf(() => parseTaskFile('tasks.yaml', `tasks:\n  - id: a\n    run: 'true'\n${fields}`));

describe('names that climb out of their folder', () => {
  const climbing = [
    '../x',
    '..',
    'a/b',
    'a\\b',
    '/etc/passwd',
    'x\0y',
    '%2e%2e%2fx',
    '.\u2024/x',
    '',
    'x'.repeat(65),
  ];

  test.each(climbing.filter((name) => name !== '..'))('are no ids: %j', (name) => {
    expect(isId(name)).toBe(false);
  });

  test.each(climbing)('are no keys and namespaces of records: %j', (name) => {
    const log = new Log();
    log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
    const refused = (write: object) =>
      refusalOf(() =>
        log.apply({ kind: 'record', writes: [{ namespace: 'crdt', key: 'k', value: 'v', ...write }] }),
      );
    expect(refused({ namespace: name })).toContain('namespace');
    if (/^[.x]+$/.test(name)) return;
    expect(refused({ key: name })).toContain('key');
  });

  test.each(['../x', '/etc/passwd', 'A'.repeat(64), '0'.repeat(63)])('are no contents: %j', async (name) => {
    const store = new BlobStore(join(root, 'blobs'));
    expect(await store.get(name)).toBeUndefined();
    expect(readdirSync(root).filter((one) => one !== 'blobs')).toEqual([]);
  });

  test.each([
    { why: 'a task', fields: "  - id: ../x\n    run: 'true'\n", says: 'id' },
    { why: 'a dependency', fields: '    dependsOn: [../x]\n', says: 'depends on' },
  ])('are not $why', ({ fields, says }) => {
    expect(taskFile(fields)).toMatch(new RegExp(`^BAD_INPUT tasks.yaml:\\d+:\\d+: .*${says}`));
  });

  test.each(['/etc/**', '../**', 'src/../../x', 'C:\\x', '~/x\0'])('are not reserved: %j', (pattern) => {
    const log = new Log();
    log.register('i');
    const command = { kind: 'reserve', requestId: 'r', holder: 'i', paths: [pattern], mode: 'exclusive' };
    expect(refusalOf(() => log.apply(command as never))).not.toBe('taken');
  });
});

describe('keys that are part of every object', () => {
  const evil = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty'] as const;
  const untouched = (): void => {
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  };

  test.each(evil)('change nothing in a hello: %s', (key) => {
    const words = `{"protocol":1,"${key}":{"polluted":true,"kind":"peer"}}`;
    expect(decodeHello(Buffer.from(words))).toMatchObject({ ok: false, error: { code: 'MALFORMED' } });
    untouched();
  });

  test.each(evil)('change nothing in MessagePack: %s', (key) => {
    const body = pack(
      new Map<string, unknown>([
        ['kind', 'records'],
        [key, new Map([['polluted', true]])],
      ]),
    );
    const read = unpack(body) as { readonly polluted?: unknown };
    expect(read.polluted).toBeUndefined();
    expect(refusalOf(() => parseQuery(body))).toMatch(/^MALFORMED/);
    untouched();
  });

  test.each(evil)('change nothing in a task file: %s', (key) => {
    expect(taskFile(`    ${key}: {polluted: true}\n`)).toMatch(/^BAD_INPUT/);
    expect(refusalOf(() => parseTaskFile('t.json', `{"tasks":[],"${key}":{"polluted":true}}`))).toMatch(
      /^BAD_INPUT/,
    );
    untouched();
  });

  test.each(evil)('are no more than words in an agent file: %s', (key) => {
    const text = `---\nname: a\ndescription: b\n${key}:\n  polluted: true\n---\nbody\n`;
    const { definition } = lintAgent({ path: 'a.md', text, sha256: 'x' });
    expect((definition as { readonly polluted?: unknown } | undefined)?.polluted).toBeUndefined();
    untouched();
  });

  test.each(evil)('may be ids, keys and variables, and are nothing else then: %s', (key) => {
    const log = new Log();
    log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
    log.submit({ id: key, run: 'true' });
    log.ok({ kind: 'record', writes: [{ namespace: 'crdt', key, value: 'v', expect: 0 }] });
    expect(log.machine.tasks.get(key)?.id).toBe(key);
    expect(log.machine.records.get(`crdt/${key}`)?.value).toBe('v');
    untouched();
  });
});

describe('what is larger than it may be', () => {
  test('is refused as a hello', () => {
    const words = Buffer.from(JSON.stringify({ protocol: 1, pad: 'x'.repeat(limits.MAX_HELLO_BYTES) }));
    expect(decodeHello(words)).toMatchObject({ ok: false, error: { code: 'MALFORMED' } });
  });

  test.each([
    { why: 'a prompt', fields: `    prompt: ${'x'.repeat(limits.MAX_WORK_CHARS + 1)}\n` },
    { why: 'a title', fields: `    title: ${'x'.repeat(limits.MAX_LINE_CHARS + 1)}\n` },
    {
      why: 'a list of dependencies',
      fields: `    dependsOn: [${'a,'.repeat(limits.MAX_DEPENDENCIES + 1)}]\n`,
    },
    { why: 'nesting', fields: `    env: ${'{a: '.repeat(5_000)}` },
  ])('is refused in a task file: $why', ({ fields }) => {
    expect(taskFile(fields)).toMatch(/^BAD_INPUT/);
  });

  test.each([
    { why: 'a value', write: { value: 'x'.repeat(limits.MAX_RECORD_CHARS + 1) } },
    { why: 'a key', write: { key: 'x'.repeat(129), value: '' } },
  ])('is refused as $why of a record', ({ write }) => {
    const log = new Log();
    log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
    expect(
      refusalOf(() => log.apply({ kind: 'record', writes: [{ namespace: 'crdt', key: 'k', ...write }] })),
    ).not.toBe('taken');
  });

  test('is refused as an agent file', () => {
    const text = `---\nname: a\n---\n${'x'.repeat(limits.MAX_AGENT_FILE_BYTES)}`;
    const { definition, diagnostics } = lintAgent({ path: 'a.md', text, sha256: 'x' });
    expect([definition, diagnostics[0]?.code]).toEqual([undefined, 'too-large']);
  });

  test.each([
    { why: 'no backup', file: Buffer.from('hello') },
    { why: 'a first line without end', file: Buffer.from(`raft-manager backup 1 ${'0'.repeat(10_000)}`) },
    { why: 'another hash', file: Buffer.from(`raft-manager backup 1 ${'0'.repeat(64)}\nx`) },
  ])('or not what it says is refused as a backup: $why', async ({ file }) => {
    await expect(decodeBackup('x', file)).rejects.toBeInstanceOf(SwarmError);
  });
});
