import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import {
  checkCommand,
  checkControl,
  checkDocuments,
  checkQuery,
  checkRequest,
} from '../../src/swarm/roles.ts';
import { REQUEST } from '../../src/swarm/wire.ts';
import { encodeEnvelope } from '../../src/tasks/codec.ts';
import type { TaskCommand } from '../../src/tasks/command.ts';
import type { LinkRole } from '../../src/transport/port.ts';

const ROLES: readonly LinkRole[] = ['newcomer', 'read', 'work', 'operate', 'member'];

/** The roles that `ask` lets pass. */
function whoMay(ask: (role: LinkRole) => void): readonly LinkRole[] {
  return ROLES.filter((role) => {
    try {
      ask(role);
      return true;
    } catch (error) {
      if (error instanceof SwarmError && error.code === 'UNAUTHORIZED') return false;
      throw error;
    }
  });
}

const bytes = (body: TaskCommand): Uint8Array => encodeEnvelope({ at: 1, body });
const record = { namespace: 'security', key: 'client:me', value: '{}' };

describe('a role', () => {
  test.each([
    { kind: REQUEST.security, least: 'newcomer', why: 'a newcomer asks for its certificate' },
    { kind: REQUEST.query, least: 'read', why: 'who looks' },
    { kind: REQUEST.watch, least: 'read', why: 'who watches' },
    { kind: REQUEST.crdt, least: 'read', why: 'who reads shared documents' },
    { kind: REQUEST.propose, least: 'work', why: 'who works' },
    { kind: REQUEST.control, least: 'operate', why: 'who looks after the swarm' },
    { kind: REQUEST.storeBlob, least: 'member', why: 'contents are brought by the processes of the swarm' },
    { kind: 250, least: 'member', why: 'what nobody has written down' },
  ] as const)('$least may ask $kind: $why', ({ kind, least }) => {
    expect(whoMay((role) => checkRequest(role, kind))).toEqual(ROLES.slice(ROLES.indexOf(least)));
  });

  test.each([
    { body: { kind: 'pause', reason: 'x' }, least: 'operate', why: 'brakes' },
    { body: { kind: 'cancel', taskId: 't', reason: 'x' }, least: 'operate', why: "somebody else's work" },
    { body: { kind: 'session-open', sessionId: 's' }, least: 'work', why: 'commands that are applied once' },
    { body: { kind: 'raise-level', level: 2 }, least: 'member', why: 'what everybody understands' },
    {
      body: { kind: 'announce', memberId: 'n', url: 'wss://h:1' },
      least: 'member',
      why: 'where a member is',
    },
    { body: { kind: 'record', writes: [record] }, least: 'member', why: 'who is trusted' },
  ] as const)('$least may write $body.kind: $why', ({ body, least }) => {
    const command = bytes(body as TaskCommand);
    expect(whoMay((role) => checkCommand(role, command))).toEqual(ROLES.slice(ROLES.indexOf(least)));
  });

  test.each([
    { kinds: ['get', 'list', 'wait', 'blackboard'], least: 'read', why: 'who looks' },
    { kinds: ['mutate', 'checkpoint', 'note', 'progress'], least: 'work', why: 'who works' },
    { kinds: ['pull', 'fetch', 'push'], least: 'member', why: 'what instances say to each other' },
    { kinds: ['else', '__proto__', 7, undefined], least: 'member', why: 'what nobody has written down' },
  ] as const)('$least may ask $kinds of shared documents: $why', ({ kinds, least }) => {
    for (const kind of kinds) {
      expect(whoMay((role) => checkDocuments(role, kind))).toEqual(ROLES.slice(ROLES.indexOf(least)));
    }
  });

  test('that may not write everything cannot write what is no command', () => {
    expect(() => checkCommand('operate', new Uint8Array([1, 2, 3]))).toThrow(/no command/);
  });

  test('of one who looks is enough for any question, and for no order', () => {
    expect(whoMay((role) => checkQuery(role, { kind: 'log' }))).toEqual(ROLES.slice(1));
    expect(whoMay((role) => checkControl(role, { kind: 'snapshot' }))).toEqual(['operate', 'member']);
    expect(whoMay((role) => checkControl(role, { kind: 'quarantine', index: 1, why: '' }))).toEqual([
      'member',
    ]);
  });
});
