import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import type { Millis } from '../../protocol/ids.ts';
import type { SwarmClient } from '../../swarm/client.ts';
import { pack, REQUEST, unpack } from '../../swarm/wire.ts';
import type {
  BlackboardJson,
  ChangedJson,
  CheckpointedJson,
  ClientWish,
  ListedJson,
  ReadingJson,
  WaitedJson,
} from './client-wire.ts';
import type { DataType, Json } from './data-type.ts';
import type { Operation } from './operation.ts';

export interface CrdtOptions {
  readonly timeoutMs?: Millis;
}

export interface ReadOptions extends CrdtOptions {
  /** See everything that was acknowledged to a strong change, or is in a checkpoint. Default: what the instance has. */
  readonly strong?: boolean;
}

export interface WriteOptions extends CrdtOptions {
  /** Come back when a majority of the voters has it on the disk. Default: when the instance has. */
  readonly strong?: boolean;
  /** Of what is made by it. */
  readonly type?: DataType;
}

const DEFAULT_TIMEOUT_MS: Millis = 10_000;
/** A question that waits is asked anew after this. */
const WAIT_MS: Millis = 20_000;
const PAUSE_MS: Millis = 250;

/** What of a client of a swarm this one goes through. */
export type Asking = Pick<SwarmClient, 'ask'>;

/**
 * Documents that the instances of a swarm share outside its log. Any instance answers for itself, without a quorum; what
 * is changed at two at once comes together. Paths: `NAME` of a document, `NAME/FIELD` of an or-map.
 */
export class CrdtClient {
  readonly #client: Asking;

  constructor(client: Asking) {
    this.#client = client;
  }

  /** @throws SwarmError UNKNOWN_DOCUMENT, BAD_INPUT, NO_QUORUM (strong), NOT_RUNNING */
  async get(path: string, { strong = false, timeoutMs }: ReadOptions = {}): Promise<ReadingJson> {
    return (await this.#ask({ kind: 'get', path, strong }, timeoutMs)) as ReadingJson;
  }

  async list({ timeoutMs }: CrdtOptions = {}): Promise<readonly ListedJson[]> {
    return (await this.#ask({ kind: 'list' }, timeoutMs)) as readonly ListedJson[];
  }

  /** Gives a place a type before anything is in it. */
  create(path: string, type: DataType, options: WriteOptions = {}): Promise<ChangedJson> {
    return this.mutate([{ op: 'create', path, type }], options);
  }

  /** Of a counter. */
  increment(path: string, by = 1, options: WriteOptions = {}): Promise<ChangedJson> {
    return this.mutate([{ op: 'inc', path, by, ...typeOf(options) }], options);
  }

  /** Of a register. */
  set(path: string, value: Json, options: WriteOptions = {}): Promise<ChangedJson> {
    return this.mutate([{ op: 'set', path, value, ...typeOf(options) }], options);
  }

  /** To a set. */
  add(path: string, value: Json, options: WriteOptions = {}): Promise<ChangedJson> {
    return this.mutate([{ op: 'add', path, value, ...typeOf(options) }], options);
  }

  /** From a set. */
  remove(path: string, value: Json, options: WriteOptions = {}): Promise<ChangedJson> {
    return this.mutate([{ op: 'remove', path, value }], options);
  }

  /** Everything that is in a document, or in one field of it. */
  clear(path: string, options: WriteOptions = {}): Promise<ChangedJson> {
    return this.mutate([{ op: 'clear', path }], options);
  }

  /** A text into a text, values into a list; at its end unless `at` says where. */
  insert(
    path: string,
    values: string | readonly Json[],
    { at, ...options }: WriteOptions & { readonly at?: number } = {},
  ): Promise<ChangedJson> {
    const where = at === undefined ? {} : { at };
    const content = typeof values === 'string' ? values : [...values];
    return this.mutate([{ op: 'insert', path, values: content, ...where, ...typeOf(options) }], options);
  }

  /** Several changes at one instance, one after the other, with one answer. */
  async mutate(
    operations: readonly Operation[],
    { strong = false, timeoutMs }: WriteOptions = {},
  ): Promise<ChangedJson> {
    return (await this.#ask({ kind: 'mutate', operations, strong }, timeoutMs)) as ChangedJson;
  }

  /**
   * Puts the state of a document into the log: whoever joins begins with it.
   *
   * @throws SwarmError NO_QUORUM, UNKNOWN_DOCUMENT
   */
  async checkpoint(name: string, { timeoutMs }: CrdtOptions = {}): Promise<CheckpointedJson> {
    return (await this.#ask({ kind: 'checkpoint', name }, timeoutMs)) as CheckpointedJson;
  }

  /** On the swarm's blackboard. */
  async note(text: string, by: string, { timeoutMs }: CrdtOptions = {}): Promise<ChangedJson> {
    return (await this.#ask({ kind: 'note', by, text }, timeoutMs)) as ChangedJson;
  }

  /** The latest word of `by` on the blackboard about how far it has come. */
  async progress(text: string, by: string, { timeoutMs }: CrdtOptions = {}): Promise<ChangedJson> {
    return (await this.#ask({ kind: 'progress', by, text }, timeoutMs)) as ChangedJson;
  }

  async blackboard({ timeoutMs }: CrdtOptions = {}): Promise<BlackboardJson> {
    return (await this.#ask({ kind: 'blackboard' }, timeoutMs)) as BlackboardJson;
  }

  /**
   * What is there now, and again after every change; several that follow each other closely may be one. Null: nothing is
   * there. Goes on at another instance when this one ends, until `signal` is given.
   */
  async *watch(path: string, signal?: AbortSignal): AsyncGenerator<ReadingJson | null> {
    let end: (() => void) | undefined;
    const over = new Promise<undefined>((resolve) => {
      end = () => resolve(undefined);
    });
    if (end !== undefined) signal?.addEventListener('abort', end);
    try {
      let version: string | undefined;
      while (signal?.aborted !== true) {
        const answer = await Promise.race([this.#next(path, version), over]);
        if (answer === undefined) return;
        if (answer.version !== version) yield answer.reading;
        version = answer.version;
      }
    } finally {
      if (end !== undefined) signal?.removeEventListener('abort', end);
    }
  }

  /** As soon as the document is not at `version` any more, or after a while. */
  async #next(path: string, version: string | undefined): Promise<WaitedJson> {
    const waitMs = version === undefined ? 0 : WAIT_MS;
    const wish = { kind: 'wait', path, version: version ?? NO_VERSION, waitMs } as const;
    for (;;) {
      try {
        return (await this.#ask(wish, waitMs + DEFAULT_TIMEOUT_MS)) as WaitedJson;
      } catch (error) {
        if (!(error instanceof SwarmError) || !GOES_ON.has(error.code)) throw error;
        await delay(PAUSE_MS);
      }
    }
  }

  async #ask(wish: ClientWish, timeoutMs: Millis = DEFAULT_TIMEOUT_MS): Promise<unknown> {
    return unpack(await this.#client.ask(REQUEST.crdt, pack(wish), timeoutMs));
  }
}

/** No document has it. */
const NO_VERSION = '-';

const GOES_ON: ReadonlySet<string> = new Set(['OUTCOME_UNKNOWN', 'BUSY', 'NOT_READY', 'STOPPED']);

function typeOf({ type }: WriteOptions): { readonly type?: DataType } {
  return type === undefined ? {} : { type };
}

/** The documents that the instances of a swarm share outside its log. */
export function crdt(swarm: Asking): CrdtClient {
  return new CrdtClient(swarm);
}
