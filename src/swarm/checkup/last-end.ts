import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import type { NodeId } from '../../protocol/ids.ts';
import { INSTANCE_EXIT } from '../exit-code.ts';
import { isMissing } from '../files.ts';
import type { SwarmFolder } from '../layout.ts';
import { type Finding, wrong } from './finding.ts';

/** What the end of a log holds; longer lines than this are not of an end. */
const TAIL_BYTES = 64 * 1024;

const lineSchema = z.object({ msg: z.string(), exitCode: z.int().exactOptional() });

/** What to do about each end; docs/operations.md says more. */
const ADVICE: Readonly<Record<number, string>> = {
  [INSTANCE_EXIT.damaged]:
    'move its folder away and start it again, as long as a majority of the others is well',
  [INSTANCE_EXIT.bug]: 'keep its folder, and report it with its log',
  [INSTANCE_EXIT.diskFull]: 'free space; it is tried again every five seconds while the swarm is up',
  [INSTANCE_EXIT.diskFailed]: 'mend or replace the disk, then "raft-manager down" and "up"',
  [INSTANCE_EXIT.inUse]: 'stop the process that it names; it is tried again every five seconds',
  [INSTANCE_EXIT.revoked]:
    'nothing, if that was meant; else move its folder away, and let it in anew under another id',
  [INSTANCE_EXIT.misconfigured]: 'correct what the message names',
};

/** Nothing is wrong; or what is wrong is seen in its folder. */
const TOLD_ELSEWHERE: ReadonlySet<number> = new Set([INSTANCE_EXIT.stopped, INSTANCE_EXIT.quarantined]);

/** How an instance that is down has ended, where it ended by itself. */
export function checkLastEnd(folder: SwarmFolder, name: NodeId): readonly Finding[] {
  const path = folder.nodeLog(name);
  const last = lastLines(path).at(-1);
  if (last?.exitCode === undefined || TOLD_ELSEWHERE.has(last.exitCode)) return [];
  const { exitCode, msg } = last;
  const what = `it ended with exit code ${exitCode}: ${msg}`;
  const advice = ADVICE[exitCode] ?? 'look at the last lines of its log';
  return [wrong({ about: 'exit', path, what, advice }, name)];
}

type LogLine = z.output<typeof lineSchema>;

/** What the instance itself has logged; other output of its process is no matter here. */
function lastLines(path: string): readonly LogLine[] {
  return readTail(path)
    .split('\n')
    .flatMap((line) => {
      const parsed = line.startsWith('{') ? lineSchema.safeParse(parseLine(line)) : undefined;
      return parsed?.success ? [parsed.data] : [];
    });
}

function readTail(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const read = readSync(file, tail, 0, tail.length, size - tail.length);
    return tail.toString('utf8', 0, read);
  } finally {
    closeSync(file);
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    // The line that was cut at the front, or by a full disk.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
