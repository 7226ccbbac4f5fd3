import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import { encodeEnvelope } from '../tasks/codec.ts';
import type { ResultValues, SessionStamp, TaskCommand, TaskResult } from '../tasks/command.ts';
import type { ExecuteOptions } from './port.ts';

/** Takes one encoded command to the log and brings the machine's answer. Throws `SwarmError`. */
export type Send = (command: Uint8Array) => Promise<TaskResult>;

const DEFAULT_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 20;
const LAST_PAUSE_MS = 500;

/** Nothing was applied, or it is not known: the same sequence may be sent again. */
const WORTH_RETRYING: ReadonlySet<ErrorCode> = new Set([
  'PROPOSAL_DROPPED',
  'OUTCOME_UNKNOWN',
  'NO_QUORUM',
  'NOT_LEADER',
  'BUSY',
  'TRANSFER_IN_PROGRESS',
  'NOT_RUNNING',
  'TIMEOUT',
]);

/**
 * One client's commands, each applied exactly once: a command that is sent again carries its old
 * sequence, and the machine answers it from its table. Thesis §6.3
 */
export class CommandSession {
  readonly #send: Send;
  #id: string | undefined;
  #opening: Promise<string> | undefined;
  #lastSequence = 0;
  readonly #open = new Set<number>();

  constructor(send: Send) {
    this.#send = send;
  }

  async execute<C extends TaskCommand>(
    command: C,
    options: ExecuteOptions = {},
  ): Promise<ResultValues[C['kind']]> {
    const deadline = performance.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const at = Date.now();
    const id = await this.#session(deadline);
    const sequence = ++this.#lastSequence;
    this.#open.add(sequence);
    try {
      const stamp = (): SessionStamp => ({ id, sequence, ack: Math.min(...this.#open) });
      return await this.#settle(() => encodeEnvelope({ at, session: stamp(), body: command }), deadline);
    } catch (error) {
      if (!(error instanceof SwarmError) || error.code !== 'SESSION_EXPIRED') throw error;
      if (this.#id === id) this.#id = undefined;
      throw error;
    } finally {
      this.#open.delete(sequence);
    }
  }

  async #session(deadline: number): Promise<string> {
    if (this.#id !== undefined) return this.#id;
    this.#opening ??= this.#openSession(deadline).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openSession(deadline: number): Promise<string> {
    const id = randomUUID();
    const bytes = encodeEnvelope({ at: Date.now(), body: { kind: 'session-open', sessionId: id } });
    await this.#settle(() => bytes, deadline);
    this.#id = id;
    this.#lastSequence = 0;
    return id;
  }

  /** Sends until there is an answer, or no more time. */
  async #settle<C extends TaskCommand>(
    encode: () => Uint8Array,
    deadline: number,
  ): Promise<ResultValues[C['kind']]> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LAST_PAUSE_MS)) {
      try {
        const result = (await within(this.#send(encode()), deadline)) as TaskResult<C['kind']>;
        if (result.ok) return result.value;
        throw new SwarmError(result.code, result.message);
      } catch (error) {
        const again = error instanceof SwarmError && WORTH_RETRYING.has(error.code);
        if (!again || performance.now() + pause > deadline) throw error;
      }
      await delay(pause);
    }
  }
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
