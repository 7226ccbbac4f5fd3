/**
 * How long one agent file keeps its reader busy: three of 64 KiB (target: under 50 ms), and every
 * hostile one until it is refused (target: under 200 ms). "first" is the first file that a fresh process
 * lints, imports not counted; "warm" is the same process later on. Medians, in milliseconds.
 *
 * node --import tsx bench/agents.ts
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { lintAgent } from '../src/agents/lint.ts';
import { HOSTILE_FILES } from '../test/agents/hostile-files.ts';

interface Case {
  readonly name: string;
  readonly targetMs: number;
  readonly text: () => string;
}

const SIZE = 64 * 1024;
const FIRST_RUNS = 3;
const WARM_RUNS = 15;

/** `head`, then `filler` until 64 KiB are full, then `tail`. */
function fill(head: string, filler: string, tail: string): string {
  const count = Math.floor((SIZE - head.length - tail.length) / filler.length);
  return head + filler.repeat(count) + tail;
}

const HEAD = '---\nname: large\ndescription: d\n';

const CASES: readonly Case[] = [
  {
    name: '64 KiB, nearly all body',
    targetMs: 50,
    text: () => fill(`${HEAD}---\n`, 'A line of instructions that an agent follows.\n', ''),
  },
  {
    name: '64 KiB, nearly all hook script',
    targetMs: 50,
    text: () => fill(`${HEAD}hooks:\n  pre: |\n`, '    echo "checking: $TASK" # [[ {{\n', '---\n'),
  },
  {
    name: '64 KiB, nearly all list items',
    targetMs: 50,
    text: () =>
      fill(`${HEAD}examples:\n`, '  - what a person might say to this agent, word for word\n', '---\n'),
  },
  ...HOSTILE_FILES.map(({ name, text }) => ({ name, targetMs: 200, text })),
];

function timeOnce(text: string): number {
  const start = performance.now();
  lintAgent({ path: 'bench.md', text, sha256: '' });
  return performance.now() - start;
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

function timeFirst(position: number): number {
  const self = fileURLToPath(import.meta.url);
  const args = ['--import', 'tsx', self, String(position)];
  return median(
    Array.from({ length: FIRST_RUNS }, () => Number(execFileSync('node', args, { encoding: 'utf8' }))),
  );
}

function timeWarm(text: string): number {
  return median(Array.from({ length: WARM_RUNS }, () => timeOnce(text)));
}

function printTable(): void {
  console.log(
    `${'file'.padEnd(32)}${'first ms'.padStart(10)}${'warm ms'.padStart(10)}${'target ms'.padStart(11)}`,
  );
  for (const [position, { name, text, targetMs }] of CASES.entries()) {
    const first = timeFirst(position);
    const warm = timeWarm(text());
    const verdict = first < targetMs && warm < targetMs ? '' : '  over';
    const numbers = `${first.toFixed(1).padStart(10)}${warm.toFixed(1).padStart(10)}${String(targetMs).padStart(11)}`;
    console.log(`${name.padEnd(32)}${numbers}${verdict}`);
  }
}

const chosen = process.argv[2];
const single = chosen === undefined ? undefined : CASES[Number(chosen)];
if (single === undefined) printTable();
else console.log(timeOnce(single.text()));
