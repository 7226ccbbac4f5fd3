import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { copyViolations, violations } from './architecture/rules.ts';
import type { FileMap } from './architecture/source.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

function readFolder(folder: string): FileMap {
  const entries = readdirSync(`${ROOT}/${folder}`, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = `${parentPath}/${name}`;
      return [path.slice(ROOT.length).replace(/^\/+/, ''), readFileSync(path, 'utf8')];
    }),
  );
}

describe('this repository', () => {
  test('keeps the rules of the house', () => {
    expect(violations(readFolder('src'))).toEqual([]);
  });

  test('lets Claude Code discover the agents that it ships', () => {
    const files = new Map([...readFolder('agents'), ...readFolder('.claude/agents')]);
    expect(copyViolations(files, 'agents', '.claude/agents')).toEqual([]);
  });
});

/** One file alone, whose every import exists. */
const alone = (path: string, text: string): FileMap => new Map([[path, text]]);

/** `from` imports `target`, and nothing else happens. */
function importing(from: string, target: string): FileMap {
  const up = '../'.repeat(from.split('/').length - 2) || './';
  return new Map([
    [from, `import { x } from '${up}${target.replace('src/', '')}';\nexport const y = x;\n`],
    [target, 'export const x = 1;\n'],
  ]);
}

const lines = (count: number) => '// line\n'.repeat(count);

describe('floors', () => {
  test.each([
    { why: 'down', from: 'src/swarm/a.ts', target: 'src/agents/b.ts' },
    { why: 'inside one folder', from: 'src/cli/view/a.ts', target: 'src/cli/b.ts' },
    { why: 'inside one sibling', from: 'src/siblings/x/types/a.ts', target: 'src/siblings/x/b.ts' },
    { why: 'to the port of a floor below', from: 'src/node/a.ts', target: 'src/storage/port.ts' },
    { why: 'the loop drives the core', from: 'src/node/a.ts', target: 'src/raft/raft.ts' },
    { why: 'the wiring knows adapters', from: 'src/compose.ts', target: 'src/storage/wal.ts' },
    { why: 'a surface asks for the wiring', from: 'src/cli/a.ts', target: 'src/compose.ts' },
    { why: 'a client speaks with a swarm', from: 'src/swarm/a.ts', target: 'src/transport/client-link.ts' },
    { why: 'the command line starts another surface', from: 'src/cli/a.ts', target: 'src/mcp/main.ts' },
    { why: 'the public surface shows anything', from: 'src/index.ts', target: 'src/raft/raft.ts' },
  ])('allow: $why', ({ from, target }) => {
    expect(violations(importing(from, target))).toEqual([]);
  });

  test.each([
    {
      why: 'up',
      from: 'src/raft/a.ts',
      target: 'src/storage/port.ts',
      told: 'raft (floor 1) may not look up to storage (floor 2)',
    },
    {
      why: 'sideways',
      from: 'src/storage/a.ts',
      target: 'src/transport/b.ts',
      told: 'storage and transport are neighbours on floor 2',
    },
    {
      why: 'past the front door of a neighbour',
      from: 'src/cli/a.ts',
      target: 'src/mcp/b.ts',
      told: 'cli and mcp are neighbours on floor 7',
    },
    {
      why: 'past the log to Raft',
      from: 'src/siblings/a.ts',
      target: 'src/raft/b.ts',
      told: 'surfaces and siblings see the log through swarm/',
    },
    {
      why: 'from one sibling to another',
      from: 'src/siblings/quorum-manager/a.ts',
      target: 'src/siblings/security-manager/b.ts',
      told: 'quorum-manager and security-manager know each other only through the swarm',
    },
    {
      why: 'to an adapter',
      from: 'src/node/a.ts',
      target: 'src/storage/wal.ts',
      told: 'node sees storage through its port; src/compose.ts wires the adapter',
    },
    {
      why: 'to the wiring from below',
      from: 'src/swarm/a.ts',
      target: 'src/compose.ts',
      told: 'only a surface may ask for a wired swarm',
    },
    {
      why: 'from the wiring to a surface',
      from: 'src/compose.ts',
      target: 'src/cli/b.ts',
      told: 'the wiring does not know the surfaces',
    },
    {
      why: 'to the public surface from inside',
      from: 'src/cli/a.ts',
      target: 'src/index.ts',
      told: 'the public surface is for people outside',
    },
  ])('refuse: $why', ({ from, target, told }) => {
    expect(violations(importing(from, target))).toEqual([`${from}:1: imports ${target}: ${told}`]);
  });

  test.each([
    { why: 'a type', text: "import type { x } from '../swarm/b.ts';" },
    { why: 'passed on', text: "export * from '../swarm/b.ts';" },
    { why: 'at run time', text: "const b = import('../swarm/b.ts');" },
    { why: 'inside a type', text: "type B = import('../swarm/b.ts').x;" },
  ])('see an import in every form: $why', ({ text }) => {
    const files = new Map([...alone('src/node/a.ts', text), ...alone('src/swarm/b.ts', '')]);
    expect(violations(files)).toEqual([
      'src/node/a.ts:1: imports src/swarm/b.ts: node (floor 3) may not look up to swarm (floor 5)',
    ]);
  });

  test('refuse an import of a file that is not there', () => {
    expect(violations(alone('src/cli/a.ts', "import { version } from '../../package.json';"))).toEqual([
      'src/cli/a.ts:1: imports package.json: no such file under src/',
    ]);
  });

  test('refuse a folder that nobody has placed', () => {
    expect(violations(alone('src/engine/a.ts', ''))).toEqual([
      'src/engine/a.ts: on no floor; move it into a folder of FLOORS',
    ]);
  });
});

describe('files', () => {
  test.each([
    { why: 'at the ceiling', path: 'src/cli/a.ts', text: lines(400), told: [] },
    {
      why: 'above the ceiling',
      path: 'src/cli/a.ts',
      text: lines(401),
      told: ['src/cli/a.ts: 401 lines; split it, 400 is the ceiling'],
    },
    {
      why: 'a folder for odds and ends',
      path: 'src/cli/utils/a.ts',
      text: '',
      told: ['src/cli/utils/a.ts: "utils" says nothing; name it after what it is about'],
    },
    {
      why: 'a file for odds and ends',
      path: 'src/cli/helpers.ts',
      text: '',
      told: ['src/cli/helpers.ts: "helpers" says nothing; name it after what it is about'],
    },
    {
      why: 'a barrel',
      path: 'src/cli/index.ts',
      text: '',
      told: ['src/cli/index.ts: only src/index.ts may be called so'],
    },
    { why: 'the one index', path: 'src/index.ts', text: '', told: [] },
    { why: 'an error class', path: 'src/cli/a.ts', text: 'class A extends Error {}', told: [] },
    {
      why: 'a class hierarchy',
      path: 'src/cli/a.ts',
      text: '\nclass A extends Base<string> {}',
      told: ['src/cli/a.ts:2: extends Base: no class hierarchies; compose instead'],
    },
  ])('$why', ({ path, text, told }) => {
    expect(violations(alone(path, text))).toEqual(told);
  });
});

describe('import cycles', () => {
  const imports = (...targets: string[]) => targets.map((name) => `import './${name}.ts';`).join('\n');

  test.each([
    { why: 'a diamond is none', files: { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, told: [] },
    { why: 'two files', files: { a: ['b'], b: ['a'] }, told: ['a → b → a'] },
    {
      why: 'found from outside the loop',
      files: { a: ['b'], b: ['c'], c: ['d'], d: ['b'] },
      told: ['b → c → d → b'],
    },
    { why: 'itself', files: { a: ['a'] }, told: ['a → a'] },
    { why: 'two loops', files: { a: ['b'], b: ['a'], c: ['d'], d: ['c'] }, told: ['a → b → a', 'c → d → c'] },
  ])('$why', ({ files, told }) => {
    const map = new Map(Object.entries(files).map(([name, to]) => [`src/cli/${name}.ts`, imports(...to)]));
    const expected = told.map((text) => `import cycle: ${text.replace(/\w/g, 'src/cli/$&.ts')}`);
    expect(violations(map)).toEqual(expected);
  });
});

describe('pure floors', () => {
  test.each([
    { why: 'the wall clock', text: 'Date.now();', told: ['Date'] },
    { why: 'the wall clock, as a type', text: 'let at: Date;', told: ['Date'] },
    { why: 'chance', text: 'Math.random();', told: ['Math.random'] },
    { why: 'chance, by key', text: "Math['random']();", told: ['Math.random', 'Math'] },
    { why: 'chance, taken apart', text: 'const { random } = Math;', told: ['Math'] },
    { why: 'timers', text: 'setTimeout(f); setInterval(f);', told: ['setInterval', 'setTimeout'] },
    { why: 'turns', text: 'setImmediate(f); queueMicrotask(f);', told: ['queueMicrotask', 'setImmediate'] },
    { why: 'promises', text: 'Promise.resolve();', told: ['Promise'] },
    { why: 'promises, as a type', text: 'type A = Promise<void>;', told: ['Promise'] },
    { why: 'async', text: 'const f = async () => { await 0; };', told: ['async', 'await'] },
    { why: 'async methods', text: 'const o = { async f() {} };', told: ['async'] },
    { why: 'the process', text: 'process.exit();', told: ['process'] },
    { why: 'Node', text: "import { join } from 'node:path';", told: ['node:path'] },
    { why: 'Node, without its prefix', text: "import { readFileSync } from 'fs';", told: ['fs'] },
    { why: 'Node buffers', text: 'Buffer.from([]);', told: ['Buffer'] },
    { why: 'output', text: 'console.log(1);', told: ['console'] },
    { why: 'precise clocks', text: 'performance.now();', told: ['performance'] },
    { why: 'true randomness', text: 'crypto.randomUUID();', told: ['crypto'] },
    { why: 'back doors', text: "globalThis['Date'];", told: ['globalThis'] },
    { why: 'late imports', text: "import('zod');", told: ['import()'] },
    { why: 'where it stands', text: 'import.meta.url;', told: ['import.meta'] },
    { why: 'the language of the machine', text: 'a.localeCompare(b);', told: ['.localeCompare'] },
  ])('may not name $why', ({ text, told }) => {
    const expected = told.map((name) => `src/tasks/a.ts:1: ${name}: tasks/ is pure; pass it in`);
    expect(violations(alone('src/tasks/a.ts', text))).toEqual(expected);
  });

  test.each([
    { why: 'other mathematics', text: 'Math.max(Math.floor(a), Math.PI);' },
    {
      why: 'a member that happens to be called so',
      text: 'interface A { process: number }\na.process({ Date: 1 });',
    },
    { why: 'words in comments and strings', text: "// await Date\nconst a = 'Promise';" },
    { why: 'packages that only compute', text: "import { z } from 'zod';" },
  ])('may name $why', ({ text }) => {
    expect(violations(alone('src/tasks/a.ts', text))).toEqual([]);
  });

  test('end where the world begins', () => {
    expect(violations(alone('src/node/a.ts', 'Date.now(); setTimeout(f);'))).toEqual([]);
  });

  test.each(['protocol', 'raft', 'tasks'])('include %s', (folder) => {
    expect(violations(alone(`src/${folder}/a.ts`, 'Date;'))).toHaveLength(1);
  });
});

describe('copied folders', () => {
  const files = (entries: Record<string, string>): FileMap => new Map(Object.entries(entries));

  test.each([
    { why: 'equal', map: files({ 'a/x': '1', 'b/x': '1' }), told: [] },
    { why: 'edited', map: files({ 'a/x': '1', 'b/x': '2' }), told: ['b/x: differs from a/x; copy it again'] },
    {
      why: 'missing',
      map: files({ 'a/x': '1', 'a/y': '', 'b/x': '1' }),
      told: ['b/y: differs from a/y; copy it again'],
    },
    {
      why: 'left over',
      map: files({ 'a/x': '1', 'b/x': '1', 'b/z': '' }),
      told: ['b/z: differs from a/z; copy it again'],
    },
    { why: 'nothing to copy', map: files({}), told: ['a: empty'] },
  ])('$why', ({ map, told }) => {
    expect(copyViolations(map, 'a', 'b')).toEqual(told);
  });
});
