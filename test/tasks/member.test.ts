import { describe, expect, test } from 'vitest';
import { encodeEnvelope } from '../../src/tasks/codec.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { Log } from './log.ts';

function raised(): Log {
  const log = new Log();
  log.ok({ kind: 'raise-level', level: 2 });
  return log;
}

describe('enrolment', () => {
  test('gives an id that nobody had before: the name and the place in the log (pitfall 20)', () => {
    const log = raised();
    expect(log.ok({ kind: 'enrol', name: 'builder' })).toEqual({ memberId: 'builder.2' });
    expect(log.ok({ kind: 'enrol', name: 'builder' })).toEqual({ memberId: 'builder.3' });
  });

  test('a retired id never comes again', () => {
    const log = raised();
    const { memberId } = log.ok({ kind: 'enrol', name: 'builder' });
    log.ok({ kind: 'retire', memberId });
    expect(log.ok({ kind: 'enrol', name: 'builder' })).not.toEqual({ memberId });
  });

  test('an address is told, and told again after a move', () => {
    const log = raised();
    const { memberId } = log.ok({ kind: 'enrol', name: 'builder' });
    for (const url of ['ws://localhost:7000', 'ws://localhost:7001']) {
      log.ok({ kind: 'announce', memberId, url });
      expect(log.machine.members.get(memberId)).toEqual({ id: memberId, name: 'builder', url });
    }
  });

  test('a founding member was never enrolled, and is in the book once it says where it is', () => {
    const log = raised();
    log.ok({ kind: 'announce', memberId: 'n1', url: 'ws://localhost:7000' });
    expect([...log.machine.members.keys()]).toEqual(['n1']);
  });

  test.each(['http://localhost:7000', 'ws://localhost', 'ws://localhost:7000/path', 'localhost:7000'])(
    '%s is no address',
    (url) => {
      expect(() => raised().code({ kind: 'announce', memberId: 'n1', url })).toThrow(/ws:\/\/host:port/);
    },
  );

  test('whoever is retired gives back what it worked on', () => {
    const log = raised();
    log.submit('a');
    log.register('n1');
    log.ok({ kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'n1' }] });
    log.ok({ kind: 'retire', memberId: 'n1' });
    expect(log.task('a').phase.state).toBe('queued');
    expect([...log.machine.instances]).toEqual([]);
  });
});

describe('levels', () => {
  test('an instance that is given nothing is let in once all know of such', () => {
    const log = raised();
    const guest = {
      kind: 'register',
      instanceId: 'guest',
      agent: 'a',
      capabilities: [],
      capacity: 0,
    } as const;
    expect(log.code({ ...guest, life: 'l' })).toBe('MALFORMED');
    log.ok({ kind: 'raise-level', level: 3 });
    log.ok({ ...guest, life: 'l' });
    log.submit('a');
    log.ok({ kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'guest' }] });
    expect(log.task('a').phase.state).toBe('queued');
    log.ok({ kind: 'claim', requestId: 'r', claimant: { id: 'guest', capabilities: [] }, taskId: 'a' });
    log.ok({ kind: 'unregister', instanceId: 'guest', life: 'l', cause: 'stopped' });
    expect(log.task('a').phase.state).toBe('queued');
  });

  test('what some member may not understand is no command to anybody', () => {
    const log = new Log();
    expect(log.code({ kind: 'enrol', name: 'builder' })).toBe('MALFORMED');
    log.ok({ kind: 'raise-level', level: 2 });
    expect(log.code({ kind: 'enrol', name: 'builder' })).toBe('ok');
  });

  test('of a later release stop the machine: it could not follow', () => {
    const log = raised();
    const body = { kind: 'raise-level', level: LATEST_LEVEL + 1 } as const;
    expect(() => log.append(encodeEnvelope({ at: log.at, body }))).toThrow(
      expect.objectContaining({
        code: 'WRONG_PROTOCOL',
        message: expect.stringContaining('install the release that the other nodes run'),
      }),
    );
    expect(() => log.code(body)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });

  test('never fall', () => {
    const log = raised();
    expect(log.ok({ kind: 'raise-level', level: 1 })).toEqual({ level: 2 });
    expect(log.machine.level).toBe(2);
  });
});
