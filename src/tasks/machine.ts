import type { Entry } from '../protocol/entry.ts';
import { invariant, unreachable } from '../protocol/invariant.ts';
import { assign, claim } from './assignment.ts';
import { swarmExhaustion } from './budget.ts';
import { accept, type Change, forgetOldest, refuse } from './change.ts';
import { type Checkpoint, Checkpoints } from './checkpoint.ts';
import { decodeEnvelope } from './codec.ts';
import type { AssignCommand, Envelope, TaskCommand, TaskResult } from './command.ts';
import { configure, pause, resume } from './controls.ts';
import type { TaskEvent } from './event.ts';
import { RunningHash } from './hash.ts';
import { register, unregister } from './instance.ts';
import { expire, renew } from './lease.ts';
import { approve, cancel, complete, fail, note, release, retry, start } from './lifecycle.ts';
import { announce, enrol, isKnownAt, raiseLevel, retire } from './member.ts';
import { writeRecords } from './records.ts';
import { expireReservation, releaseReservation, reserve } from './reservation.ts';
import { nextWakeUp, plan, readyTasks } from './scheduler.ts';
import { admit, expireSession, openSession, recordAnswer } from './session.ts';
import { captureImage, ImageReader } from './snapshot.ts';
import {
  emptyState,
  type Instance,
  type Member,
  type Reservation,
  type Session,
  type Settings,
  type StoredRecord,
} from './state.ts';
import { submit } from './submission.ts';
import type { TaskRecord, TaskState } from './task.ts';
import { progress, saveTurn } from './turn.ts';
import { NO_USAGE, type Usage } from './usage.ts';

export interface ApplyResult {
  readonly result: TaskResult;
  /** In the order in which things happened; none for a command that was applied before. */
  readonly events: readonly TaskEvent[];
}

/**
 * The replicated task log's state machine. A pure function of the entries: equal entries in equal
 * order give equal states, answers and hashes, on every replica and in every year. Views are live;
 * they must not be changed, and are not to be kept across an `apply`.
 */
export class TaskMachine {
  #state = emptyState();
  #hash = new RunningHash();
  #appliedIndex = 0;
  readonly #checkpoints = new Checkpoints();

  /** Log index of the latest command applied; 0 before the first. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Digest of all commands, answers and changed records so far: two replicas at one index must agree. */
  get stateHash(): string {
    return this.#hash.hex;
  }

  /** What this replica has come to at a `checkpoint` entry; undefined when it has no note of it. */
  checkpointAt(index: number): Checkpoint | undefined {
    return this.#checkpoints.at(index);
  }

  /** In order of submission. */
  get tasks(): ReadonlyMap<string, TaskRecord> {
    return this.#state.tasks;
  }

  get instances(): ReadonlyMap<string, Instance> {
    return this.#state.instances;
  }

  get reservations(): ReadonlyMap<string, Reservation> {
    return this.#state.reservations;
  }

  /** Where nodes are to be found, as far as they have said so. */
  get members(): ReadonlyMap<string, Member> {
    return this.#state.members;
  }

  /** What siblings keep, by `namespace/key`. */
  get records(): ReadonlyMap<string, StoredRecord> {
    return this.#state.records;
  }

  /** What every member understands. */
  get level(): number {
    return this.#state.level;
  }

  /** The one idle longest first. */
  get sessions(): ReadonlyMap<string, Readonly<Pick<Session, 'id' | 'lastIndex'>>> {
    return this.#state.sessions;
  }

  /** The reason given, while no new work may begin. */
  get paused(): string | undefined {
    return this.#state.paused;
  }

  get settings(): Settings {
    return this.#state.settings;
  }

  /** Of all tasks there ever were. */
  get usage(): Usage {
    return this.#state.usage ?? NO_USAGE;
  }

  /** Why the budget lets no new work begin, in words; undefined while there is some left. */
  get exhausted(): string | undefined {
    return swarmExhaustion(this.#state);
  }

  /** Contents beside the log with which open tasks can be gone on with, by SHA-256. */
  namedBlobs(): ReadonlySet<string> {
    return new Set([...this.#state.tasks.values()].flatMap(({ saved }) => saved?.blob?.sha256 ?? []));
  }

  get counts(): Readonly<Record<TaskState, number>> {
    return this.#state.index.counts;
  }

  /** Ids of the tasks on which this instance or claimant has a lease. */
  heldBy(holder: string): ReadonlySet<string> {
    return this.#state.index.heldBy(holder);
  }

  /** Every task on which somebody has a lease: what a coordinator must watch for renewals. */
  leased(): readonly TaskRecord[] {
    return [...this.#state.index.leased()].flatMap((id) => this.#state.tasks.get(id) ?? []);
  }

  /** Ids of the tasks that could be worked on at wall clock `at`, best first. */
  readyTasks(at: number): readonly string[] {
    return readyTasks(this.#state, at);
  }

  /** What the coordinator should propose to assign at wall clock `at`. */
  plan(at: number, absent?: ReadonlySet<string>): AssignCommand['assignments'] {
    return plan(this.#state, at, absent);
  }

  /** When to plan again although nothing was applied, as a wall clock in ms. */
  nextWakeUp(at: number): number | undefined {
    return nextWakeUp(this.#state, at);
  }

  /** The whole state in pieces, as it is now: what is applied later does not show in them. */
  capture(): Iterator<Uint8Array> {
    return captureImage({ state: this.#state, hash: this.#hash, appliedIndex: this.#appliedIndex });
  }

  /**
   * Begins to take in what `capture` gave somewhere else. The state stays as it is until `finish`; both methods
   * throw `DATA_DAMAGED`, which changes nothing.
   */
  restore(): { add(piece: Uint8Array): void; finish(): void } {
    const reader = new ImageReader();
    return {
      add: (piece) => reader.add(piece),
      finish: () => {
        const { state, hash, appliedIndex } = reader.finish();
        this.#state = state;
        this.#hash = hash;
        this.#appliedIndex = appliedIndex;
      },
    };
  }

  /**
   * Never throws for what is in an entry, but one: a command that makes no sense is refused on every replica alike.
   *
   * @throws SwarmError WRONG_PROTOCOL when the log goes on with commands of a later release. The machine is of no use then.
   */
  apply(entry: Entry): ApplyResult {
    invariant(entry.index > this.#appliedIndex, `entry ${entry.index} comes after ${this.#appliedIndex}`);
    this.#appliedIndex = entry.index;
    const events: TaskEvent[] = [];
    this.#hash.integer(entry.index);
    const envelope = decodeEnvelope(entry.data);
    const result =
      envelope === undefined || !isKnownAt(this.#state.level, envelope.body)
        ? refuse('MALFORMED', `entry ${entry.index} holds no task command`)
        : this.#applyOnce(envelope, { index: entry.index, events });
    this.#hash.value(result);
    if (envelope?.body.kind === 'checkpoint' && result.ok) {
      const image = envelope.body.full ? this.capture() : undefined;
      this.#checkpoints.note({ index: entry.index, stateHash: this.stateHash, image });
    }
    return { result, events };
  }

  #applyOnce({ at, session: stamp, body }: Envelope, into: Pick<Change, 'index' | 'events'>): TaskResult {
    const change: Change = { state: this.#state, hash: this.#hash, at, ...into };
    if (stamp === undefined) return perform(change, body);
    this.#hash.value(stamp);
    const admission = admit(change, stamp);
    if (admission.kind === 'settled') return admission.result;
    const result = perform(change, body);
    recordAnswer(admission.session, stamp.sequence, result);
    return result;
  }
}

function perform(change: Change, command: TaskCommand): TaskResult {
  change.state.index.setClock(change.at);
  const result = dispatch(change, command);
  forgetOldest(change);
  return result;
}

function dispatch(change: Change, command: TaskCommand): TaskResult {
  switch (command.kind) {
    case 'submit':
      return submit(change, command);
    case 'assign':
      return assign(change, command);
    case 'claim':
      return claim(change, command);
    case 'start':
      return start(change, command);
    case 'renew':
      return renew(change, command);
    case 'note':
      return note(change, command);
    case 'save-turn':
      return saveTurn(change, command);
    case 'progress':
      return progress(change, command);
    case 'complete':
      return complete(change, command);
    case 'fail':
      return fail(change, command);
    case 'release':
      return release(change, command);
    case 'cancel':
      return cancel(change, command);
    case 'retry':
      return retry(change, command);
    case 'approve':
      return approve(change, command);
    case 'expire':
      return expire(change, command);
    case 'register':
      return register(change, command);
    case 'unregister':
      return unregister(change, command);
    case 'pause':
      return pause(change, command);
    case 'resume':
      return resume(change);
    case 'configure':
      return configure(change, command);
    case 'reserve':
      return reserve(change, command);
    case 'release-reservation':
      return releaseReservation(change, command);
    case 'expire-reservation':
      return expireReservation(change, command);
    case 'session-open':
      return openSession(change, command);
    case 'session-expire':
      return expireSession(change, command);
    case 'enrol':
      return enrol(change, command);
    case 'announce':
      return announce(change, command);
    case 'retire':
      return retire(change, command);
    case 'raise-level':
      return raiseLevel(change, command);
    case 'record':
      return writeRecords(change, command);
    case 'checkpoint':
      return accept({ index: change.index });
    default:
      return unreachable(command);
  }
}
