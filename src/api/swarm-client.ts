import { randomBytes, randomUUID } from 'node:crypto';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import { isId, type Millis } from '../protocol/ids.ts';
import { takeCensus } from '../swarm/census.ts';
import { type ConnectOptions, connectSwarm } from '../swarm/connect.ts';
import { findSwarmOrJoined } from '../swarm/discovery.ts';
import { locateProject, type SwarmFolder } from '../swarm/layout.ts';
import type { Answers, ExecuteOptions, Query, Swarm } from '../swarm/port.ts';
import type { ResultValues, TaskCommand, TaskFence, TaskSpec } from '../tasks/command.ts';
import { isSettled, type TaskDetail, type TaskJson } from '../tasks/task.ts';
import { workOn } from './claimed-work.ts';
import type {
  Claim,
  ClientOptions,
  Ending,
  Failure,
  NewTask,
  Reservation,
  ReserveOptions,
  SwarmStatus,
  WorkOutcome,
} from './client-port.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { Notices, type SwarmEvent } from './notices.ts';
import type { Work } from './work.ts';

const CENSUS_TIMEOUT_MS = 1_000;
/** Between two looks for work without any news: a task may have waited for its time to come. */
const LOOK_AGAIN_MS = 1_000;

/** The swarm gives out nothing just now. */
const MAY_PASS: ReadonlySet<ErrorCode> = new Set(['PAUSED', 'LIMIT_EXCEEDED', 'BUDGET_EXHAUSTED']);

/**
 * One program's view of a swarm: submits tasks, takes and does them, follows what happens.
 *
 * Every command is applied exactly once, whichever node dies on the way. A call that cannot be settled within ten
 * seconds fails with `NO_QUORUM`, `NOT_RUNNING` or `OUTCOME_UNKNOWN`; input that is no command with `BAD_INPUT`.
 */
export class SwarmClient implements Swarm {
  /** Under which tasks are claimed and paths reserved. */
  readonly name: string;
  readonly #swarm: Swarm;
  readonly #folder: SwarmFolder;
  readonly #capabilities: readonly string[];
  readonly #notices: Notices;
  readonly #keeper: LeaseKeeper;
  /** What ends the keeping of each reservation. */
  readonly #reserved = new Map<string, () => void>();
  #isClosed = false;

  private constructor(parts: Parts) {
    this.name = parts.name;
    this.#swarm = parts.swarm;
    this.#folder = parts.folder;
    this.#capabilities = parts.capabilities;
    this.#notices = new Notices((handlers) => connectSwarm({ ...parts.place, ...handlers }));
    this.#keeper = new LeaseKeeper(parts.swarm, this.#notices);
  }

  /** @throws SwarmError NOT_RUNNING when no swarm is up there; BAD_INPUT when the name cannot be one. */
  static async connect(options: ClientOptions = {}): Promise<SwarmClient> {
    const { capabilities = [], dir, name = `program-${process.pid}` } = options;
    if (!isId(name)) {
      throw new SwarmError('BAD_INPUT', `"${name}" cannot be a name: expected 1 to 64 of A-Z a-z 0-9 . _ -`);
    }
    const folder = findSwarmOrJoined(locateProject(dir, process.env, process.cwd()));
    const place = { dir: folder.root, name };
    return new SwarmClient({ name, folder, place, capabilities, swarm: await connectSwarm(place) });
  }

  /**
   * Submits tasks, all or none, and returns their ids in the same order. Submitting again under the same `key` changes
   * nothing and returns the first submission's ids.
   *
   * @throws SwarmError DUPLICATE_TASK, UNKNOWN_DEPENDENCY, CYCLIC_DEPENDENCY, LIMIT_EXCEEDED
   */
  async submit<const T extends readonly NewTask[]>(
    tasks: T,
    { key = randomUUID() }: { readonly key?: string } = {},
  ): Promise<{ readonly [K in keyof T]: string }> {
    const specs = tasks.map((task) => {
      if (task.run !== undefined || task.prompt !== undefined) return { id: newId('task'), ...task };
      throw new SwarmError('BAD_INPUT', `task ${task.id ?? task.title ?? ''} needs work: a prompt or a run`);
    });
    // Checked, and its defaults filled in, on the way out.
    const { taskIds } = await this.execute({ kind: 'submit', key, tasks: specs as readonly TaskSpec[] });
    return taskIds as { readonly [K in keyof T]: string };
  }

  /**
   * Takes a task: the one named, or the best that is ready and within our capabilities; undefined when there is none. One
   * winner, whoever else asks. It is ours for `leaseMs` (default: the swarm's, five minutes) unless it is renewed, as
   * `work` does.
   *
   * @throws SwarmError NOT_CLAIMABLE, UNKNOWN_TASK of the one named; PAUSED, LIMIT_EXCEEDED
   */
  async claim(
    options: { readonly taskId?: string; readonly leaseMs?: Millis } = {},
  ): Promise<Claim | undefined> {
    try {
      const claimant = { id: this.name, capabilities: this.#capabilities };
      const claimed = await this.execute({ kind: 'claim', requestId: randomUUID(), claimant, ...options });
      return { ...claimed, task: await this.task(claimed.taskId) };
    } catch (error) {
      if (error instanceof SwarmError && error.code === 'NOTHING_READY') return undefined;
      throw error;
    }
  }

  /**
   * Waits for a task to take, as `claim` does without an id; also while the swarm is paused or its budget is used up.
   *
   * @throws the reason of `signal`, once that is given; SwarmError NO_QUORUM, NOT_RUNNING when the swarm cannot be reached.
   */
  async next(options: { readonly leaseMs?: Millis; readonly signal?: AbortSignal } = {}): Promise<Claim> {
    const { signal, ...wanted } = options;
    const { queue, leave } = await this.#notices.follow(signal);
    try {
      for (;;) {
        this.#throwIfOver(signal);
        queue.clear();
        const claim = await this.#claimIfReady(wanted);
        if (claim !== undefined) return claim;
        await queue.take(LOOK_AGAIN_MS);
      }
    } finally {
      leave();
    }
  }

  /** A look costs nothing; a claim in vain goes through the log. */
  async #claimIfReady(wanted: { readonly leaseMs?: Millis }): Promise<Claim | undefined> {
    const { counts, paused } = await this.query({ kind: 'overview' });
    if (counts.queued === 0 || paused !== null) return undefined;
    try {
      return await this.claim(wanted);
    } catch (error) {
      if (error instanceof SwarmError && MAY_PASS.has(error.code)) return undefined;
      throw error;
    }
  }

  /**
   * Does the work of a claimed task: renews its lease for as long as `work` goes on, tells it through its signal when the
   * lease is lost, and records how it ended. A failure of the work is an outcome, not an error.
   *
   * @throws SwarmError NO_QUORUM, OUTCOME_UNKNOWN when the end could not be recorded.
   */
  async work(claim: Claim, work: Work): Promise<WorkOutcome> {
    const { fence, leaseMs, taskId } = claim;
    const { end, lost } = await this.#keeper.keep({ kind: 'task', id: taskId, fence, leaseMs });
    try {
      return await workOn(this, { claim, lost, work });
    } finally {
      end();
    }
  }

  /** @throws SwarmError STALE_FENCE when the task is not ours any more. */
  async complete(claim: TaskFence, ending: Ending = {}): Promise<void> {
    await this.execute({ kind: 'complete', ...fenceOf(claim), output: '', hooks: [], ...ending });
  }

  /** Says why an attempt failed, in one line; returns what became of the task. @throws SwarmError STALE_FENCE */
  async fail(
    claim: TaskFence,
    reason: string,
    failure: Failure = {},
  ): Promise<ResultValues['fail']['state']> {
    const failed = { output: '', hooks: [], next: 'retry', ...failure } as const;
    const { state } = await this.execute({ kind: 'fail', ...fenceOf(claim), reason, ...failed });
    return state;
  }

  /** Gives a task back unfinished, for somebody else; that is no failure of it. @throws SwarmError STALE_FENCE */
  async handBack(claim: TaskFence, reason = ''): Promise<void> {
    await this.execute({ kind: 'release', ...fenceOf(claim), reason });
  }

  /** Keeps a claim for another lease. `work` does so by itself. @throws SwarmError STALE_FENCE */
  async renew(claim: TaskFence): Promise<void> {
    const { stale } = await this.execute({ kind: 'renew', tasks: [fenceOf(claim)], reservations: [] });
    for (const { why } of stale) throw new SwarmError('STALE_FENCE', why);
  }

  /** Leaves a note with a task, up to 4 KiB, which keeps the claim as `renew` does. @throws SwarmError STALE_FENCE */
  async note(claim: TaskFence, text: string): Promise<void> {
    await this.execute({ kind: 'note', ...fenceOf(claim), text });
  }

  /** Ends a task, also while somebody works on it: who does is told. @throws SwarmError UNKNOWN_TASK, WRONG_STATE */
  async cancel(taskId: string, reason = ''): Promise<void> {
    await this.execute({ kind: 'cancel', taskId, reason });
  }

  /**
   * Reserves paths or globs relative to the repository, all or none, and keeps them until `release`. The path `merge` is the
   * one right to merge.
   *
   * @throws SwarmError RESERVED, naming who has them; STALE_FENCE of `task`; LIMIT_EXCEEDED
   */
  async reserve(paths: readonly string[], options: ReserveOptions = {}): Promise<Reservation> {
    const { mode = 'exclusive', leaseMs: asked, task } = options;
    const { reservationId, fence, leaseMs } = await this.execute({
      kind: 'reserve',
      reservationId: newId('r'),
      holder: this.name,
      paths,
      mode,
      ...(task === undefined ? {} : { task: fenceOf(task) }),
      ...(asked === undefined ? {} : { leaseMs: asked }),
    });
    const { end, lost } = await this.#keeper.keep({ kind: 'reservation', id: reservationId, fence, leaseMs });
    this.#reserved.set(reservationId, end);
    return { reservationId, fence, paths, lost };
  }

  /** @throws SwarmError STALE_FENCE, UNKNOWN_RESERVATION when it was lost before. */
  async release({ fence, reservationId }: Pick<Reservation, 'reservationId' | 'fence'>): Promise<void> {
    this.#reserved.get(reservationId)?.();
    this.#reserved.delete(reservationId);
    await this.execute({ kind: 'release-reservation', reservationId, fence });
  }

  /** @throws SwarmError UNKNOWN_TASK */
  async task(taskId: string): Promise<TaskDetail> {
    const task = await this.query({ kind: 'task', id: taskId });
    if (task === null) throw new SwarmError('UNKNOWN_TASK', `there is no task ${taskId}`);
    return task;
  }

  /** All tasks that the log holds, in the order of their submission. */
  tasks(): Promise<readonly TaskJson[]> {
    return this.query({ kind: 'tasks' });
  }

  /**
   * Waits until each of these tasks has come to an end, good or bad: completed, failed or cancelled; or cannot go on by
   * itself: blocked or parked. Returns them in the same order.
   *
   * @throws SwarmError UNKNOWN_TASK; the reason of `signal`, once that is given.
   */
  async settled(
    taskIds: readonly string[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly TaskDetail[]> {
    const waiting = new Set(taskIds);
    for await (const event of this.watch(signal === undefined ? {} : { signal })) {
      const news = event.type === 'resync' ? await this.#lookAt(waiting) : tasksOf(event);
      for (const { id, state } of news) if (isSettled(state)) waiting.delete(id);
      if (waiting.size === 0) return this.#lookAt(taskIds);
    }
    this.#throwIfOver(signal);
    throw new SwarmError('STOPPED', 'the watch has ended');
  }

  #lookAt(taskIds: Iterable<string>): Promise<readonly TaskDetail[]> {
    return Promise.all([...taskIds].map((id) => this.task(id)));
  }

  /**
   * Everything that happens from now on, in log order, until the loop is left, `signal` is given, or the client is closed.
   * It begins with a `resync`.
   */
  async *watch({
    signal,
  }: {
    readonly signal?: AbortSignal;
  } = {}): AsyncGenerator<SwarmEvent, void, undefined> {
    this.#throwIfOver(undefined);
    const { queue, leave } = await this.#notices.follow(signal);
    try {
      for (let event = await queue.take(); event !== undefined; event = await queue.take()) yield event;
    } finally {
      leave();
    }
  }

  /** Every node, who leads, and what the log says: as `raft-manager status --json`. Answers without a quorum, too. */
  async status(): Promise<SwarmStatus> {
    const census = await takeCensus(this.#folder, 'library', CENSUS_TIMEOUT_MS);
    return { ...census, overview: census.quorum ? await this.query({ kind: 'overview' }) : null };
  }

  /** Carries out any command of the task log, for all that has no method of its own. */
  execute<C extends TaskCommand>(command: C, options?: ExecuteOptions): Promise<ResultValues[C['kind']]> {
    return this.#swarm.execute(command, options);
  }

  /** Asks anything that the swarm can be asked. */
  query<Q extends Query>(query: Q, options?: ExecuteOptions): Promise<Answers[Q['kind']]> {
    return this.#swarm.query(query, options);
  }

  /** Asks a sibling by its kind of request; `quorumManager(client)` does so. */
  ask(kind: number, body: Uint8Array, timeoutMs?: number): Promise<Uint8Array> {
    return this.#swarm.ask(kind, body, timeoutMs);
  }

  /** Ends watches and work: their signals are given. What is held runs out by itself, unless it was given back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#keeper.stop();
    await this.#notices.close();
    await this.#swarm.close();
  }

  #throwIfOver(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#isClosed) throw new SwarmError('STOPPED', 'this client is closed');
  }
}

interface Parts {
  readonly name: string;
  readonly folder: SwarmFolder;
  readonly place: ConnectOptions;
  readonly capabilities: readonly string[];
  readonly swarm: Swarm;
}

/** Who claims once and again hands in a claim, whose other fields no command knows. */
function fenceOf({ taskId, fence }: TaskFence): TaskFence {
  return { taskId, fence };
}

function newId(stem: string): string {
  return `${stem}-${randomBytes(4).toString('hex')}`;
}

function tasksOf(event: SwarmEvent): readonly TaskJson[] {
  return event.type === 'applied' ? event.tasks : [];
}
