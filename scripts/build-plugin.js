// Makes dist/plugin, or the folder that is named: the plugin for Claude Code, which needs nothing but Node. Plugins are installed without install
// scripts and best without dependencies, so everything is bundled:
//
//   lib/cli/main.js   the command line with the MCP server
//   lib/cli/hook.js   what answers hooks: small, because reading the other one takes longer than a hook may
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { BUNDLED, licences, root } from './bundle.js';

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
const NO_NATIVE = {
  'process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED': '"true"',
  'process.env.WS_NO_BUFFER_UTIL': '"true"',
  'process.env.WS_NO_UTF_8_VALIDATE': '"true"',
};

const common = { ...BUNDLED, minify: true, define: NO_NATIVE, plugins: [knowsItsVersion] };

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

writeFileSync(join(plugin, 'lib', 'LICENSES.txt'), licences(command, hook));
