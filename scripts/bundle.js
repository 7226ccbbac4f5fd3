// What the bundles have in common: the command line (build.js) and the plugin for Claude Code (build-plugin.js).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** @type {import('esbuild').BuildOptions & { metafile: true }} */
export const BUNDLED = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  legalComments: 'none',
  // Faster variants in C, for whoever has installed them.
  external: ['bufferutil', 'utf-8-validate', 'msgpackr-extract'],
  // What a package has as modules can be bundled; in its other form jsonc-parser looks for its parts at run time.
  mainFields: ['module', 'main'],
  // Packages in CommonJS ask for Node's modules in their way.
  banner: {
    js: "import{createRequire as raftManagerRequires}from'node:module';const require=raftManagerRequires(import.meta.url);",
  },
  logLevel: 'warning',
  metafile: true,
};

/** What was bundled may be passed on under its own terms, which ask to be passed on with it. */
export function licences(...results) {
  const folders = new Set(results.flatMap(packagesIn));
  return [...folders]
    .sort()
    .map(notice)
    .join(`\n${'-'.repeat(80)}\n\n`);
}

/** Folders of the packages that went into a bundle. */
function packagesIn({ metafile }) {
  const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
  return Object.keys(metafile.inputs).flatMap((path) => folder.exec(path)?.[0] ?? []);
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(root, folder)).find((one) => /^(licen[cs]e|copying)/i.test(one));
  const text = file === undefined ? '' : readFileSync(join(root, folder, file), 'utf8').trim();
  return `${name} ${version}: ${license}\n\n${text}\n`;
}
