import { setTimeout as delay } from 'node:timers/promises';
import type { LogLine } from '../../swarm/port.ts';
import { printJson, printLine, withSwarm } from '../reach.ts';
import type { LogOptions } from '../tasks/task-options.ts';
import { plain } from '../view/text.ts';

const PAGE = 1_000;
const POLL_MS = 200;
/** Of a command's JSON in the readable form; `--json` has all of it. */
const MAX_SHOWN_CHARS = 160;

export async function printLog(options: LogOptions): Promise<void> {
  const { follow, from, json, timeout, limit = Number.POSITIVE_INFINITY } = options;
  await withSwarm(options, async (client) => {
    let next = from;
    for (let left = limit; left > 0; ) {
      const query = { kind: 'log', from: next, limit: Math.min(left, PAGE) } as const;
      const { lines } = await client.query(query, { timeoutMs: timeout });
      for (const line of lines) {
        if (json) printJson(line);
        else printLine(readable(line));
      }
      next += lines.length;
      left -= lines.length;
      if (lines.length > 0) continue;
      if (!follow) return;
      await delay(POLL_MS);
    }
  });
}

function readable({ index, term, kind, at, command }: LogLine): string {
  const time = at === null ? '-'.padEnd(24) : new Date(at).toISOString();
  if (kind !== 'command') return `${index}\t${term}\t${time}\t${kind}`;
  const { kind: name = 'unreadable', ...rest } = (command ?? {}) as { readonly kind?: string };
  const details = JSON.stringify(rest);
  const shown = details.length > MAX_SHOWN_CHARS ? `${details.slice(0, MAX_SHOWN_CHARS)}…` : details;
  return `${index}\t${term}\t${time}\t${plain(name)} ${plain(shown)}`;
}
