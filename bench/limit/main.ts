import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { measureLimit } from './measure.ts';

const folder = mkdtempSync(join(process.cwd(), '.bench-'));
try {
  console.table(await measureLimit({ durationMs: 2_000, folder }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
