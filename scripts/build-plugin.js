// Makes dist/plugin, or the folder that is named: the plugin for Claude Code, which needs nothing but Node. Plugins are installed without install
// scripts and best without dependencies, so everything is bundled:
//
//   lib/cli/main.js   the command line with the MCP server
//   lib/cli/hook.js   what answers hooks: small, because reading the other one takes longer than a hook may
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const plugin = resolve(process.argv[2] ?? join(root, 'dist', 'plugin'));
// As deep as src/cli: what looks for the agents finds them two floors up.
const lib = join(plugin, 'lib', 'cli');
const { version, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The bundle has no package.json beside it: one would have the plugin's installer look for dependencies. */
const knowsItsVersion = {
  name: 'knows-its-version',
  setup({ onLoad }) {
    onLoad({ filter: /src\/cli\/package-version\.ts$/ }, () => ({
      contents: [
        `export const packageVersion = () => ${JSON.stringify(version)};`,
        `export const nodeRange = () => ${JSON.stringify(engines.node)};`,
      ].join('\n'),
    }));
  },
};

/** Faster variants in C: a plugin has none, and looking for one takes longer than the whole of a hook. */
const NATIVE = ['bufferutil', 'utf-8-validate'];
const NO_NATIVE = {
  'process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED': '"true"',
  'process.env.WS_NO_BUFFER_UTIL': '"true"',
  'process.env.WS_NO_UTF_8_VALIDATE': '"true"',
};

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  minify: true,
  legalComments: 'none',
  external: NATIVE,
  // What a package has as modules can be bundled; in its other form jsonc-parser looks for its parts at run time.
  mainFields: ['module', 'main'],
  define: NO_NATIVE,
  plugins: [knowsItsVersion],
  // Packages in CommonJS ask for Node's modules in their way.
  banner: {
    js: "import{createRequire as raftManagerRequires}from'node:module';const require=raftManagerRequires(import.meta.url);",
  },
  logLevel: 'warning',
  metafile: true,
};

rmSync(plugin, { recursive: true, force: true });
mkdirSync(lib, { recursive: true });
cpSync(join(root, 'plugin'), plugin, { recursive: true });
cpSync(join(root, 'agents'), join(plugin, 'agents'), { recursive: true });
cpSync(join(root, 'LICENSE'), join(plugin, 'LICENSE'));
chmodSync(join(plugin, 'bin', 'raft-manager'), 0o755);

const manifest = join(plugin, '.claude-plugin', 'plugin.json');
const { name, ...rest } = JSON.parse(readFileSync(manifest, 'utf8'));
writeFileSync(manifest, `${JSON.stringify({ name, version, ...rest }, undefined, 2)}\n`);
writeFileSync(join(plugin, 'lib', 'package.json'), '{ "type": "module" }\n');

const command = await build({ ...common, entryPoints: { main: 'src/cli/main.ts' }, outdir: lib });
const hook = await build({
  ...common,
  stdin: {
    contents: "import { answerHook } from './src/claude-code/main.ts';\nawait answerHook();\n",
    resolveDir: root,
    sourcefile: 'hook.ts',
  },
  entryNames: 'hook',
  // What only agents with hooks take is read only for them.
  splitting: true,
  chunkNames: 'hook-[name]-[hash]',
  outdir: lib,
});

/** Folders of the packages that went into a bundle. */
function packagesIn({ metafile }) {
  const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
  return Object.keys(metafile.inputs).flatMap((path) => folder.exec(path)?.[0] ?? []);
}

// What was bundled may be passed on under its own terms, which ask to be passed on with it.
const notices = [...new Set([...packagesIn(command), ...packagesIn(hook)])].sort().map((folder) => {
  const {
    name: who,
    version: which,
    license,
  } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(root, folder)).find((one) => /^(licen[cs]e|copying)/i.test(one));
  const text = file === undefined ? '' : readFileSync(join(root, folder, file), 'utf8').trim();
  return `${who} ${which}: ${license}\n\n${text}\n`;
});
writeFileSync(join(plugin, 'lib', 'LICENSES.txt'), notices.join(`\n${'-'.repeat(80)}\n\n`));
