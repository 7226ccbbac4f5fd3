import { expect } from 'vitest';
import type { ResultValues, TaskCommand, TaskResult } from '../../src/tasks/command.ts';
import type { TaskMachine } from '../../src/tasks/machine.ts';
import { leaseOf, type TaskRecord } from '../../src/tasks/task.ts';
import { TaskIndex } from '../../src/tasks/task-index.ts';
import { Spending } from './spending.ts';

/**
 * What clients may conclude from the answers alone, in the plainest form: who holds which lease, what
 * is completed, which key gave which tasks. Contradicting it means that a promise is broken.
 */
export class Model {
  readonly leases = new Map<string, number>();
  readonly completed = new Set<string>();
  /** How the attempt under a fence ended, by `task/fence`. */
  readonly #ended = new Map<string, string>();
  readonly #keys = new Map<string, readonly string[]>();
  readonly #dependsOn = new Map<string, readonly string[]>();
  readonly #spending = new Spending();

  /** How far the meter of the attempt under a fence stands. */
  meterOf(task: { readonly taskId: string; readonly fence: number }): number {
    return this.#spending.meterOf(task);
  }

  observe(command: TaskCommand, result: TaskResult, index: number): void {
    const isHeld =
      'taskId' in command && 'fence' in command && this.leases.get(command.taskId) === command.fence;
    // A retry of an end is answered again under a fence that has ended: it says nothing new.
    if (isHeld || !('fence' in command)) this.#spending.observe(command, result);
    switch (command.kind) {
      case 'submit':
        return this.#submitted(command, result);
      case 'assign':
        for (const { taskId, fence } of valueIn<'assign'>(result)?.assigned ?? [])
          this.#granted(taskId, fence, index);
        return;
      case 'claim': {
        const value = valueIn<'claim'>(result);
        // An answer of old is a request that came again.
        if (value?.fence === index) this.#granted(value.taskId, value.fence, index);
        return;
      }
      case 'cancel':
        if (result.ok) this.#end(command.taskId, 'cancelled');
        return;
      case 'register':
      case 'unregister':
        return this.#returned(command, valueIn<'register'>(result)?.returned ?? []);
      case 'start':
      case 'note':
      case 'save-turn':
      case 'progress':
      case 'complete':
      case 'fail':
      case 'release':
      case 'expire':
        return this.#fenced(command, result);
      default:
        return;
    }
  }

  #submitted(command: Extract<TaskCommand, { kind: 'submit' }>, result: TaskResult): void {
    const value = valueIn<'submit'>(result);
    const first = this.#keys.get(command.key);
    const again = first === undefined ? value : { taskIds: first, repeated: true };
    expect(value, 'the same key gives the same tasks').toEqual(again);
    if (value === undefined || value.repeated) return;
    this.#keys.set(command.key, value.taskIds);
    for (const spec of command.tasks) this.#dependsOn.set(spec.id, spec.dependsOn);
  }

  #returned(command: TaskCommand, ids: readonly string[]): void {
    const notHeld = ids.filter((id) => !this.leases.has(id));
    expect(notHeld, 'what is given back was held').toEqual([]);
    const inOrder = command.kind === 'unregister' && command.cause === 'stopped';
    for (const id of ids) this.#end(id, inOrder ? 'release' : 'lost');
  }

  #granted(id: string, fence: number, index: number): void {
    expect(fence, 'the fence is the index of the grant').toBe(index);
    expect(this.leases.get(id), `${id} had no other valid lease`).toBe(undefined);
    expect(this.completed.has(id), `${id} was not completed before`).toBe(false);
    const unmet = (this.#dependsOn.get(id) ?? []).filter((on) => !this.completed.has(on));
    expect(unmet, `all that ${id} depends on is completed`).toEqual([]);
    this.#spending.checkGrant(id);
    this.leases.set(id, fence);
  }

  #fenced(command: TaskCommand & { taskId: string; fence: number }, result: TaskResult): void {
    const { kind, taskId, fence } = command;
    const isValid = this.leases.get(taskId) === fence;
    const isRetry = this.#ended.get(`${taskId}/${fence}`) === kind;
    const code = result.ok ? 'ok' : result.code;
    expect(expectedCodes(command, { isValid, isRetry }), `${kind} of ${taskId} under ${fence}`).toContain(
      code,
    );
    if (!isValid || !result.ok || GOES_ON.has(kind)) return;
    if (kind === 'save-turn' && valueIn<'save-turn'>(result)?.state === 'running') return;
    this.#end(taskId, kind);
    if (kind === 'complete') this.completed.add(taskId);
  }

  #end(taskId: string, how: string): void {
    const fence = this.leases.get(taskId);
    if (fence === undefined) return;
    this.leases.delete(taskId);
    this.#ended.set(`${taskId}/${fence}`, how);
  }

  /**
   * Compares what the machine shows with what its answers have promised, and what it has derived with
   * its records: looked at one by one, or put in anew.
   */
  check(machine: TaskMachine, at: number): void {
    this.#spending.check(machine);
    const { tasks } = machine;
    const records = [...tasks.values()];
    const leases = records.flatMap(
      (record) => leaseOf(record)?.fence.toString().concat('/', record.id) ?? [],
    );
    const shown = {
      lost: [...this.#dependsOn.keys()].filter((id) => !tasks.has(id)),
      leases: leases.sort(),
      leased: idsOf(machine.leased()),
      completed: idsOf(records.filter(({ phase }) => phase.state === 'completed')),
      wronglyBlocked: idsOf(records.filter((record) => isWronglyBlocked(tasks, record))),
      ready: [...machine.readyTasks(at)].sort(),
      wakeUp: machine.nextWakeUp(at),
      counts: machine.counts,
    };
    const again = builtAnew(tasks, at);
    expect(shown).toEqual({
      lost: [],
      leases: [...this.leases].map(([id, fence]) => `${fence}/${id}`).sort(),
      leased: [...this.leases.keys()].sort(),
      completed: [...this.completed].sort(),
      wronglyBlocked: [],
      ready: idsOf(records.filter((record) => isReady(tasks, record, at))),
      wakeUp: again.delayed.first()?.major,
      counts: again.counts,
    });
    const readyAgain = [...again.ready.values()].flatMap(({ slots }) => [...slots]);
    expect(idsOf(readyAgain)).toEqual(shown.ready);
  }
}

function expectedCodes(
  { kind }: TaskCommand,
  lease: { isValid: boolean; isRetry: boolean },
): readonly string[] {
  if (lease.isValid) return kind === 'expire' ? ['ok', 'STALE_EXPIRY'] : ['ok'];
  // Only what is repeated by clients without a session is recognised by its fence.
  const isRecognised = lease.isRetry && (kind === 'fail' || kind === 'release');
  if (lease.isRetry && kind === 'complete') return ['ok'];
  return isRecognised ? ['ok', 'STALE_FENCE'] : ['STALE_FENCE', 'UNKNOWN_TASK'];
}

function valueIn<Kind extends TaskCommand['kind']>(result: TaskResult): ResultValues[Kind] | undefined {
  return result.ok ? (result.value as ResultValues[Kind]) : undefined;
}

function idsOf(items: readonly { readonly id: string }[]): readonly string[] {
  return items.map(({ id }) => id).sort();
}

/** A waiting task is blocked exactly when a dependency is failed, cancelled or blocked. */
function isWronglyBlocked(tasks: ReadonlyMap<string, TaskRecord>, { phase, spec }: TaskRecord): boolean {
  const isBlocked = spec.dependsOn.some((on) => BAD.has(tasks.get(on)?.phase.state ?? 'missing'));
  return isBlocked ? phase.state === 'queued' : phase.state === 'blocked';
}

const GOES_ON = new Set<TaskCommand['kind']>(['start', 'note', 'progress']);

const BAD = new Set(['failed', 'cancelled', 'blocked']);

function isReady(tasks: ReadonlyMap<string, TaskRecord>, { phase, spec }: TaskRecord, at: number): boolean {
  if (phase.state !== 'queued' || phase.notBefore > at) return false;
  return spec.dependsOn.every((on) => tasks.get(on)?.phase.state === 'completed');
}

function builtAnew(tasks: ReadonlyMap<string, TaskRecord>, at: number): TaskIndex {
  const index = new TaskIndex(tasks);
  for (const record of tasks.values()) index.update(undefined, record);
  index.setClock(at);
  return index;
}
