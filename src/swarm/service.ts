import { z } from 'zod';
import type { Node } from '../node/node.ts';
import { NO_DATA } from '../protocol/entry.ts';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import { isId, type NodeId } from '../protocol/ids.ts';
import { MAX_FRAME_BYTES, MAX_INSTANCES } from '../protocol/limits.ts';
import type { SnapshotStore } from '../storage/port.ts';
import type { ApplyResult, TaskMachine } from '../tasks/machine.ts';
import { type ClientRequest, STATUS_ERROR, STATUS_OK } from '../transport/client-codec.ts';
import type { ClientConnection, ClientHandlers } from '../transport/client-connection.ts';
import type { LinkRole } from '../transport/port.ts';
import type { BlobStore } from './blob-store.ts';
import type { RequestHandler } from './companion.ts';
import { inspect } from './inspection.ts';
import { explained, refuseLevel } from './level.ts';
import { answerOf, parseQuery, taskPage } from './queries.ts';
import { checkCommand, checkControl, checkQuery, checkRequest } from './roles.ts';
import type { Watchers } from './watchers.ts';
import {
  type Control,
  pack,
  packError,
  REQUEST,
  type SnapshotTaken,
  unpack,
  type WireQuery,
} from './wire.ts';

export interface ServiceOptions {
  readonly node: Node<ApplyResult>;
  readonly machine: TaskMachine;
  readonly watchers: Watchers;
  readonly snapshots: SnapshotStore;
  readonly blobs: BlobStore;
  readonly version: string;
  /** What siblings answer, by kind of request. */
  readonly requests: ReadonlyMap<number, RequestHandler>;
  /** The others hold something else than this node: it is to stop, and to stay down. */
  onQuarantined(why: string): void;
}

/** A frame's worth, less what frames it. */
const MAX_ANSWER_BYTES = MAX_FRAME_BYTES - 1024;

const controlSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('transfer'), target: z.string().nullable() }),
  z.object({ kind: z.literal('snapshot') }),
  z.object({ kind: z.literal('inspect'), index: z.int().positive() }),
  z.object({ kind: z.literal('quarantine'), index: z.int().positive(), why: z.string() }),
  z.object({
    kind: z.literal('change-membership'),
    changes: z
      .array(
        z.object({
          type: z.enum(['add-voter', 'add-learner', 'remove']),
          id: z.string().refine(isId, 'expected the id of a member'),
        }),
      )
      .max(MAX_INSTANCES),
  }),
]);

const blobSchema = z.object({ sha256: z.string() });

type Answer = (outcome: Outcome<Uint8Array>) => void;

/** What one node does for its clients: takes commands to the log, answers queries, tells watchers. */
export class Service {
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  accept(connection: ClientConnection): ClientHandlers {
    return {
      onRequests: (requests) => {
        for (const request of requests) this.#serve(connection, request);
      },
      onClosed: () => this.#options.watchers.remove(connection),
    };
  }

  #serve(connection: ClientConnection, { requestId, kind, body }: ClientRequest): void {
    const answer: Answer = (outcome) => {
      if (!outcome.ok) connection.respond(requestId, STATUS_ERROR, packError(outcome.error));
      else if (outcome.value.length <= MAX_ANSWER_BYTES)
        connection.respond(requestId, STATUS_OK, outcome.value);
      else connection.respond(requestId, STATUS_ERROR, packError(tooLarge(outcome.value.length)));
    };
    try {
      this.#dispatch(connection, { kind, body }, answer);
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      answer({ ok: false, error });
    }
  }

  #dispatch(
    connection: ClientConnection,
    { kind, body }: Pick<ClientRequest, 'kind' | 'body'>,
    answer: Answer,
  ): void {
    const { node, watchers, blobs, machine } = this.#options;
    const { role } = connection;
    checkRequest(role, kind);
    switch (kind) {
      case REQUEST.propose:
        checkCommand(role, body);
        refuseLevel(body);
        // The frame's memory is reused by nobody, but the entry outlives it: keep only what is ours.
        return node.propose(body.slice(), (outcome) => {
          if (!outcome.ok) return answer(outcome);
          answer({ ok: true, value: pack(explained(outcome.value.result.result, body, machine.level)) });
        });
      case REQUEST.query:
        return this.#query(queryFor(role, body), answer);
      case REQUEST.watch:
        watchers.add(connection, node.status());
        return answer({ ok: true, value: NO_DATA });
      case REQUEST.control:
        return this.#control(controlFor(role, body), answer);
      case REQUEST.storeBlob:
        return told(blobs.put(body).then(pack), answer);
      case REQUEST.readBlob:
        return told(readBlob(blobs, unpack(body)), answer);
      default:
        return this.#askCompanion(connection, { kind, body }, answer);
    }
  }

  #askCompanion(
    connection: ClientConnection,
    { kind, body }: Pick<ClientRequest, 'kind' | 'body'>,
    answer: Answer,
  ): void {
    const handle = this.#options.requests.get(kind);
    if (handle === undefined) throw new SwarmError('MALFORMED', `unknown kind of request ${kind}`);
    told(handle(body, connection), answer);
  }

  #query(query: WireQuery, answer: Answer): void {
    const { node } = this.#options;
    if (query.kind === 'status') return answer({ ok: true, value: pack(node.status()) });
    node.readBarrier((outcome) => {
      answer(outcome.ok ? { ok: true, value: pack(this.#answerTo(query)) } : outcome);
    });
  }

  #answerTo(query: Exclude<WireQuery, { kind: 'status' }>): unknown {
    return query.kind === 'tasks'
      ? taskPage(this.#options.machine, query.from)
      : answerOf(query, this.#options);
  }

  #snapshot(answer: (outcome: Outcome<SnapshotTaken>) => void): void {
    const { node, snapshots } = this.#options;
    const began = performance.now();
    node.snapshot((outcome) => {
      if (!outcome.ok) return answer(outcome);
      const { index } = outcome.value;
      const durationMs = Math.round(performance.now() - began);
      answer({ ok: true, value: { index, bytes: snapshots.latestBytes, durationMs } });
    });
  }

  /** Whoever was compared has a note of it, in this life of its process. */
  #quarantine({ index, why }: { readonly index: number; readonly why: string }, answer: Answer): void {
    const { machine, onQuarantined } = this.#options;
    if (machine.checkpointAt(index) === undefined) {
      throw new SwarmError(
        'NOT_READY',
        `this node has no note of index ${index}, at which it is said to differ`,
      );
    }
    answer({ ok: true, value: NO_DATA });
    onQuarantined(why);
  }

  #control(control: Control, answer: Answer): void {
    const { node } = this.#options;
    const packed = (outcome: Outcome<unknown>): void => {
      answer(outcome.ok ? { ok: true, value: pack(outcome.value) } : outcome);
    };
    switch (control.kind) {
      case 'snapshot':
        return this.#snapshot(packed);
      case 'inspect':
        return told(
          inspect({ ...this.#options, index: control.index, release: this.#options.version }).then(pack),
          answer,
        );
      case 'quarantine':
        return this.#quarantine(control, answer);
      case 'transfer':
        return node.transfer(control.target === null ? undefined : (control.target as NodeId), packed);
      case 'change-membership':
        return node.changeMembership(
          control.changes.map(({ type, id }) => ({ type, id: id as NodeId })),
          packed,
        );
    }
  }
}

function told(work: Promise<Uint8Array>, answer: Answer): void {
  work.then(
    (value) => answer({ ok: true, value }),
    (error: unknown) => answer({ ok: false, error: asSwarmError(error) }),
  );
}

async function readBlob(blobs: BlobStore, request: unknown): Promise<Uint8Array> {
  const parsed = blobSchema.safeParse(request);
  if (!parsed.success) throw new SwarmError('MALFORMED', 'no content of that name');
  const { sha256 } = parsed.data;
  const content = await blobs.get(sha256);
  if (content === undefined) throw new SwarmError('UNKNOWN_BLOB', `the content ${sha256} is not here`);
  return content;
}

/** What goes wrong amid a promise has nobody above it to be thrown to. */
function asSwarmError(error: unknown): SwarmError {
  if (error instanceof SwarmError) return error;
  return new SwarmError('DATA_DAMAGED', error instanceof Error ? error.message : String(error));
}

function queryFor(role: LinkRole, body: Uint8Array): WireQuery {
  const query = parseQuery(body);
  checkQuery(role, query);
  return query;
}

function controlFor(role: LinkRole, body: Uint8Array): Control {
  const parsed = controlSchema.safeParse(unpack(body));
  if (parsed.success) {
    checkControl(role, parsed.data);
    return parsed.data;
  }
  throw new SwarmError('MALFORMED', `not an order: ${z.prettifyError(parsed.error)}`);
}

function tooLarge(length: number): SwarmError {
  return new SwarmError(
    'LIMIT_EXCEEDED',
    `the answer of ${length} bytes does not fit into a frame; ask for less`,
  );
}
