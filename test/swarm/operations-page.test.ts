import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXIT } from '../../src/cli/report-error.ts';
import { INSTANCE_EXIT } from '../../src/swarm/exit-code.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** What stands in the first cells of the tables under a heading, up to the next one of its rank. */
function rowsUnder(heading: string): readonly string[] {
  const [rank = ''] = heading.split(' ');
  const [, after = ''] = read('docs/operations.md').split(`\n${heading}\n`);
  const [section = ''] = after.split(new RegExp(`^${rank} `, 'm'));
  const rows = [...section.matchAll(/^\| `?([^`|]+?)`? \|(.+)\|$/gm)];
  // The last cell says what to do.
  return rows
    .filter(([, , rest]) => (rest?.split('|').at(-1) ?? '').trim().length > 3)
    .map(([, code]) => code ?? '');
}

const sorted = (values: readonly (string | number)[]): readonly string[] => values.map(String).sort();

test('every error code of the source has a row that says what to do, and no other', () => {
  const [, union = ''] = read('src/protocol/errors.ts').split('export type ErrorCode =');
  const [members = ''] = union.split(';');
  const codes = [...members.matchAll(/\| '([A-Z_]+)'/g)].map(([, code]) => code ?? '');
  expect(codes.length).toBeGreaterThan(40);
  const rows = rowsUnder('## Error codes').filter((row) => /^[A-Z_]+$/.test(row));
  expect(sorted(rows)).toEqual(sorted(codes));
});

test('every exit code of an instance has a row that says what to do, and no other', () => {
  const rows = rowsUnder('## Exit codes of an instance').filter((row) => /^\d+$/.test(row));
  expect(sorted(rows)).toEqual(sorted(Object.values(INSTANCE_EXIT)));
});

test('every exit code of a command has a row that says what to do, and no other', () => {
  const rows = rowsUnder('### Exit codes of commands').filter((row) => /^\d+$/.test(row));
  expect(sorted(rows)).toEqual(sorted(Object.values(EXIT)));
});
