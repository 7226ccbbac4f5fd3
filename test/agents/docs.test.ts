import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DIAGNOSTIC_CODES } from '../../src/agents/diagnostic.ts';

test('docs/agent-files.md says what to do about every code, and about no other', () => {
  const page = readFileSync(new URL('../../docs/agent-files.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^\| `([a-z0-9-]+)` \| (?:error|warning|info) \|/gm)].map(
    (row) => row[1],
  );
  expect(documented.sort()).toEqual([...DIAGNOSTIC_CODES].sort());
});
