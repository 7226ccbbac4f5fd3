import { weigh } from '../../src/agents/complexity.ts';
import { mapText } from '../../src/agents/mapped-text.ts';
import * as limits from '../../src/protocol/limits.ts';

/** Files made to cost their reader as much as the bounds allow; what each is meant to be dear in. */
type Costly = Readonly<Record<string, string>>;

const HEAD = 'name: costly\ndescription: d\n';
const agent = (frontmatter: string, body = ''): string => `---\n${HEAD}${frontmatter}\n---\n${body}`;

const tokensOf = (text: string): number => weigh(mapText(text)).tokens;

/** As many of `line`, numbered by `#`, as a frontmatter may hold, or a third of that where it is read several times. */
function lines(line: string, share = 1): string {
  const sample = 20;
  const numbered = (count: number): string =>
    Array.from({ length: count }, (_, at) => line.replaceAll('#', String(at))).join('\n');
  const each = tokensOf(numbered(sample)) / sample;
  const byTokens = Math.floor(((limits.MAX_FRONTMATTER_TOKENS - 100) * share) / each);
  const keys = line.split(': ').length - 1;
  return numbered(Math.min(byTokens, Math.floor((limits.MAX_FRONTMATTER_KEYS - 10) / Math.max(1, keys))));
}

/** One lexical piece of several lines, as long as frontmatter may be. */
const longScalar = (line: string): string =>
  `${line}\n`.repeat(Math.floor((limits.MAX_FRONTMATTER_CHARS - 2_000) / (line.length + 1)));

const paleLines = (count: number): string => `${' '.repeat(600)}\n`.repeat(count);

export const COSTLY_AGENTS: Costly = {
  'items of a list': agent(`a:\n${lines('  - b')}`),
  'items of a flow list': agent(`a: [${lines('b,')}]`),
  keys: agent(`a:\n${lines('  k#: v')}`),
  'keys of hooks that are not run': agent(`hooks:\n${lines('  k#: v')}`),
  'maps as deep as they may be': agent(lines(`? ${'{a: '.repeat(90)}b${'}'.repeat(90)}`)),
  'items that are no tools': agent(`tools:\n${lines('  - [a]')}`),
  'items that are no capabilities': agent(`capabilities:\n${lines('  - {a: b}')}`),
  'values that YAML refuses': agent(lines('k#: a: b', 0.6)),
  'more values that YAML refuses than one pass mends': agent(lines('k#: a: b', 0.25)),
  'values that begin an item': agent(lines('k#: - b', 0.6)),
  'aliases without an anchor': agent(lines('k#: *js', 0.25)),
  'aliases in a list': agent(`a: &a b\nb:\n${lines('  - *a')}`),
  'merge keys': agent(lines('<<: *a')),
  'signs that begin nothing': agent(`a:\n${lines('  - @')}`),
  'closing brackets': agent(`a: [\n${lines(']')}`),
  'tags that nobody knows': agent(`a:\n${lines('  - !x y')}`),
  'keys that are refused': agent(`a:\n${lines('  __proto__: {__proto__: 1}')}`),
  'tabs in a script': agent(`a:\n\t- b\nhooks:\n  pre: |\n${longScalar('\t\tx')}`),
  'a long quoted value with much behind it': agent(`a: '\n${longScalar('  x')}' ${'@ '.repeat(500)}\n- @`),
  'a long value that is mended': agent(`a: b\n${longScalar("  '")}\n  c: d: e\n${lines('k#: a: b', 0.2)}`),
  'comments and lines of spaces': agent(`a: b\n${paleLines(limits.MAX_FRONTMATTER_BLANK_LINES)}`),
  'blank lines above it': '\n'.repeat(limits.MAX_AGENT_FILE_BYTES - 200) + agent(''),
  'blanks above it': ' '.repeat(limits.MAX_AGENT_FILE_BYTES - 200) + agent(''),
  'a long body of short lines': agent('', '\n'.repeat(limits.MAX_AGENT_FILE_BYTES - 200)),
  'a long body that is indented': ` ---\n name: a\n ---\n${' \n'.repeat(limits.MAX_AGENT_FILE_BYTES / 2 - 20)}`,
  'a second frontmatter with a long name': agent('', `---\nname: a${' '.repeat(4_000)}b\n---\n`),
};

const tasks = (count: number, lineOf: (at: number) => string): string =>
  `tasks:\n${Array.from({ length: count }, (_, at) => lineOf(at)).join('\n')}\n`;

/** Of 8 KiB: what a file costs grows with its length, and with nothing else. */
const fill = (head: string, line: string): string =>
  head + line.repeat(Math.floor((8 * 1024 - head.length) / line.length));

const manyIds = (count: number): string => Array.from({ length: count }, (_, at) => `t${at}`).join(', ');

export const COSTLY_TASKS: Costly = {
  tasks: tasks(150, (at) => `- {id: t${at}, run: "true", requires: [a], env: {A: b}}`),
  'dependencies on nothing': tasks(
    100,
    (at) => `- {id: t${at}-${'x'.repeat(60)}, run: x, dependsOn: [y${'x'.repeat(60)}, z]}`,
  ),
  'tasks that all wait for all': tasks(40, (at) => `- {id: t${at}, run: x, dependsOn: [${manyIds(40)}]}`),
  'a long chain': tasks(250, (at) => `- {id: t${at}, run: x, dependsOn: [t${at + 1}]}`),
  'ids used twice': tasks(250, () => '- {id: a, run: x}'),
  'keys that no task has': tasks(
    1,
    () => `- {id: a, run: x, ${Array.from({ length: 500 }, (_, at) => `dependsIn${at}: x`).join(', ')}}`,
  ),
  'variables that cannot be': tasks(
    1,
    () => `- {id: a, run: x, env: {${Array.from({ length: 750 }, (_, at) => `${at}-: x`).join(', ')}}}`,
  ),
  'keys given twice': fill('tasks:\n- id: a\n  run: x\n', '  run: x\n'),
  'items of no kind': fill('tasks:\n', '- []\n'),
  'signs that begin nothing': fill('tasks:\n', '- @\n'),
  aliases: fill('tasks:\n- &a b\n', '- *a\n'),
  tags: fill('tasks:\n', '- !x y\n'),
  'closing brackets': fill('tasks: [', ']'),
  'refused maps': fill('tasks:\n', '- a: b: c\n'),
  documents: fill('tasks:\n', '---\n'),
  'flow maps without an end': fill('tasks: [', '{a: '),
  'unending quotes': fill('tasks:\n- "', '\n\\x\n'),
};
