import { MAX_SESSION_RESULTS, MAX_SESSIONS } from '../protocol/limits.ts';
import { accept, type Change, refuse } from './change.ts';
import type {
  Refusal,
  SessionExpireCommand,
  SessionOpenCommand,
  SessionStamp,
  TaskResult,
} from './command.ts';
import type { MachineState, Session } from './state.ts';

/**
 * Exactly once: the answer to each command of a client is kept until the client has acknowledged
 * it, and a command that comes again gets that answer instead of being applied. Thesis §6.3
 */

type Admission =
  /** Seen for the first time: apply it and `recordAnswer`. */
  | { readonly kind: 'fresh'; readonly session: Session }
  /** Applied before, or not to be applied at all. */
  | { readonly kind: 'settled'; readonly result: TaskResult };

/** Decides whether a command of a session is to be applied. */
export function admit(change: Change, stamp: SessionStamp): Admission {
  const { state, index } = change;
  const session = state.sessions.get(stamp.id) ?? openFirst(change, stamp);
  if (session === undefined) return { kind: 'settled', result: unknownSession(stamp) };
  const answer = session.answers.get(stamp.sequence);
  if (answer === undefined && stamp.sequence < session.ack)
    return { kind: 'settled', result: forgotten(stamp, session) };
  touch(state, session, index);
  acknowledge(session, stamp.ack);
  if (answer !== undefined) return { kind: 'settled', result: answer };
  if (session.answers.size < MAX_SESSION_RESULTS) return { kind: 'fresh', session };
  const message = `session ${stamp.id} has ${MAX_SESSION_RESULTS} answers it has not acknowledged; raise "ack"`;
  return { kind: 'settled', result: refuse('LIMIT_EXCEEDED', message) };
}

export function recordAnswer(session: Session, sequence: number, result: TaskResult): void {
  session.answers.set(sequence, result);
}

export function openSession(change: Change, { sessionId }: SessionOpenCommand): TaskResult<'session-open'> {
  if (!change.state.sessions.has(sessionId)) {
    if (change.state.closedSessions.has(sessionId)) {
      return refuse('SESSION_EXPIRED', `session ${sessionId} has ended; open one under a new id`);
    }
    open(change, sessionId);
  }
  return accept({ sessionId });
}

export function expireSession(change: Change, command: SessionExpireCommand): TaskResult<'session-expire'> {
  const { sessionId, lastIndex } = command;
  const session = change.state.sessions.get(sessionId);
  if (session === undefined) return refuse('SESSION_EXPIRED', `there is no session ${sessionId}`);
  if (session.lastIndex !== lastIndex) {
    const message = `session ${sessionId} was used at index ${session.lastIndex}, after ${lastIndex}`;
    return refuse('STALE_EXPIRY', message);
  }
  close(change.state, sessionId);
  return accept({ sessionId });
}

/** A first command opens its session; a later one of a session nobody knows could be a repetition. */
function openFirst(change: Change, { id, sequence }: SessionStamp): Session | undefined {
  if (sequence !== 1 || change.state.closedSessions.has(id)) return undefined;
  return open(change, id);
}

function open({ state, index }: Change, id: string): Session {
  const session: Session = { id, lastIndex: index, ack: 1, answers: new Map() };
  state.sessions.set(id, session);
  const idlest = state.sessions.keys().next();
  if (state.sessions.size > MAX_SESSIONS && idlest.done !== true) close(state, idlest.value);
  return session;
}

function close(state: MachineState, id: string): void {
  state.sessions.delete(id);
  state.closedSessions.set(id, true);
}

/** Keeps the map in order of use. */
function touch(state: MachineState, session: Session, index: number): void {
  session.lastIndex = index;
  state.sessions.delete(session.id);
  state.sessions.set(session.id, session);
}

/** Forgets what was acknowledged, walking whichever is shorter: the gap or what is kept. */
function acknowledge(session: Session, ack: number): void {
  if (ack <= session.ack) return;
  if (ack - session.ack <= session.answers.size) {
    for (let sequence = session.ack; sequence < ack; sequence++) session.answers.delete(sequence);
  } else {
    for (const sequence of session.answers.keys()) {
      if (sequence < ack) session.answers.delete(sequence);
    }
  }
  session.ack = ack;
}

function unknownSession({ id }: SessionStamp): Refusal {
  return refuse(
    'SESSION_EXPIRED',
    `session ${id} is not open; whether its commands were applied is not known here`,
  );
}

function forgotten({ id, sequence }: SessionStamp, { ack }: Session): Refusal {
  const message = `command ${sequence} of session ${id} is below ${ack}, the first its client still waits for`;
  return refuse('SESSION_EXPIRED', message);
}
