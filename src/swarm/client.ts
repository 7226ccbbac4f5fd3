import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import type { ClusterId, Millis, NodeId } from '../protocol/ids.ts';
import type { Configuration } from '../protocol/state.ts';
import type { MembershipChange } from '../raft/membership.ts';
import type { BlobName } from '../tasks/blob-name.ts';
import type { ResultValues, TaskCommand, TaskResult } from '../tasks/command.ts';
import type { TaskJson } from '../tasks/task.ts';
import { STATUS_ERROR, STATUS_OK } from '../transport/client-codec.ts';
import { type ClientLink, openClientLink } from '../transport/client-link.ts';
import { knownAddresses } from './address-book.ts';
import type { SwarmFolder } from './layout.ts';
import { credentialsFor } from './link-credentials.ts';
import type { Answers, ExecuteOptions, Notice, Query, Swarm } from './port.ts';
import { loadRoster, loadToken, type Roster } from './roster.ts';
import { CommandSession, patienceFor } from './session.ts';
import { whereaboutsBeside, whereaboutsIn } from './whereabouts.ts';
import {
  type Control,
  type Inspection,
  pack,
  REQUEST,
  type SnapshotTaken,
  type TaskPage,
  unpack,
  unpackError,
  unpackNotice,
  type WireQuery,
} from './wire.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
const REDIAL_PAUSE_MS = 50;
/** What a node is given to answer, however late it is. */
const LEAST_TRY_MS = 200;
/** A node that takes longer is paused or cut off; a swarm without quorum says so later, and harm is not done. */
const SILENCE_MS = 3_000;

/** Another node may answer, or this one in a moment. */
const WORTH_ASKING_AGAIN: ReadonlySet<ErrorCode> = new Set(['OUTCOME_UNKNOWN', 'NOT_RUNNING', 'BUSY']);

/** Another node would say the same. */
const REFUSED_FOR_GOOD: ReadonlySet<ErrorCode> = new Set(['UNAUTHORIZED', 'REVOKED']);

const ASKED_OF_ANYBODY: ReadonlySet<number> = new Set([REQUEST.propose, REQUEST.query]);

export interface ClientOptions {
  readonly folder: SwarmFolder;
  /** For people: shows in logs of the nodes. */
  readonly name: string;
  readonly version: string;
  /** Talks to this node alone; default: whichever answers. */
  readonly only?: string;
  /** Talks to whoever is there alone. */
  readonly url?: string;
  /** Gives up where nobody answers at the first attempt; default: tries again as long as there is time. */
  readonly dials?: 'once';
  /** For a command or a query that does not say itself how long it may take; default 10 s. */
  readonly timeoutMs?: Millis;
  /** An instance of this folder that is not to be asked: it wants to know something of the others. */
  readonly except?: string;
  /** Watches the log from the first link on; after a lost link it goes on with the next. */
  onNotice?(notice: Notice): void;
  /** Notices may have been missed, by a change of link or a snapshot: look again. */
  onRelinked?(): void;
}

interface Credentials {
  readonly clusterId: ClusterId;
  readonly token: string;
  /** What the nodes of the folder listen on: they, and commands beside them, dial from there. */
  readonly from: string;
}

interface Trial extends Credentials {
  readonly timeoutMs: Millis;
}

/** A client outside the swarm's processes: talks to whichever node answers, and moves on when it dies. */
export class SwarmClient implements Swarm {
  readonly #options: ClientOptions;
  readonly #session: CommandSession;
  #link: ClientLink | undefined;
  #dialling: Promise<ClientLink> | undefined;
  /** Where nobody answered, or somebody talked nonsense, the latest last: each is asked after all others. */
  readonly #silent = new Set<string>();
  #closed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#session = new CommandSession(async (command) => {
      const body = await this.#request(REQUEST.propose, command, DEFAULT_TIMEOUT_MS);
      return unpack(body) as TaskResult;
    });
  }

  execute<C extends TaskCommand>(command: C, options: ExecuteOptions = {}): Promise<ResultValues[C['kind']]> {
    return this.#session.execute(command, { timeoutMs: this.#patienceMs, ...options });
  }

  get #patienceMs(): Millis {
    return this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  async query<Q extends Query>(query: Q, options: ExecuteOptions = {}): Promise<Answers[Q['kind']]> {
    const deadline = performance.now() + (options.timeoutMs ?? this.#patienceMs);
    if (query.kind !== 'tasks') return (await this.#ask(query, deadline)) as Answers[Q['kind']];
    const tasks: TaskJson[] = [];
    for (let from: number | null = 0; from !== null; ) {
      const page = (await this.#ask({ kind: 'tasks', from }, deadline)) as TaskPage;
      tasks.push(...page.tasks);
      from = page.next;
    }
    return tasks as Answers['tasks'] as Answers[Q['kind']];
  }

  /** Asks again when the node that was asked dies, or has too much to do. */
  async #ask(query: WireQuery, deadline: number): Promise<unknown> {
    for (;;) {
      let wait: Millis;
      try {
        return unpack(await this.#request(REQUEST.query, pack(query), deadline - performance.now()));
      } catch (error) {
        const again = error instanceof SwarmError && WORTH_ASKING_AGAIN.has(error.code);
        if (!again) throw error;
        wait = Math.max(REDIAL_PAUSE_MS, patienceFor(error));
        if (performance.now() + wait >= deadline) throw error;
      }
      await delay(wait);
    }
  }

  /**
   * Asks the node at the other end, which must lead, to hand over. Returns who leads then.
   *
   * @throws SwarmError NOT_LEADER, TRANSFER_FAILED
   */
  async transfer(target: string | undefined): Promise<string> {
    const control: Control = { kind: 'transfer', target: target ?? null };
    const body = await this.#request(REQUEST.control, pack(control), DEFAULT_TIMEOUT_MS);
    return unpack(body) as string;
  }

  /**
   * Asks the node at the other end, which must lead, to change who belongs to the swarm. Returns the
   * configuration that is committed then.
   *
   * @throws SwarmError as `RaftNode.changeMembership` says.
   */
  async changeMembership(
    changes: readonly MembershipChange[],
    timeoutMs = DEFAULT_TIMEOUT_MS,
  ): Promise<Configuration> {
    const control: Control = { kind: 'change-membership', changes };
    return unpack(await this.#request(REQUEST.control, pack(control), timeoutMs)) as Configuration;
  }

  /** The node at the other end takes a snapshot now. @throws SwarmError DISK_FAILED, NOT_READY */
  async snapshot(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<SnapshotTaken> {
    const control: Control = { kind: 'snapshot' };
    return unpack(await this.#request(REQUEST.control, pack(control), timeoutMs)) as SnapshotTaken;
  }

  /** The node at the other end looks through its state at a full checkpoint. @throws SwarmError NOT_READY, DATA_DAMAGED */
  async inspect(index: number, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Inspection> {
    const control: Control = { kind: 'inspect', index };
    return unpack(await this.#request(REQUEST.control, pack(control), timeoutMs)) as Inspection;
  }

  /**
   * The node at the other end stops, keeps what it has, and stays down until a person has decided.
   *
   * @throws SwarmError NOT_READY when it has no note of that checkpoint: it is not who was compared.
   */
  async quarantine(
    order: { readonly index: number; readonly why: string },
    timeoutMs = DEFAULT_TIMEOUT_MS,
  ): Promise<void> {
    const control: Control = { kind: 'quarantine', ...order };
    await this.#request(REQUEST.control, pack(control), timeoutMs);
  }

  /** Puts a content on the disk of the node at the other end. @throws SwarmError LIMIT_EXCEEDED */
  async storeBlob(content: Uint8Array, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<BlobName> {
    return unpack(await this.#request(REQUEST.storeBlob, content, timeoutMs)) as BlobName;
  }

  /** @throws SwarmError UNKNOWN_BLOB when the node at the other end does not have it. */
  readBlob(sha256: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Uint8Array> {
    return this.#request(REQUEST.readBlob, pack({ sha256 }), timeoutMs);
  }

  /** Asks what a sibling answers at the other end, by its kind of request. */
  ask(kind: number, body: Uint8Array, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<Uint8Array> {
    return this.#request(kind, body, timeoutMs);
  }

  /** Begins to hear `onNotice`, now and after every change of link. */
  async watch(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<void> {
    await this.#linkWithin(timeoutMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#link?.close();
  }

  async #request(kind: number, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const link = await this.#linkWithin(timeoutMs);
    // Only the one who was told to do something can say how that went; anything else may be asked elsewhere.
    const patienceMs = ASKED_OF_ANYBODY.has(kind) ? Math.min(timeoutMs, SILENCE_MS) : timeoutMs;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        if (patienceMs < timeoutMs) {
          this.#leave(link);
          reject(new SwarmError('OUTCOME_UNKNOWN', `${link.nodeId} does not answer`));
        } else {
          reject(
            new SwarmError('NO_QUORUM', `no answer within ${Math.ceil(timeoutMs)} ms. Is a majority up?`),
          );
        }
      }, patienceMs);
      link.request(kind, body, (status, answer) => {
        clearTimeout(late);
        if (status === STATUS_OK) resolve(answer);
        else if (status === STATUS_ERROR) reject(asSeenFromOutside(unpackError(answer)));
        else
          reject(new SwarmError('OUTCOME_UNKNOWN', `the link to ${link.nodeId} closed before it answered`));
      });
    });
  }

  /** A node that is stopped keeps its links and says nothing: ask another one. */
  #leave(link: ClientLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#askLast(link);
    void link.close();
  }

  #askLast({ url }: ClientLink): void {
    this.#silent.delete(url);
    this.#silent.add(url);
  }

  async #linkWithin(timeoutMs: number): Promise<ClientLink> {
    if (this.#closed) throw new SwarmError('STOPPED', 'this client is closed');
    if (this.#link !== undefined) return this.#link;
    this.#dialling ??= this.#dial(performance.now() + timeoutMs).finally(() => {
      this.#dialling = undefined;
    });
    return this.#dialling;
  }

  async #dial(deadline: number): Promise<ClientLink> {
    const { dials, folder, url: there } = this.#options;
    const roster = loadRoster(folder);
    const { clusterId, host = '' } = roster;
    const credentials = { clusterId: clusterId as ClusterId, token: loadToken(folder), from: host };
    let lastWords = '';
    do {
      for (const url of there === undefined ? this.#anywhere(roster) : [there]) {
        const timeoutMs = Math.min(SILENCE_MS, Math.max(LEAST_TRY_MS, deadline - performance.now()));
        const outcome = await this.#tryUrl(url, { ...credentials, timeoutMs });
        if (typeof outcome !== 'string') return outcome;
        lastWords = ` (${outcome})`;
      }
      if (dials === 'once') break;
      await delay(REDIAL_PAUSE_MS);
    } while (performance.now() < deadline && !this.#closed);
    const message = `no node of the swarm in ${folder.root} answers${lastWords}; start it with "raft-manager up"`;
    throw new SwarmError('NOT_RUNNING', message);
  }

  /** Addresses at which somebody may be; who said nothing when asked comes last. */
  #anywhere({ nodes, seeds = [] }: Roster): readonly string[] {
    const { except, folder, only } = this.#options;
    const near = [
      ...whereaboutsIn(folder).filter(({ name }) => name !== except),
      ...whereaboutsBeside(folder),
    ]
      .filter(({ memberId }) => only === undefined || memberId === only)
      .map(({ url }) => url);
    const far =
      seeds.length === 0 || only !== undefined
        ? []
        : [...seeds, ...nodes.flatMap(({ id }) => knownAddresses(folder, id as NodeId))];
    const silent = [...this.#silent];
    return [...near, ...far].sort((a, b) => silent.indexOf(a) - silent.indexOf(b));
  }

  /** A link to the node there, or why there is none. */
  async #tryUrl(url: string, trial: Trial): Promise<ClientLink | string> {
    try {
      return await this.#open(url, trial);
    } catch (error) {
      if (!(error instanceof SwarmError) || REFUSED_FOR_GOOD.has(error.code)) throw error;
      return error.message;
    }
  }

  async #open(url: string, { clusterId, token, from, timeoutMs }: Trial): Promise<ClientLink> {
    const { folder, name, version, onNotice, onRelinked } = this.#options;
    const link = await openClientLink({
      ...{ url, from, timeoutMs, credentials: credentialsFor(folder, url) },
      identity: { clusterId, token, version, nodeId: name as NodeId, nonce: randomUUID() },
      onPush: (body) => {
        const notice = unpackNotice(body);
        if (!notice.ok) return notice.error;
        onNotice?.(notice.value);
        if (notice.value.type === 'restored') onRelinked?.();
        return undefined;
      },
      onClosed: ({ code }) => {
        if (this.#link === link) this.#link = undefined;
        const pauseMs = code === 'MALFORMED' ? REDIAL_PAUSE_MS : 0;
        // Whoever talks nonsense is asked after all others, and not without end when there is nobody else.
        if (pauseMs > 0) this.#askLast(link);
        if (onNotice !== undefined) this.#relinkAfter(pauseMs);
      },
    });
    if (this.#closed) void link.close();
    this.#link = link;
    if (onNotice !== undefined) {
      link.request(REQUEST.watch, new Uint8Array(0), () => onRelinked?.());
    }
    return link;
  }

  #relinkAfter(pauseMs: Millis): void {
    if (pauseMs === 0) this.#relink();
    else setTimeout(() => this.#relink(), pauseMs);
  }

  /** A watcher must not wait for the next request to find another node. */
  #relink(): void {
    if (this.#closed) return;
    this.#linkWithin(DEFAULT_TIMEOUT_MS).catch((error: unknown) => {
      if (this.#closed) return;
      if (!(error instanceof SwarmError)) throw error;
      // A folder that is gone is known at once: without a pause nothing else would ever have its turn.
      this.#relinkAfter(REDIAL_PAUSE_MS);
    });
  }
}

/** That one node stops is no news of the swarm: the next one may answer. */
function asSeenFromOutside(error: SwarmError): SwarmError {
  return error.code === 'STOPPED' ? new SwarmError('NOT_RUNNING', error.message) : error;
}
