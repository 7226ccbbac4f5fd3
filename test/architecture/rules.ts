import { type FileMap, readSource, resolveImport, type Source } from './source.ts';

/** The floors of the house, the lowest first. Imports point down; neighbours do not know each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['protocol'],
  ['raft'],
  ['storage', 'transport', 'tasks', 'shell'],
  ['node'],
  ['agents', 'hooks'],
  ['swarm'],
  ['siblings'],
  ['api', 'cli', 'mcp', 'http', 'claude-code'],
];

/** The two files that stand outside the folders: the wiring, and the public surface. */
const COMPOSE = 'src/compose.ts';
const INDEX = 'src/index.ts';

const SURFACE_FLOOR = FLOORS.length - 1;
const SIBLING_FLOOR = SURFACE_FLOOR - 1;

/** Folders of which the others see the port, what clients of a swarm need, the lock on any folder, and what only reads one. */
const ADAPTERS = ['storage', 'transport'];
const OPEN_TO_ALL = /\/(port|client-[a-z-]+|folder-lock|offline-[a-z-]+)\.ts$/;

/** Whoever starts the program chooses the surface: the command line hands over to another one's front door. */
const FRONT_DOOR = /^src\/(mcp|http|claude-code)\/main\.ts$/;

/** Each sibling is a house of its own. */
const SIBLING = /^src\/siblings\/([^/]+)\//;

const MAX_LINES = 400;

/** Folders where equal inputs must give equal outputs, so that replicas agree and a seed replays. */
const PURE_FOLDERS = ['protocol', 'raft', 'tasks'];

/** Packages that do no input or output and read no clock. */
const PURE_PACKAGES = ['zod', 'msgpackr'];

const IMPURE_NAMES = new Set([
  ...['Date', 'performance', 'process', 'Buffer', 'console', 'crypto', 'globalThis', 'global', 'require'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Promise', 'PromiseLike', 'fetch'],
  // As a value: `const { random } = Math`.
  'Math',
  // Their answers depend on the machine's language, or on the garbage collector.
  ...['Intl', 'WeakRef', 'FinalizationRegistry'],
]);

const IMPURE_MEMBERS = new Set([
  'Math.random',
  ...['.localeCompare', '.toLocaleString', '.toLocaleLowerCase', '.toLocaleUpperCase'],
]);

/** Folder names that say nothing about what is inside. */
const VAGUE = /^(utils?|helpers?|common|misc|shared|lib)$/;

/**
 * Everything in `files` that breaks the rules of the house, as `path:line: what, and what to do`,
 * sorted. Only TypeScript files under `src/` are looked at.
 */
export function violations(files: FileMap): readonly string[] {
  const sources = [...files]
    .filter(([path]) => path.startsWith('src/') && path.endsWith('.ts'))
    .map(([path, text]) => readSource(path, text));
  const paths = new Set(sources.map((source) => source.path));
  return [
    ...sources.flatMap((source) => [
      ...placeViolations(source),
      ...importViolations(source, paths),
      ...purityViolations(source),
      ...superclassViolations(source),
    ]),
    ...cycles(sources),
  ].sort();
}

/** Files that differ between two folders, named without the folder. */
export function copyViolations(files: FileMap, original: string, copy: string): readonly string[] {
  const inside = (folder: string) => [...files.keys()].filter((path) => path.startsWith(`${folder}/`));
  const names = new Set([
    ...inside(original).map((path) => path.slice(original.length + 1)),
    ...inside(copy).map((path) => path.slice(copy.length + 1)),
  ]);
  if (names.size === 0) return [`${original}: empty`];
  return [...names]
    .filter((name) => files.get(`${original}/${name}`) !== files.get(`${copy}/${name}`))
    .map((name) => `${copy}/${name}: differs from ${original}/${name}; copy it again`)
    .sort();
}

function placeViolations({ path, lines }: Source): readonly string[] {
  const parts = path.split('/').slice(1);
  const folders = parts.slice(0, -1);
  const file = parts.at(-1) ?? '';
  const found: string[] = [];
  if (lines > MAX_LINES) found.push(`${path}: ${lines} lines; split it, ${MAX_LINES} is the ceiling`);
  if (file === 'index.ts' && path !== INDEX) found.push(`${path}: only ${INDEX} may be called so`);
  for (const name of [...folders, file.replace(/\.ts$/, '')]) {
    if (VAGUE.test(name)) found.push(`${path}: "${name}" says nothing; name it after what it is about`);
  }
  if (floorOf(path) === undefined && path !== COMPOSE && path !== INDEX) {
    found.push(`${path}: on no floor; move it into a folder of FLOORS`);
  }
  return found;
}

function importViolations(source: Source, paths: ReadonlySet<string>): readonly string[] {
  return source.imports.flatMap(({ line, name }) => {
    const target = resolveImport(source.path, name);
    if (target === undefined) return [];
    const why = paths.has(target) ? forbidden(source.path, target) : 'no such file under src/';
    return why === undefined ? [] : [`${source.path}:${line}: imports ${target}: ${why}`];
  });
}

/** Why `from` may not import `target`; `undefined` when it may. */
function forbidden(from: string, target: string): string | undefined {
  if (from === INDEX) return undefined;
  if (target === INDEX) return 'the public surface is for people outside';
  if (from === COMPOSE) {
    return floorOf(target) === SURFACE_FLOOR ? 'the wiring does not know the surfaces' : undefined;
  }
  if (target === COMPOSE) {
    return floorOf(from) === SURFACE_FLOOR ? undefined : 'only a surface may ask for a wired swarm';
  }
  return forbiddenBetweenSiblings(from, target) ?? forbiddenBetweenFolders(from, target);
}

function forbiddenBetweenSiblings(from: string, target: string): string | undefined {
  const [here, there] = [from, target].map((path) => SIBLING.exec(path)?.[1]);
  if (here === undefined || there === undefined || here === there) return undefined;
  return `${here} and ${there} know each other only through the swarm`;
}

function forbiddenBetweenFolders(from: string, target: string): string | undefined {
  const [here, there] = [folderOf(from), folderOf(target)];
  const [floor, floorThere] = [floorOf(from), floorOf(target)];
  if (here === there || floor === undefined || floorThere === undefined) return undefined;
  if (floorThere > floor) return `${here} (floor ${floor}) may not look up to ${there} (floor ${floorThere})`;
  if (here === 'cli' && FRONT_DOOR.test(target)) return undefined;
  if (floorThere === floor) return `${here} and ${there} are neighbours on floor ${floor}`;
  if (there === 'raft' && floor >= SIBLING_FLOOR) return 'surfaces and siblings see the log through swarm/';
  if (ADAPTERS.includes(there ?? '') && !OPEN_TO_ALL.test(target)) {
    return `${here} sees ${there} through its port; ${COMPOSE} wires the adapter`;
  }
  return undefined;
}

function purityViolations({ path, imports, names, members, keywords }: Source): readonly string[] {
  const folder = folderOf(path);
  if (folder === undefined || !PURE_FOLDERS.includes(folder)) return [];
  const outside = imports.filter(
    ({ name }) => resolveImport(path, name) === undefined && !PURE_PACKAGES.includes(name),
  );
  const found = [
    ...outside,
    ...keywords,
    ...names.filter(({ name }) => IMPURE_NAMES.has(name)),
    ...members.filter(({ name }) => IMPURE_MEMBERS.has(name)),
  ];
  return found.map(({ line, name }) => `${path}:${line}: ${name}: ${folder}/ is pure; pass it in`);
}

function superclassViolations({ path, superclasses }: Source): readonly string[] {
  return superclasses
    .filter(({ name }) => name !== 'Error')
    .map(({ line, name }) => `${path}:${line}: extends ${name}: no class hierarchies; compose instead`);
}

/** At least one cycle of every knot of imports, told from its first file in the alphabet. */
function cycles(sources: readonly Source[]): readonly string[] {
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ name }) => resolveImport(path, name) ?? []).sort(),
    ]),
  );
  const found = new Set<string>();
  const done = new Set<string>();
  const trail: string[] = [];
  const walk = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.add(cycleText(trail.slice(start)));
    if (start >= 0 || done.has(path)) return;
    trail.push(path);
    for (const next of edges.get(path) ?? []) walk(next);
    trail.pop();
    done.add(path);
  };
  for (const path of [...edges.keys()].sort()) walk(path);
  return [...found];
}

function cycleText(loop: readonly string[]): string {
  const first = loop.indexOf([...loop].sort()[0] ?? '');
  const turned = [...loop.slice(first), ...loop.slice(0, first)];
  return `import cycle: ${[...turned, turned[0]].join(' → ')}`;
}

/** `raft` of `src/raft/log.ts`; `undefined` for files directly under `src/`. */
function folderOf(path: string): string | undefined {
  const parts = path.split('/');
  return parts.length > 2 ? parts[1] : undefined;
}

function floorOf(path: string): number | undefined {
  const folder = folderOf(path);
  const floor = FLOORS.findIndex((folders) => folder !== undefined && folders.includes(folder));
  return floor < 0 ? undefined : floor;
}
