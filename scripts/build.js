// tsc writes dist/; what it does not do: remove what a deleted source left there, and make the bin executable.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
if (process.argv.includes('--clean')) rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

for (const path of readdirSync(dist, { recursive: true })) {
  // Bundled by build-plugin.js.
  if (path.split(sep)[0] === 'plugin') continue;
  const source = path.replace(/(\.d\.ts|\.js)$/, '.ts');
  if (source !== path && !existsSync(join(root, 'src', source))) rmSync(join(dist, path));
}

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
chmodSync(join(dist, 'cli', 'main.js'), 0o755);
