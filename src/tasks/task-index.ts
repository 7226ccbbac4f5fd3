import { invariant } from '../protocol/invariant.ts';
import type { Priority } from './command.ts';
import { OrderedSet, type Slot } from './ordered-set.ts';
import { isFinished, leaseOf, needsOf, noTasks, type TaskRecord } from './task.ts';

/** Ready tasks that need the same capabilities, best first. */
export interface ReadyGroup {
  readonly requires: readonly string[];
  readonly slots: OrderedSet;
}

const RANK: Readonly<Record<Priority, number>> = { critical: 0, high: 1, medium: 2, normal: 2, low: 3 };

/**
 * What can be computed from the records alone, kept up to date so that no command has to look at
 * all of them. Never part of a snapshot: putting the records in again, in order of submission,
 * builds it anew.
 */
export class TaskIndex {
  readonly counts = noTasks();
  /** By the capabilities asked for, so that a task nobody is able to do costs nothing. */
  readonly ready = new Map<string, ReadyGroup>();
  /** Ready but for `notBefore`, by that time. Exact after `setClock`, as `ready` is. */
  readonly delayed = new OrderedSet();
  /** Finished tasks that may be forgotten, oldest first: no task still open depends on them. */
  readonly forgettable = new OrderedSet();
  /** Characters of output and notes of finished tasks. */
  historyChars = 0;

  /** States of executors that are kept for open tasks, in the log and beside it. */
  keptStateBytes = 0;
  namedBlobBytes = 0;

  /** Ready tasks that were delayed once, by `notBefore`. */
  readonly #due = new OrderedSet();
  readonly #tasks: ReadonlyMap<string, TaskRecord>;
  readonly #held = new Map<string, Set<string>>();
  readonly #dependents = new Map<string, Set<string>>();
  /** Dependents that are not completed yet, by dependency. */
  readonly #open = new Map<string, number>();

  constructor(tasks: ReadonlyMap<string, TaskRecord>) {
    this.#tasks = tasks;
  }

  get active(): number {
    return this.counts.assigned + this.counts.running;
  }

  get finished(): number {
    return this.counts.completed + this.counts.failed + this.counts.cancelled;
  }

  /** Tasks on which `holder` has a lease. */
  heldBy(holder: string): ReadonlySet<string> {
    return this.#held.get(holder) ?? NOBODY;
  }

  /** Every task on which somebody has a lease. */
  *leased(): Generator<string> {
    for (const ids of this.#held.values()) yield* ids;
  }

  /** Direct dependents, in order of submission. */
  dependentsOf(id: string): ReadonlySet<string> {
    return this.#dependents.get(id) ?? NOBODY;
  }

  /** Follows a record from `before` to `after`; `undefined` is "not there". */
  update(before: TaskRecord | undefined, after: TaskRecord | undefined): void {
    if (before !== undefined) this.#leave(before);
    if (before === undefined && after !== undefined) this.#link(after);
    if (after !== undefined) this.#enter(after);
    if (before !== undefined && after === undefined) this.#unlink(before);
    const wasOpen = before !== undefined && before.phase.state !== 'completed';
    if (wasOpen && (after === undefined || after.phase.state === 'completed')) this.#close(before);
  }

  /** Looks again whether a queued task is ready, after its dependencies changed. */
  refresh(record: TaskRecord): void {
    this.#leaveQueue(record);
    this.#enterQueue(record);
  }

  /**
   * Sorts delayed from ready tasks as of `at`, which may also go back: the next proposer's clock
   * can be behind. Changes where a task is looked for, not what is true of it.
   */
  setClock(at: number): void {
    for (
      let slot = this.delayed.first();
      slot !== undefined && slot.major <= at;
      slot = this.delayed.first()
    ) {
      this.delayed.delete(slot);
      this.#due.add(slot);
      this.#addReady(this.#recordOf(slot));
    }
    for (let slot = this.#due.last(); slot !== undefined && slot.major > at; slot = this.#due.last()) {
      this.#due.delete(slot);
      this.delayed.add(slot);
      this.#removeReady(this.#recordOf(slot));
    }
  }

  #recordOf(slot: Slot): TaskRecord {
    const record = this.#tasks.get(slot.id);
    invariant(record !== undefined, `indexed task ${slot.id} has a record`);
    return record;
  }

  #enter(record: TaskRecord): void {
    const { phase } = record;
    this.counts[phase.state]++;
    this.keptStateBytes += record.saved?.state?.length ?? 0;
    this.namedBlobBytes += record.saved?.blob?.bytes ?? 0;
    const lease = leaseOf(record);
    if (lease !== undefined) insert(this.#held, lease.holder, record.id);
    if (isFinished(phase.state)) {
      this.historyChars += charsOf(record);
      if (!this.#open.has(record.id)) this.forgettable.add(finishedSlot(record));
    }
    this.#enterQueue(record);
  }

  #leave(record: TaskRecord): void {
    const { phase } = record;
    this.counts[phase.state]--;
    this.keptStateBytes -= record.saved?.state?.length ?? 0;
    this.namedBlobBytes -= record.saved?.blob?.bytes ?? 0;
    const lease = leaseOf(record);
    if (lease !== undefined) remove(this.#held, lease.holder, record.id);
    if (isFinished(phase.state)) {
      this.historyChars -= charsOf(record);
      this.forgettable.delete(finishedSlot(record));
    }
    this.#leaveQueue(record);
  }

  #enterQueue(record: TaskRecord): void {
    const { phase, spec } = record;
    if (phase.state !== 'queued') return;
    if (!spec.dependsOn.every((id) => this.#tasks.get(id)?.phase.state === 'completed')) return;
    if (phase.notBefore === 0) this.#addReady(record);
    else this.delayed.add({ major: phase.notBefore, minor: record.order, id: record.id });
  }

  #leaveQueue(record: TaskRecord): void {
    const { phase } = record;
    if (phase.state !== 'queued') return;
    const slot = { major: phase.notBefore, minor: record.order, id: record.id };
    if (this.delayed.delete(slot)) return;
    this.#due.delete(slot);
    this.#removeReady(record);
  }

  #removeReady(record: TaskRecord): void {
    const key = groupKey(needsOf(record.spec));
    const group = this.ready.get(key);
    group?.slots.delete(readySlot(record));
    if (group?.slots.size === 0) this.ready.delete(key);
  }

  #addReady(record: TaskRecord): void {
    const key = groupKey(needsOf(record.spec));
    let group = this.ready.get(key);
    if (group === undefined) {
      group = { requires: needsOf(record.spec), slots: new OrderedSet() };
      this.ready.set(key, group);
    }
    group.slots.add(readySlot(record));
  }

  #link(record: TaskRecord): void {
    for (const id of new Set(record.spec.dependsOn)) {
      insert(this.#dependents, id, record.id);
      if (record.phase.state === 'completed') continue;
      this.#open.set(id, (this.#open.get(id) ?? 0) + 1);
      const dependency = this.#tasks.get(id);
      if (dependency !== undefined && isFinished(dependency.phase.state)) {
        this.forgettable.delete(finishedSlot(dependency));
      }
    }
  }

  #unlink(record: TaskRecord): void {
    for (const id of new Set(record.spec.dependsOn)) remove(this.#dependents, id, record.id);
  }

  /** `record` needs its dependencies no longer. */
  #close(record: TaskRecord): void {
    for (const id of new Set(record.spec.dependsOn)) {
      const left = (this.#open.get(id) ?? 0) - 1;
      if (left > 0) {
        this.#open.set(id, left);
        continue;
      }
      this.#open.delete(id);
      const dependency = this.#tasks.get(id);
      if (dependency !== undefined && isFinished(dependency.phase.state)) {
        this.forgettable.add(finishedSlot(dependency));
      }
    }
  }
}

const NOBODY: ReadonlySet<string> = new Set();

function readySlot(record: TaskRecord): Slot {
  return { major: RANK[record.spec.priority], minor: record.order, id: record.id };
}

function finishedSlot(record: TaskRecord): Slot {
  const major = 'finishedIndex' in record.phase ? record.phase.finishedIndex : 0;
  return { major, minor: record.order, id: record.id };
}

function groupKey(requires: readonly string[]): string {
  return requires.length === 0 ? '' : JSON.stringify([...new Set(requires)].sort());
}

function charsOf(record: TaskRecord): number {
  const hooks =
    record.last?.hooks.reduce((sum, hook) => sum + hook.stdout.length + hook.stderr.length, 0) ?? 0;
  const notes = record.notes.reduce((sum, note) => sum + note.text.length, 0);
  const { prompt = '', run = '' } = record.spec;
  return (record.last?.output.length ?? 0) + hooks + notes + prompt.length + run.length;
}

function insert(sets: Map<string, Set<string>>, key: string, member: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([member]));
  else set.add(member);
}

function remove(sets: Map<string, Set<string>>, key: string, member: string): void {
  const set = sets.get(key);
  set?.delete(member);
  if (set?.size === 0) sets.delete(key);
}
