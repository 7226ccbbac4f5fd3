import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/index.ts';
import * as api from '../../src/index.ts';

const PAGE = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');

describe('docs/api.md', () => {
  test('names all that is exported, and nothing else', () => {
    const [, table = ''] = /^\| export \| does \|\n\|---\|---\|\n((?:\|.*\n)+)/m.exec(PAGE) ?? [];
    const named = table
      .split('\n')
      .flatMap((row) => row.split('|')[1]?.match(/`(\w+)/g) ?? [])
      .map((name) => name.slice(1));
    expect(named.sort()).toEqual(Object.keys(api).sort());
  });

  test('names every method of the client, and no other', () => {
    const [, table = ''] = /^\| method \| \|\n\|---\|---\|\n((?:\|.*\n)+)/m.exec(PAGE) ?? [];
    const named = table
      .split('\n')
      .flatMap((row) => row.split(' | ')[0]?.match(/`(\w+)\(/g) ?? [])
      .map((name) => name.slice(1, -1));
    const methods = Object.getOwnPropertyNames(api.SwarmClient.prototype);
    expect(named.sort()).toEqual(methods.filter((name) => name !== 'constructor').sort());
  });

  test('names error codes that exist', () => {
    const [, table = ''] = /^\| code \| means \|.*\n\|---\|---\|---\|\n((?:\|.*\n)+)/m.exec(PAGE) ?? [];
    const named = [...table.matchAll(/`([A-Z_]{4,})`/g)].map(([, code]) => code);
    const source = readFileSync(new URL('../../src/protocol/errors.ts', import.meta.url), 'utf8');
    const known = [...source.matchAll(/\| '([A-Z_]+)'/g)].map(([, code]) => code as ErrorCode);
    expect(known).toContain('STALE_FENCE');
    expect(named.filter((code) => !known.includes(code as ErrorCode))).toEqual([]);
  });
});
