import { SwarmError } from '../../protocol/errors.ts';
import { MAX_AUDIT_BATCH, MAX_AUDIT_RECORDS } from '../../protocol/limits.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import type { Swarm } from '../../swarm/port.ts';
import type { RecordWrite } from '../../tasks/member-command.ts';
import {
  ANCHOR_KEY,
  AUDIT_NAMESPACE,
  type AuditEvent,
  type ChainEnd,
  chained,
  HEAD_KEY,
  hashOf,
  NO_END,
  parseEnd,
} from './audit-record.ts';

/** A record as it was read. */
interface StoredRecord {
  readonly key: string;
  readonly value: string;
  /** Log index of its last change. */
  readonly version: number;
}

/** The records of the audit log, wherever they are read and written. */
export interface AuditStore {
  /** All of them, as late as it must be for `expect` to hold. */
  read(): Promise<readonly StoredRecord[]>;
  /** @throws SwarmError STALE_VERSION when somebody else was faster */
  write(writes: readonly RecordWrite[]): Promise<void>;
}

/** Several members may want to append at once; each failure means that another one has got through. */
const MAX_TRIES = 50;

/**
 * Appends `events` behind each other, exactly once and behind whatever is there then.
 *
 * @throws SwarmError DATA_DAMAGED when the end of the log cannot be read: see `security audit --verify`
 */
export async function appendToAudit(
  store: AuditStore,
  events: readonly AuditEvent[],
  at: number,
): Promise<void> {
  for (let from = 0; from < events.length; from += MAX_AUDIT_BATCH) {
    await appendBatch(store, { events: events.slice(from, from + MAX_AUDIT_BATCH), at, acts: [] });
  }
}

/**
 * Writes down what somebody does by changing records: `acts` and the record of them are one entry of the log, so that
 * neither is there without the other.
 *
 * @throws SwarmError STALE_VERSION when one of `acts` expects what is not so any more
 */
export function actOnRecord(
  store: AuditStore,
  action: Omit<AuditEvent, 'count'>,
  acts: readonly RecordWrite[],
): Promise<void> {
  return appendBatch(store, { events: [{ ...action, count: 1 }], at: Date.now(), acts });
}

/** What an operator does, by a command from outside: `token-issued`, `revoked`, … `acts`: see `actOnRecord`. */
export function noteOperatorAction(
  swarm: Pick<Swarm, 'execute' | 'query'>,
  action: Omit<AuditEvent, 'count'>,
  acts: readonly RecordWrite[] = [],
): Promise<void> {
  return actOnRecord(swarmStore(swarm), action, acts);
}

function swarmStore(swarm: Pick<Swarm, 'execute' | 'query'>): AuditStore {
  return {
    read: () => swarm.query({ kind: 'records', namespace: AUDIT_NAMESPACE }),
    write: async (writes) => void (await swarm.execute({ kind: 'record', writes })),
  };
}

/** For a member. */
export function memberStore({
  execute,
  machine,
  readBarrier,
}: Pick<CompanionHost, 'execute' | 'machine' | 'readBarrier'>): AuditStore {
  return {
    async read() {
      await readBarrier();
      return [...machine.records.values()].filter(({ namespace }) => namespace === AUDIT_NAMESPACE);
    },
    write: async (writes) => void (await execute({ kind: 'record', writes })),
  };
}

interface Batch {
  readonly events: readonly AuditEvent[];
  readonly at: number;
  /** What is written along with them. */
  readonly acts: readonly RecordWrite[];
}

async function appendBatch(store: AuditStore, { events, at, acts }: Batch): Promise<void> {
  let stored = await store.read();
  for (let tries = 1; ; tries++) {
    try {
      return await store.write([...acts, ...writesFor(stored, events, at)]);
    } catch (error) {
      const isLate = error instanceof SwarmError && error.code === 'STALE_VERSION';
      if (!isLate || tries === MAX_TRIES) throw error;
      const before = versionOfHead(stored);
      stored = await store.read();
      // Nobody has appended meanwhile: it was one of the acts that came too late.
      if (versionOfHead(stored) === before) throw error;
    }
  }
}

function versionOfHead(stored: readonly StoredRecord[]): number {
  return stored.find(({ key }) => key === HEAD_KEY)?.version ?? 0;
}

/** The new records, the new head, and what falls off at the other end. */
function writesFor(
  stored: readonly StoredRecord[],
  events: readonly AuditEvent[],
  at: number,
): readonly RecordWrite[] {
  const find = (key: string): StoredRecord | undefined => stored.find((record) => record.key === key);
  const before = endOf(find(HEAD_KEY));
  const anchor = endOf(find(ANCHOR_KEY));
  const { texts, head } = chained(before, events, at);
  const appended = texts.map(({ sequence, text }) => put(`${sequence}`, text, 0));
  const ends = [put(HEAD_KEY, JSON.stringify(head), find(HEAD_KEY)?.version ?? 0)];
  let last = anchor;
  const dropped: RecordWrite[] = [];
  while (head.sequence - last.sequence > MAX_AUDIT_RECORDS) {
    const oldest = find(`${last.sequence + 1}`);
    if (oldest === undefined || dropped.length >= MAX_AUDIT_BATCH) break;
    last = { sequence: last.sequence + 1, hash: hashOf(oldest.value) };
    dropped.push({ namespace: AUDIT_NAMESPACE, key: oldest.key, expect: oldest.version });
  }
  if (dropped.length > 0) ends.push(put(ANCHOR_KEY, JSON.stringify(last), find(ANCHOR_KEY)?.version ?? 0));
  return [...appended, ...ends, ...dropped];
}

function put(key: string, value: string, expect: number): RecordWrite {
  return { namespace: AUDIT_NAMESPACE, key, value, expect };
}

function endOf(record: StoredRecord | undefined): ChainEnd {
  const end = record === undefined ? NO_END : parseEnd(record.value);
  if (end !== undefined) return end;
  throw new SwarmError(
    'DATA_DAMAGED',
    `the ${record?.key} of the audit log cannot be read; nothing is appended to it`,
  );
}
