import { z } from 'zod';
import type { Node } from '../node/node.ts';
import type { Entry } from '../protocol/entry.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { LogIndex } from '../protocol/ids.ts';
import { MAX_CAPABILITIES } from '../protocol/limits.ts';
import { decodeEnvelope } from '../tasks/codec.ts';
import type { TaskCommand } from '../tasks/command.ts';
import type { ApplyResult, TaskMachine } from '../tasks/machine.ts';
import { toDetail, toJson } from '../tasks/task.ts';
import { isBound, usdOf } from '../tasks/usage.ts';
import { briefOf } from './brief.ts';
import { logHashAt } from './log-hash.ts';
import type { Answers, LogLine, Overview } from './port.ts';
import { pack, type TaskPage, unpack, type WireQuery } from './wire.ts';

/** Names under which one session may work at once: its own, and those of its subagents. */
const MAX_HOLDERS = 256;

/** What a node must survive to be asked: anything. */
const schema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('status') }),
  z.object({ kind: z.literal('overview') }),
  z.object({ kind: z.literal('tasks'), from: z.int().min(0) }),
  z.object({ kind: z.literal('task'), id: z.string() }),
  z.object({ kind: z.literal('reservations') }),
  z.object({ kind: z.literal('members') }),
  z.object({
    kind: z.literal('brief'),
    holders: z.array(z.string()).max(MAX_HOLDERS),
    capabilities: z.array(z.string()).max(MAX_CAPABILITIES),
    since: z.int().min(0).nullable(),
  }),
  z.object({ kind: z.literal('checkpoint'), index: z.int().positive() }),
  z.object({ kind: z.literal('records'), namespace: z.string() }),
  z.object({ kind: z.literal('log'), from: z.int().min(0), limit: z.int().min(0) }),
]);

const MAX_LOG_LINES = 10_000;
/** Bytes of tasks or log lines in one answer; a single one is far smaller. */
const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * @throws SwarmError MALFORMED when `body` is no query.
 */
export function parseQuery(body: Uint8Array): WireQuery {
  const parsed = schema.safeParse(unpack(body));
  if (parsed.success) return parsed.data;
  throw new SwarmError('MALFORMED', `not a query: ${z.prettifyError(parsed.error)}`);
}

/** Reads what the machine and the log hold now; whoever asks has seen to it that this is recent enough. */
export function answerOf(
  query: Exclude<WireQuery, { kind: 'status' | 'tasks' }>,
  { machine, node }: { readonly machine: TaskMachine; readonly node: Node<ApplyResult> },
): Exclude<Answers[keyof Answers], Answers['tasks']> {
  switch (query.kind) {
    case 'overview':
      return overviewOf(machine);
    case 'task': {
      const record = machine.tasks.get(query.id);
      return record === undefined ? null : toDetail(record);
    }
    case 'reservations':
      return [...machine.reservations.values()].map(({ id, holder, paths, mode, fence }) => {
        return { id, holder, paths, mode, fence };
      });
    case 'checkpoint': {
      const noted = machine.checkpointAt(query.index);
      if (noted === undefined) return null;
      const logHash = logHashAt((from, limit) => node.committed(from, limit), query.index);
      return { stateHash: noted.stateHash, logHash };
    }
    case 'members':
      return [...machine.members.values()].map(({ id, name, url }) => ({ id, name, url: url ?? null }));
    case 'records':
      return recordsOf(machine, query.namespace);
    case 'brief':
      return briefOf(query, { machine, node, now: Date.now() });
    case 'log': {
      const entries = node.committed(query.from as LogIndex, Math.min(query.limit, MAX_LOG_LINES));
      return { lines: fitting(entries, logLine), commitIndex: node.status().commitIndex };
    }
  }
}

function recordsOf(machine: TaskMachine, namespace: string): Answers['records'] {
  const found = [...machine.records.values()].filter((stored) => stored.namespace === namespace);
  return found.map(({ key, value, version, at }) => ({ key, value, version, at }));
}

function overviewOf(machine: TaskMachine): Overview {
  const { maxTokens, maxCostMicros } = machine.settings;
  return {
    paused: machine.paused ?? null,
    counts: { ...machine.counts },
    instances: [...machine.instances.values()].map(({ id, agent, capabilities }) => {
      return { id, agent, capabilities, busy: machine.heldBy(id).size };
    }),
    usage: machine.usage,
    budget: {
      maxTokens: isBound(maxTokens) ? maxTokens : null,
      maxCostUsd: isBound(maxCostMicros) ? usdOf(maxCostMicros) : null,
      exhausted: machine.exhausted ?? null,
    },
    level: machine.level,
    appliedIndex: machine.appliedIndex,
    stateHash: machine.stateHash,
  };
}

/** Tasks from the place `from` in the order of submission. */
export function taskPage(machine: TaskMachine, from: number): TaskPage {
  const records = [...machine.tasks.values()].filter(({ order }) => order >= from);
  const tasks = fitting(records, toJson);
  return { tasks, next: records[tasks.length]?.order ?? null };
}

function logLine({ index, term, kind, data }: Entry): LogLine {
  const envelope = kind === 'command' ? decodeEnvelope(data) : undefined;
  const command = envelope === undefined ? null : readable(envelope.body);
  return { index, term, kind, at: envelope?.at ?? null, command };
}

/** An executor's state says nothing to people. */
function readable(command: TaskCommand): unknown {
  if (command.kind !== 'save-turn' || command.state === undefined) return command;
  return { ...command, state: `${command.state.length} bytes` };
}

/** As many items as fit into one answer, at least one. */
function fitting<Item, Shown>(items: readonly Item[], show: (item: Item) => Shown): Shown[] {
  const page: Shown[] = [];
  let bytes = 0;
  for (const item of items) {
    const shown = show(item);
    bytes += pack(shown).length;
    if (page.length > 0 && bytes > PAGE_BYTES) break;
    page.push(shown);
  }
  return page;
}
