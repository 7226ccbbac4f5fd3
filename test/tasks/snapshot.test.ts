import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_SNAPSHOT_PIECE_BYTES } from '../../src/protocol/limits.ts';
import { TaskMachine } from '../../src/tasks/machine.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { bytesOf, iterated, Log, restored } from './log.ts';

/** A machine that has something of everything. */
function furnished(): Log {
  const log = new Log();
  log.ok({ kind: 'raise-level', level: 2 });
  const { memberId } = log.ok({ kind: 'enrol', name: 'builder' });
  log.ok({ kind: 'announce', memberId, url: 'ws://localhost:7000' });
  log.submit('a', { id: 'b', dependsOn: ['a'] }, { id: 'c', gate: 'ci' }, 'd');
  log.register('w1');
  log.ok({ kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'w1' }] });
  const fence = log.claim('d');
  log.ok({ kind: 'note', taskId: 'd', fence, text: 'so far' });
  log.ok({ kind: 'reserve', reservationId: 'r', holder: 'w1', paths: ['src'] });
  log.apply({ kind: 'session-open', sessionId: 's' });
  log.apply({ kind: 'pause', reason: 'look' }, { id: 's', sequence: 1, ack: 1 });
  log.apply({ kind: 'session-open', sessionId: 'gone' });
  return log;
}

const piecesOf = (machine: TaskMachine): Uint8Array[] => [...iterated(machine.capture())];

describe('a snapshot of the task log', () => {
  test('holds something of everything, its index included (pitfall 25)', () => {
    const { machine } = furnished();
    const again = restored(piecesOf(machine));
    expect([...again.tasks]).toEqual([...machine.tasks]);
    expect([...again.members]).toEqual([...machine.members]);
    expect([...again.instances]).toEqual([...machine.instances]);
    expect([...again.reservations]).toEqual([...machine.reservations]);
    expect([...again.sessions]).toEqual([...machine.sessions]);
    expect([again.paused, again.level, again.settings, again.stateHash]).toEqual([
      machine.paused,
      machine.level,
      machine.settings,
      machine.stateHash,
    ]);
    expect(again.appliedIndex).toBe(machine.appliedIndex);
    expect(bytesOf(again)).toBe(bytesOf(machine));
  });

  test('comes in pieces', () => {
    const log = new Log();
    for (let at = 0; at < 40; at++) log.submit({ id: `t${at}`, prompt: 'x'.repeat(50_000) });
    const pieces = piecesOf(log.machine);
    expect(pieces.length).toBeGreaterThan(8);
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(MAX_SNAPSHOT_PIECE_BYTES);
    expect(restored(pieces).tasks.size).toBe(40);
  });

  test('of nothing is one, too', () => {
    expect(bytesOf(restored(piecesOf(new TaskMachine())))).toBe(bytesOf(new TaskMachine()));
  });

  test('finds a task ready whose dependency stands behind it', () => {
    const log = new Log();
    log.submit({ id: 'late', dependsOn: ['early'] }, 'early');
    const fence = log.claim('early');
    log.ok({ kind: 'complete', taskId: 'early', fence });
    const again = restored(piecesOf(log.machine));
    expect(again.readyTasks(log.at)).toEqual(['late']);
  });
});

describe('what is no snapshot changes nothing', () => {
  test.each([
    { why: 'no header', spoil: (pieces: Uint8Array[]) => pieces.slice(1) },
    { why: 'a piece is missing', spoil: (pieces: Uint8Array[]) => pieces.toSpliced(2, 1) },
    { why: 'a piece comes twice', spoil: (pieces: Uint8Array[]) => [...pieces, ...pieces.slice(-1)] },
    {
      why: 'a piece is cut',
      spoil: (pieces: Uint8Array[]) => pieces.map((piece) => piece.subarray(0, piece.length - 1)),
    },
    { why: 'nothing at all', spoil: () => [] },
  ])('$why', ({ spoil }) => {
    const log = furnished();
    const { machine } = new Log();
    machine.apply({ ...log.entries[0], index: 1 } as never);
    const before = bytesOf(machine);
    const restoration = machine.restore();
    expect(() => {
      for (const piece of spoil(piecesOf(log.machine))) restoration.add(piece);
      restoration.finish();
    }).toThrow(/cannot be used/);
    expect(bytesOf(machine)).toBe(before);
  });

  test('a level that this release does not know', () => {
    const pieces = piecesOf(furnished().machine);
    const header = Buffer.from(pieces[0] ?? []);
    const at = header.indexOf('level') + 'level'.length;
    expect(header[at]).toBe(2);
    header[at] = LATEST_LEVEL + 1;
    expect(() => new TaskMachine().restore().add(header)).toThrow(
      expect.objectContaining({ code: 'WRONG_PROTOCOL' }),
    );
  });

  test('any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (pieces) => {
        const restoration = new TaskMachine().restore();
        expect(() => {
          for (const piece of pieces) restoration.add(piece);
          restoration.finish();
        }).toThrow(/cannot be used/);
      }),
    );
  });
});
