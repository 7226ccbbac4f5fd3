import { MAX_BATCH } from '../protocol/limits.ts';
import { swarmExhaustion } from './budget.ts';
import type { AssignCommand } from './command.ts';
import { compareSlots, type Slot } from './ordered-set.ts';
import type { Instance, MachineState } from './state.ts';
import type { TaskRecord } from './task.ts';

/**
 * Who should do what. Reads the state and decides; nothing happens until the coordinator has
 * proposed the plan and the log has taken it.
 */

/** Ids of all tasks that could be worked on at `at`, best first: priority, then order of submission. */
export function readyTasks(state: MachineState, at: number): readonly string[] {
  state.index.setClock(at);
  const slots = [...state.index.ready.values()].flatMap((group) => [...group.slots]);
  return slots.sort(compareSlots).map((slot) => slot.id);
}

/** Earliest wall clock (ms) after `at` at which a task becomes ready by time alone. */
export function nextWakeUp(state: MachineState, at: number): number | undefined {
  state.index.setClock(at);
  return state.index.delayed.first()?.major;
}

/** What keeps a task from being worked on at `at`, in words; `undefined` when it is ready. */
export function whyNotReady(state: MachineState, record: TaskRecord, at: number): string | undefined {
  const { phase, spec, id } = record;
  if (phase.state !== 'queued') return `${id} is ${phase.state}`;
  const waitsFor = spec.dependsOn.find((on) => state.tasks.get(on)?.phase.state !== 'completed');
  if (waitsFor !== undefined) return `${id} waits for ${waitsFor}`;
  return phase.notBefore > at
    ? `${id} pauses after a failure for ${phase.notBefore - at} ms more`
    : undefined;
}

/** The best ready task for somebody with these capabilities. Exact only after `setClock`. */
export function bestReady(state: MachineState, capabilities: readonly string[]): string | undefined {
  let best: Slot | undefined;
  for (const { requires, slots } of state.index.ready.values()) {
    const first = slots.first();
    if (first === undefined || (best !== undefined && compareSlots(best, first) <= 0)) continue;
    if (isCapable(capabilities, requires)) best = first;
  }
  return best?.id;
}

export function isCapable(capabilities: readonly string[], requires: readonly string[]): boolean {
  return requires.every((capability) => capabilities.includes(capability));
}

/** True while the instance may take one more. Claims under its id count too. */
export function hasRoom(state: MachineState, { id, capacity }: Instance): boolean {
  return state.index.heldBy(id).size < capacity;
}

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Best task first, each to the least loaded instance that is able to do it and is not `absent`; at most one command's
 * worth.
 */
export function plan(state: MachineState, at: number, absent = NOBODY): AssignCommand['assignments'] {
  if (state.paused !== undefined || swarmExhaustion(state) !== undefined) return [];
  state.index.setClock(at);
  const room = Math.min(MAX_BATCH, state.settings.maxActive - state.index.active);
  const queues = openQueues(state, absent);
  const assignments: { taskId: string; instanceId: string }[] = [];
  while (assignments.length < room) {
    const queue = bestQueue(queues);
    if (queue === undefined) break;
    const worker = leastLoaded(queue.workers);
    if (worker === undefined) {
      queues.delete(queue);
      continue;
    }
    assignments.push({ taskId: queue.head.id, instanceId: worker.id });
    worker.load++;
    const next = queue.rest.next();
    if (next.done === true) queues.delete(queue);
    else queue.head = next.value;
  }
  return assignments;
}

interface Worker {
  readonly id: string;
  readonly capacity: number;
  load: number;
}

/** Ready tasks of one kind, and those who are able to do them. */
interface Queue {
  head: Slot;
  readonly rest: Iterator<Slot>;
  readonly workers: readonly Worker[];
}

function openQueues(state: MachineState, absent: ReadonlySet<string>): Set<Queue> {
  const open = [...state.instances.values()]
    .filter((instance) => hasRoom(state, instance) && !absent.has(instance.id))
    .map(({ id, capacity, capabilities }) => {
      const worker: Worker = { id, capacity, load: state.index.heldBy(id).size };
      return { worker, capabilities };
    });
  const queues = new Set<Queue>();
  if (open.length === 0) return queues;
  for (const { requires, slots } of state.index.ready.values()) {
    const able = open.filter(({ capabilities }) => isCapable(capabilities, requires));
    const rest = slots[Symbol.iterator]();
    const head = able.length === 0 ? undefined : rest.next();
    if (head === undefined || head.done === true) continue;
    queues.add({ head: head.value, rest, workers: able.map(({ worker }) => worker) });
  }
  return queues;
}

function bestQueue(queues: ReadonlySet<Queue>): Queue | undefined {
  let best: Queue | undefined;
  for (const queue of queues) {
    if (best === undefined || compareSlots(queue.head, best.head) < 0) best = queue;
  }
  return best;
}

/** By the share of its capacity in use; the one registered first among equals. */
function leastLoaded(workers: readonly Worker[]): Worker | undefined {
  let best: Worker | undefined;
  for (const worker of workers) {
    if (worker.load >= worker.capacity) continue;
    if (best === undefined || worker.load * best.capacity < best.load * worker.capacity) best = worker;
  }
  return best;
}
