import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { encodeEnvelope } from '../tasks/codec.ts';
import type { ResultValues, TaskCommand, TaskResult } from '../tasks/command.ts';
import type { ExecuteOptions } from './port.ts';

/** Takes one encoded command to the log and brings the machine's answer. Throws `SwarmError`. */
export type Send = (command: Uint8Array) => Promise<TaskResult>;

const DEFAULT_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 20;
const LAST_PAUSE_MS = 200;

/** Nothing was applied, or it is not known: the same sequence may be sent again. */
const WORTH_RETRYING: ReadonlySet<ErrorCode> = new Set([
  'PROPOSAL_DROPPED',
  'OUTCOME_UNKNOWN',
  'NO_QUORUM',
  'NOT_LEADER',
  'BUSY',
  'DISK_FULL',
  'TRANSFER_IN_PROGRESS',
  'NOT_RUNNING',
  'TIMEOUT',
  // A swarm that is just starting has not heard all of its members yet.
  'LEVEL_TOO_LOW',
]);

interface OpenSession {
  readonly id: string;
  /** Sequences of commands that have no answer yet. */
  readonly pending: Set<number>;
  nextSequence(): number;
}

/**
 * One client's commands, each applied exactly once: a command that is sent again carries its old
 * sequence, and the machine answers it from its table. Thesis §6.3
 */
export class CommandSession {
  readonly #send: Send;
  #current: OpenSession | undefined;
  #opening: Promise<OpenSession> | undefined;

  constructor(send: Send) {
    this.#send = send;
  }

  async execute<C extends TaskCommand>(
    command: C,
    options: ExecuteOptions = {},
  ): Promise<ResultValues[C['kind']]> {
    const deadline = performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const session = await this.#session(deadline);
    const outcome = await this.#executeIn(session, command, deadline);
    if (outcome !== 'expired') return outcome;
    if (this.#current === session) this.#current = undefined;
    return this.execute(command, { timeoutMs: deadline - performance.now() });
  }

  /**
   * `expired`: the session was closed for silence before the command first reached the log, so nobody has
   * applied it, and another session may bring it. Later than that it may have been applied: an error.
   */
  async #executeIn<C extends TaskCommand>(
    { id, pending, nextSequence }: OpenSession,
    command: C,
    deadline: number,
  ): Promise<ResultValues[C['kind']] | 'expired'> {
    const at = Date.now();
    const sequence = nextSequence();
    let sent = 0;
    const encode = (): Uint8Array => {
      sent += 1;
      return encodeEnvelope({ at, session: { id, sequence, ack: Math.min(...pending) }, body: command });
    };
    pending.add(sequence);
    try {
      return await this.#settle(encode, deadline);
    } catch (error) {
      if (error instanceof SwarmError && error.code === 'SESSION_EXPIRED' && sent === 1) return 'expired';
      throw error;
    } finally {
      pending.delete(sequence);
    }
  }

  async #session(deadline: number): Promise<OpenSession> {
    if (this.#current !== undefined) return this.#current;
    this.#opening ??= this.#openSession(deadline).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openSession(deadline: number): Promise<OpenSession> {
    const id = randomUUID();
    const bytes = encodeEnvelope({ at: Date.now(), body: { kind: 'session-open', sessionId: id } });
    await this.#settle(() => bytes, deadline);
    let lastSequence = 0;
    const nextSequence = (): number => {
      lastSequence += 1;
      return lastSequence;
    };
    this.#current = { id, pending: new Set(), nextSequence };
    return this.#current;
  }

  /** Sends until there is an answer, or no more time. */
  async #settle<C extends TaskCommand>(
    encode: () => Uint8Array,
    deadline: number,
  ): Promise<ResultValues[C['kind']]> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LAST_PAUSE_MS)) {
      let wait: Millis;
      try {
        const result = (await within(this.#send(encode()), deadline)) as TaskResult<C['kind']>;
        if (result.ok) return result.value;
        throw new SwarmError(result.code, result.message);
      } catch (error) {
        const again = error instanceof SwarmError && WORTH_RETRYING.has(error.code);
        if (!again) throw error;
        wait = Math.max(pause, patienceFor(error));
        if (performance.now() + wait > deadline) throw error;
      }
      await delay(wait);
    }
  }
}

/**
 * How long a node that is `BUSY` wants to be left alone. Clients that were refused together spread over as much time
 * again, so that they do not come back together.
 */
export function patienceFor({ details }: SwarmError): Millis {
  const { retryAfterMs } = details;
  return typeof retryAfterMs === 'number' ? retryAfterMs * (1 + Math.random()) : 0;
}

/** The answer, if it comes by `deadline`; the command may be applied later all the same. */
async function within<T>(answer: Promise<T>, deadline: number): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const expire = (): void => {
      reject(
        new SwarmError('OUTCOME_UNKNOWN', 'the log gave no answer in time. Is a majority of the voters up?'),
      );
    };
    late = setTimeout(expire, Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(late);
  }
}
