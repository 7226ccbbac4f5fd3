import type { Node } from '../node/node.ts';
import type { LogIndex } from '../protocol/ids.ts';
import { decodeEnvelope } from '../tasks/codec.ts';
import type { ApplyResult, TaskMachine } from '../tasks/machine.ts';
import type { Reservation } from '../tasks/state.ts';
import { leaseOf, needsOf, PROMPT_WORK, type StateCounts, type TaskRecord } from '../tasks/task.ts';

/** What somebody wants to know who comes by for a moment: all of it in one answer. */
export interface BriefQuery {
  readonly kind: 'brief';
  /** Names under which whoever asks works. */
  readonly holders: readonly string[];
  /** Besides the ability to do prompts, which everybody outside has. */
  readonly capabilities: readonly string[];
  /** Tell what became of tasks after this index of the log; null: nobody was away. */
  readonly since: number | null;
}

export interface Brief {
  readonly coordinator: string | null;
  readonly term: number;
  /** Of the node that answers. */
  readonly role: string;
  readonly paused: string | null;
  readonly counts: StateCounts;
  readonly appliedIndex: number;
  /** Tasks on which one of the holders has a lease. */
  readonly held: readonly HeldTask[];
  /** Everybody's. */
  readonly reservations: readonly ReservationNotice[];
  /** The best task that could be claimed now. */
  readonly ready: Pick<HeldTask, 'id' | 'title'> | null;
  /** The latest last, at most `MAX_CHANGES`. */
  readonly changes: readonly TaskChange[];
}

interface HeldTask {
  readonly id: string;
  readonly title: string;
  readonly holder: string;
  readonly fence: number;
}

export interface ReservationNotice extends Pick<Reservation, 'id' | 'holder' | 'paths' | 'mode' | 'fence'> {
  /** Wall clock in ms at which it ends unless it is renewed; null when the log does not reach back to its renewal. */
  readonly until: number | null;
}

interface TaskChange {
  readonly id: string;
  readonly title: string;
  readonly state: string;
  readonly agent: string | null;
  readonly reason: string;
}

/** More than anybody reads at the beginning of a session. */
const MAX_CHANGES = 20;

interface Asked {
  readonly machine: TaskMachine;
  readonly node: Node<ApplyResult>;
  /** Wall clock in ms. */
  readonly now: number;
}

export function briefOf(query: BriefQuery, { machine, node, now }: Asked): Brief {
  const { leaderId, role, term } = node.status();
  return {
    coordinator: leaderId ?? null,
    term,
    role,
    paused: machine.paused ?? null,
    counts: { ...machine.counts },
    appliedIndex: machine.appliedIndex,
    held: query.holders.flatMap((holder) => heldBy(machine, holder)),
    reservations: [...machine.reservations.values()].map((one) => noticeOf(one, node)),
    ready: bestReady(machine, [...query.capabilities, PROMPT_WORK], now),
    changes: query.since === null ? [] : changesSince(machine, query.since, query.holders),
  };
}

function heldBy(machine: TaskMachine, holder: string): readonly HeldTask[] {
  return [...machine.heldBy(holder)].flatMap((id) => {
    const record = machine.tasks.get(id);
    const lease = record === undefined ? undefined : leaseOf(record);
    if (record === undefined || lease === undefined) return [];
    return { id, title: record.spec.title, holder, fence: lease.fence };
  });
}

function noticeOf(
  { id, holder, paths, mode, fence, renewedAt, durationMs }: Reservation,
  node: Node<ApplyResult>,
): ReservationNotice {
  const [entry] = node.committed(renewedAt as LogIndex, 1);
  const renewal = entry?.index === renewedAt ? decodeEnvelope(entry.data) : undefined;
  const until = renewal === undefined ? null : renewal.at + durationMs;
  return { id, holder, paths, mode, fence, until };
}

function bestReady(machine: TaskMachine, capabilities: readonly string[], now: number): Brief['ready'] {
  for (const id of machine.readyTasks(now)) {
    const record = machine.tasks.get(id);
    if (record === undefined || !needsOf(record.spec).every((need) => capabilities.includes(need))) continue;
    return { id, title: record.spec.title };
  }
  return null;
}

/** Tasks that came, or ended, or were taken from one of the holders. */
function changesSince(
  machine: TaskMachine,
  since: number,
  holders: readonly string[],
): readonly TaskChange[] {
  const isNews = ({ phase, submittedIndex, last }: TaskRecord): boolean => {
    if (submittedIndex > since) return true;
    if ('finishedIndex' in phase) return phase.finishedIndex > since;
    return last?.outcome === 'lost' && last.fence <= since && holders.includes(last.agent);
  };
  const news = [...machine.tasks.values()].filter(isNews).slice(-MAX_CHANGES);
  return news.map((record) => ({
    id: record.id,
    title: record.spec.title,
    state: record.phase.state,
    agent: leaseOf(record)?.holder ?? record.last?.agent ?? null,
    reason: record.reason,
  }));
}
