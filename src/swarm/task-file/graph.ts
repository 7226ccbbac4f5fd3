import { type Place, type Problem, whileFew } from './document.ts';
import type { PlacedTask } from './fields.ts';
import { quoted, suggestion } from './words.ts';

type Tasks = ReadonlyMap<string, PlacedTask>;

/** Adds to `problems` what is wrong between tasks: ids used twice, dependencies on nothing, and cycles. */
export function checkGraph(
  tasks: readonly PlacedTask[],
  place: (at: number) => Place,
  problems: Problem[],
): void {
  const first = new Map<string, PlacedTask>();
  for (const task of whileFew(problems, tasks)) {
    if (task.spec.id === '') continue;
    const earlier = first.get(task.spec.id);
    if (earlier === undefined) first.set(task.spec.id, task);
    else problems.push(usedTwice(task, place(earlier.at)));
  }
  findUnknown(first, problems);
  findCycles(first, problems);
}

function usedTwice(task: PlacedTask, earlier: Place): Problem {
  const message = `the id ${quoted(task.spec.id)} is used on line ${earlier.line} already; give each task its own`;
  return { at: task.at, message };
}

function findUnknown(tasks: Tasks, problems: Problem[]): void {
  for (const { dependsOn, spec } of whileFew(problems, tasks.values())) {
    const unknown = dependsOn.filter(({ text }) => !tasks.has(text));
    for (const { at, text } of whileFew(problems, unknown)) {
      const others = [...tasks.keys()].filter((other) => other !== spec.id);
      const message = `task ${quoted(spec.id)} depends on ${quoted(text)}, which no task is called; ${suggestion(text, others)}`;
      problems.push({ at, message });
    }
  }
}

/** Knots of tasks that are shown as cycles. */
const MAX_CYCLES = 20;

/** At least one cycle of every knot of tasks, told from the one that stands first in the file. */
function findCycles(tasks: Tasks, problems: Problem[]): void {
  const found = new Set<string>();
  const done = new Set<string>();
  /** The tasks on the way here, each with its place on it. */
  const trail = new Map<string, number>();
  const order = new Map([...tasks.keys()].map((id, index) => [id, index]));
  // As deep as the longest chain, which the number of tasks in a file bounds.
  const walk = (id: string): void => {
    if (done.has(id) || found.size >= MAX_CYCLES) return;
    const start = trail.get(id);
    if (start !== undefined) {
      const loop = fromFirst([...trail.keys()].slice(start), order);
      const text = told([...loop, loop[0] ?? '']);
      if (!found.has(text)) problems.push({ at: tasks.get(loop[0] ?? '')?.at ?? 0, message: cycle(text) });
      found.add(text);
      return;
    }
    trail.set(id, trail.size);
    for (const { text } of tasks.get(id)?.dependsOn ?? []) walk(text);
    trail.delete(id);
    done.add(id);
  };
  for (const id of tasks.keys()) walk(id);
}

const MAX_TOLD_IDS = 30;

function told(ids: readonly string[]): string {
  const left = ids.length - MAX_TOLD_IDS;
  if (left <= 0) return ids.join(' → ');
  return `${ids.slice(0, MAX_TOLD_IDS - 1).join(' → ')} → … ${left} more … → ${ids.at(-1)}`;
}

function fromFirst(loop: readonly string[], order: ReadonlyMap<string, number>): readonly string[] {
  const place = (id: string): number => order.get(id) ?? 0;
  const first = loop.reduce((best, id, index) => (place(id) < place(loop[best] ?? '') ? index : best), 0);
  return [...loop.slice(first), ...loop.slice(0, first)];
}

function cycle(text: string): string {
  return `these tasks wait for each other and none can start: ${text}; remove one of the dependencies`;
}
