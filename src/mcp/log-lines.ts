import type { LogLine } from '../swarm/port.ts';
import type { Session } from './session.ts';

/** Of a command's JSON: enough to see what it was about. */
const MAX_COMMAND_CHARS = 240;

interface Lines {
  readonly lines: readonly string[];
  /** Where whoever wants to know what comes next goes on. */
  readonly nextIndex: number;
}

/** The last entries that are decided, or the first ones at and after `from`. */
export async function logLines(
  session: Session,
  { from, limit }: { readonly from?: number | undefined; readonly limit: number },
): Promise<Lines> {
  const first = from ?? (await firstOfLast(session, limit));
  const { lines } = await session.query({ kind: 'log', from: first, limit });
  return { lines: lines.map(readable), nextIndex: (lines.at(-1)?.index ?? first - 1) + 1 };
}

async function firstOfLast(session: Session, limit: number): Promise<number> {
  const { commitIndex } = await session.query({ kind: 'log', from: 1, limit: 0 });
  return Math.max(1, commitIndex - limit + 1);
}

function readable({ index, term, kind, at, command }: LogLine): string {
  const time = at === null ? '-' : new Date(at).toISOString();
  if (kind !== 'command') return `${index} term ${term} ${time} ${kind}`;
  const { kind: name = 'unreadable', ...rest } = (command ?? {}) as { readonly kind?: string };
  const details = JSON.stringify(rest);
  const shown = details.length > MAX_COMMAND_CHARS ? `${details.slice(0, MAX_COMMAND_CHARS)}…` : details;
  return `${index} term ${term} ${time} ${name} ${shown}`;
}
