// Makes dist/: with tsc what programs import and people read, a file for a file; and from the same sources, bundled, the command line
// that the package's bin starts (dist/bin). Every instance of a swarm is a process of it, and reading 450 small files takes
// each of them longer than all else that it does before it can work.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { build } from 'esbuild';
import { BUNDLED, licences, root } from './bundle.js';

const dist = join(root, 'dist');
const bin = join(dist, 'bin');
if (process.argv.includes('--clean')) rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

// tsc does not remove what a deleted source left there.
for (const path of readdirSync(dist, { recursive: true })) {
  if (['bin', 'plugin'].includes(path.split(sep)[0])) continue;
  const source = path.replace(/(\.d\.ts|\.js)$/, '.ts');
  if (source !== path && !existsSync(join(root, 'src', source))) rmSync(join(dist, path));
}

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

// As deep as dist/cli: what looks for the agents, or for package.json, finds them two floors up.
const bundled = await build({
  ...BUNDLED,
  entryPoints: { main: 'src/cli/main.ts' },
  outdir: bin,
  // A command reads what it needs and no more.
  splitting: true,
  chunkNames: '[name]-[hash]',
});
chmodSync(join(bin, 'main.js'), 0o755);
writeFileSync(join(bin, 'LICENSES.txt'), licences(bundled));
// Afterwards, so that whoever runs it meanwhile finds all of it.
const made = new Set(Object.keys(bundled.metafile.outputs).map((path) => basename(path)));
for (const name of readdirSync(bin)) {
  if (name.endsWith('.js') && !made.has(name)) rmSync(join(bin, name));
}
