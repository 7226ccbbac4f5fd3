import fc from 'fast-check';
import type { Entry, EntryKind } from '../../src/protocol/entry.ts';
import type { Outcome } from '../../src/protocol/errors.ts';
import { type LogIndex, logIndex, type NodeId, nodeId, type Term, term } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { Standing } from '../../src/protocol/state.ts';

export const FROM = nodeId('n1');
export const TO = nodeId('n2');

interface Ends {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** `ok`, or the code of the refusal. */
export function verdict(outcome: Outcome<unknown>): string {
  return outcome.ok ? 'ok' : outcome.error.code;
}

const ENDS: Ends = { from: FROM, to: TO };

export function heartbeat(round: number, ends: Ends = ENDS): Message {
  return { type: 'heartbeat', ...ends, term: term(1), commitIndex: logIndex(0), round };
}

/** An append of entries that hold `sizes` bytes each. */
export function append(sizes: readonly number[], ends: Ends = ENDS): Message {
  const entries = sizes.map(
    (size, i): Entry => ({
      index: logIndex(i + 1),
      term: term(1),
      kind: 'command',
      data: new Uint8Array(size).fill(i),
    }),
  );
  const previous = { prevLogIndex: logIndex(0), prevLogTerm: term(0) };
  return { type: 'append-request', ...ends, term: term(1), ...previous, commitIndex: logIndex(0), entries };
}

const anyNumber = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1));
const anyTerm: fc.Arbitrary<Term> = anyNumber.map(term);
const anyIndex: fc.Arbitrary<LogIndex> = anyNumber.map(logIndex);
const anyOptionalIndex = fc.option(anyIndex, { nil: undefined });
const anyData = fc.uint8Array({ maxLength: 300 });
const anyKind = fc.constantFrom<EntryKind>('noop', 'command', 'config');
const anyStanding = fc.constantFrom<Standing>('eligible', 'last-resort', 'never');

/** A message as Raft could send it: entries follow `prevLogIndex`. */
const anyAppend: fc.Arbitrary<Message> = fc
  .record({
    term: anyTerm,
    prevLogIndex: fc.oneof(fc.nat(), fc.constant(2 ** 53 - 100)).map(logIndex),
    prevLogTerm: anyTerm,
    commitIndex: anyIndex,
    slots: fc.array(fc.record({ term: anyTerm, kind: anyKind, data: anyData }), { maxLength: 20 }),
  })
  .map(({ slots, ...rest }) => ({
    type: 'append-request',
    ...ENDS,
    ...rest,
    entries: slots.map((slot, i) => ({ ...slot, index: logIndex(rest.prevLogIndex + 1 + i) })),
  }));

const anyAppendResult = fc.oneof(
  fc.record({ kind: fc.constant('accepted' as const), matchIndex: anyIndex }),
  fc.record({
    kind: fc.constant('rejected' as const),
    rejectedIndex: anyIndex,
    hintIndex: anyIndex,
    hintTerm: anyTerm,
  }),
);

const anySnapshotChunk: fc.Arbitrary<Message> = fc
  .record({
    term: anyTerm,
    index: anyIndex,
    snapshotTerm: anyTerm,
    offset: fc.oneof(fc.nat(), fc.constant(2 ** 53 - 1_000)),
    behind: fc.nat({ max: 500 }),
    data: anyData,
    crc: fc.nat({ max: 2 ** 32 - 1 }),
  })
  .map(({ behind, ...rest }) => ({
    type: 'snapshot-chunk',
    ...ENDS,
    ...rest,
    totalBytes: rest.offset + rest.data.length + behind,
  }));

function record<Type extends Message['type'], Fields>(types: readonly Type[], fields: fc.Arbitrary<Fields>) {
  return fc
    .tuple(fc.constantFrom(...types), anyTerm, fields)
    .map(([type, termOf, rest]) => ({ type, ...ENDS, term: termOf, ...rest }));
}

/** Every member of `Message`. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  { weight: 4, arbitrary: anyAppend },
  record(['append-response'], fc.record({ result: anyAppendResult })),
  record(
    ['vote-request', 'pre-vote-request'],
    fc.record({ lastLogIndex: anyIndex, lastLogTerm: anyTerm, transfer: fc.boolean() }),
  ),
  record(['vote-response', 'pre-vote-response'], fc.record({ granted: fc.boolean() })),
  record(['heartbeat'], fc.record({ commitIndex: anyIndex, round: anyNumber })),
  record(['heartbeat-response'], fc.record({ round: anyNumber, standing: anyStanding })),
  record(['commit-notice'], fc.record({ commitIndex: anyIndex })),
  record(['read-request'], fc.record({ context: anyNumber })),
  record(['read-response'], fc.record({ context: anyNumber, index: anyOptionalIndex })),
  anySnapshotChunk,
  record(
    ['snapshot-answer'],
    fc.record({
      index: anyIndex,
      heldBytes: anyNumber,
      status: fc.constantFrom('receiving' as const, 'installed' as const, 'refused' as const),
    }),
  ),
  record(['timeout-now'], fc.constant({})),
  record(
    ['proposal-forward'],
    fc.record({ batch: anyNumber, commands: fc.array(anyData, { maxLength: 20 }) }),
  ),
  record(['proposal-receipt'], fc.record({ batch: anyNumber, firstIndex: anyOptionalIndex })),
  record(['proposal-refusal'], fc.record({ batch: anyNumber, code: fc.constant('DISK_FULL' as const) })),
);
