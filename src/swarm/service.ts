import type { Node } from '../node/node.ts';
import { type Entry, NO_DATA } from '../protocol/entry.ts';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex, NodeId } from '../protocol/ids.ts';
import { decodeEnvelope } from '../tasks/codec.ts';
import type { ApplyResult, TaskMachine } from '../tasks/machine.ts';
import { toJson } from '../tasks/task.ts';
import { type ClientRequest, STATUS_ERROR, STATUS_OK } from '../transport/client-codec.ts';
import type { ClientConnection, ClientHandlers } from '../transport/client-connection.ts';
import type { Answers, LogLine, Overview, Query } from './port.ts';
import type { Watchers } from './watchers.ts';
import { type Control, pack, packError, REQUEST, unpack } from './wire.ts';

export interface ServiceOptions {
  readonly node: Node<ApplyResult>;
  readonly machine: TaskMachine;
  readonly watchers: Watchers;
}

const MAX_LOG_LINES = 10_000;

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
      if (outcome.ok) connection.respond(requestId, STATUS_OK, outcome.value);
      else connection.respond(requestId, STATUS_ERROR, packError(outcome.error));
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
    const { node, watchers } = this.#options;
    switch (kind) {
      case REQUEST.propose:
        // The frame's memory is reused by nobody, but the entry outlives it: keep only what is ours.
        return node.propose(body.slice(), (outcome) => {
          answer(outcome.ok ? { ok: true, value: pack(outcome.value.result.result) } : outcome);
        });
      case REQUEST.query:
        return this.#query(unpack(body) as Query, answer);
      case REQUEST.watch:
        watchers.add(connection, node.status());
        return answer({ ok: true, value: NO_DATA });
      case REQUEST.control:
        return this.#control(unpack(body) as Control, answer);
      default:
        throw new SwarmError('MALFORMED', `unknown kind of request ${kind}`);
    }
  }

  #query(query: Query, answer: Answer): void {
    const { node } = this.#options;
    if (query.kind === 'status') return answer({ ok: true, value: pack(node.status()) });
    node.readBarrier((outcome) => {
      answer(outcome.ok ? { ok: true, value: pack(this.#answerOf(query)) } : outcome);
    });
  }

  #control(control: Control, answer: Answer): void {
    const target = control.target === null ? undefined : (control.target as NodeId);
    this.#options.node.transfer(target, (outcome) => {
      answer(outcome.ok ? { ok: true, value: pack(outcome.value) } : outcome);
    });
  }

  #answerOf(query: Exclude<Query, { kind: 'status' }>): Answers[Query['kind']] {
    const { machine, node } = this.#options;
    switch (query.kind) {
      case 'overview':
        return overviewOf(machine);
      case 'tasks':
        return [...machine.tasks.values()].map(toJson);
      case 'task': {
        const record = machine.tasks.get(query.id);
        return record === undefined ? null : toJson(record);
      }
      case 'reservations':
        return [...machine.reservations.values()].map(({ id, holder, paths, mode, fence }) => {
          return { id, holder, paths, mode, fence };
        });
      case 'log': {
        const entries = node.committed(query.from as LogIndex, Math.min(query.limit, MAX_LOG_LINES));
        return { lines: entries.map(logLine), commitIndex: node.status().commitIndex };
      }
      default:
        throw new SwarmError('MALFORMED', 'unknown kind of query');
    }
  }
}

function overviewOf(machine: TaskMachine): Overview {
  return {
    paused: machine.paused ?? null,
    counts: { ...machine.counts },
    instances: [...machine.instances.values()].map(({ id, agent, capabilities }) => {
      return { id, agent, capabilities, busy: machine.heldBy(id).size };
    }),
    appliedIndex: machine.appliedIndex,
    stateHash: machine.stateHash,
  };
}

function logLine({ index, term, kind, data }: Entry): LogLine {
  const envelope = kind === 'command' ? decodeEnvelope(data) : undefined;
  return { index, term, kind, at: envelope?.at ?? null, command: envelope?.body ?? null };
}
