import type { Entry, EntryKind } from '../../src/protocol/entry.ts';
import { clusterId, logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import {
  configuration,
  type HardState,
  type LogPosition,
  type LogWrite,
  type SnapshotMeta,
} from '../../src/protocol/state.ts';
import type { LogStorage } from '../../src/storage/port.ts';
import type { ReplayedLog } from '../../src/storage/reconcile.ts';

export const OWNER = { clusterId: clusterId('cluster-a'), nodeId: nodeId('n1') };

/** An entry with bytes that name it, so that a mix-up shows. */
export function entry(index: number, ofTerm = 1, size = 12, kind: EntryKind = 'command'): Entry {
  const data = Buffer.alloc(size, `${index}/${ofTerm};`);
  return { index: logIndex(index), term: term(ofTerm), kind, data };
}

/** Entries `first…last` of one term. */
export function entries(first: number, last: number, ofTerm = 1): readonly Entry[] {
  return Array.from({ length: last - first + 1 }, (_, at) => entry(first + at, ofTerm));
}

export function hardState(ofTerm: number, votedFor?: string): HardState {
  return { term: term(ofTerm), votedFor: votedFor === undefined ? undefined : nodeId(votedFor) };
}

export function position(index: number, ofTerm: number): LogPosition {
  return { index: logIndex(index), term: term(ofTerm) };
}

export function snapshotAt(index: number, ofTerm = 1): SnapshotMeta {
  return { ...position(index, ofTerm), configuration: configuration([nodeId('n1'), nodeId('n2')]) };
}

/** What a test says of a write; the rest does not change. */
export interface WriteParts {
  readonly hardState?: HardState;
  readonly restartAt?: LogPosition;
  readonly truncateFrom?: number;
  readonly entries?: readonly Entry[];
}

function toWrite(sequence: number, parts: WriteParts): LogWrite {
  return {
    sequence,
    hardState: parts.hardState,
    restartAt: parts.restartAt,
    truncateFrom: parts.truncateFrom === undefined ? undefined : logIndex(parts.truncateFrom),
    entries: parts.entries ?? [],
  };
}

/** A started storage, and what it has said so far. */
export interface Writer {
  readonly storage: LogStorage;
  readonly durable: readonly number[];
  readonly failures: readonly Error[];
  /** Queues one write and gives its sequence. */
  queue(parts: WriteParts): number;
  /** Queues one write and waits until it, or the failure of the disk, is told. */
  write(parts: WriteParts): Promise<void>;
  /** Resolves when `sequence` is durable, or the disk has failed. */
  settled(sequence: number): Promise<void>;
}

export function startWriter(storage: LogStorage): Writer {
  const durable: number[] = [];
  const failures: Error[] = [];
  let waiting: (() => boolean)[] = [];
  let sequence = 0;
  const tell = (): void => {
    waiting = waiting.filter((isOver) => !isOver());
  };
  storage.start({
    onDurable: (upTo) => {
      durable.push(upTo);
      tell();
    },
    onFailed: (error) => {
      failures.push(error);
      tell();
    },
  });
  const queue = (parts: WriteParts): number => {
    sequence += 1;
    storage.write(toWrite(sequence, parts));
    return sequence;
  };
  const settled = (upTo: number): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(() => {
        const isOver = failures.length > 0 || (durable.at(-1) ?? 0) >= upTo;
        if (isOver) resolve();
        return isOver;
      });
      tell();
    });
  return { storage, durable, failures, queue, settled, write: (parts) => settled(queue(parts)) };
}

/** A recovered log as plain values that compare, with the bytes of each entry as text. */
export function plain({
  hardState: { term: ofTerm, votedFor },
  base,
  entries: found,
}: ReplayedLog): PlainLog {
  return {
    term: ofTerm,
    votedFor,
    base: [base.index, base.term],
    entries: found.map(({ index, kind, data, ...rest }) => [
      index,
      rest.term,
      kind,
      Buffer.from(data).toString('latin1'),
    ]),
  };
}

export interface PlainLog {
  readonly term: number;
  readonly votedFor: string | undefined;
  readonly base: readonly [number, number];
  readonly entries: readonly (readonly [number, number, EntryKind, string])[];
}

/** The reference: what a log is after some writes. */
export function replayed(writes: readonly WriteParts[]): PlainLog {
  let state = hardState(0);
  let base = position(0, 0);
  let log: Entry[] = [];
  for (const write of writes) {
    if (write.restartAt !== undefined) {
      base = write.restartAt;
      log = [];
    }
    if (write.truncateFrom !== undefined) log = log.slice(0, write.truncateFrom - 1 - base.index);
    log.push(...(write.entries ?? []));
    state = write.hardState ?? state;
  }
  return plain({ hardState: state, base, entries: log });
}
