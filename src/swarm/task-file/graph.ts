import type { Place, Problem } from './document.ts';
import type { PlacedTask } from './fields.ts';
import { quoted, suggestion } from './words.ts';

/** What is wrong between tasks: ids used twice, dependencies on nothing, and cycles. */
export function graphProblems(tasks: readonly PlacedTask[], place: (at: number) => Place): Problem[] {
  const named = tasks.filter(({ spec }) => spec.id !== '');
  const first = new Map<string, PlacedTask>();
  const problems: Problem[] = [];
  for (const task of named) {
    const earlier = first.get(task.spec.id);
    if (earlier === undefined) first.set(task.spec.id, task);
    else problems.push(usedTwice(task, place(earlier.at)));
  }
  return [...problems, ...unknownDependencies(first), ...cycles(first)];
}

function usedTwice(task: PlacedTask, earlier: Place): Problem {
  const message = `the id ${quoted(task.spec.id)} is used on line ${earlier.line} already; give each task its own`;
  return { at: task.at, message };
}

function unknownDependencies(tasks: ReadonlyMap<string, PlacedTask>): Problem[] {
  const unknown = [...tasks.values()].flatMap(({ spec, dependsOn }) =>
    dependsOn.filter(({ text }) => !tasks.has(text)).map((dependency) => ({ id: spec.id, ...dependency })),
  );
  return unknown.map(({ id, text, at }) => {
    const others = [...tasks.keys()].filter((other) => other !== id);
    const message = `task ${quoted(id)} depends on ${quoted(text)}, which no task is called; ${suggestion(text, others)}`;
    return { at, message };
  });
}

/** At least one cycle of every knot of tasks, told from the one that stands first in the file. */
function cycles(tasks: ReadonlyMap<string, PlacedTask>): Problem[] {
  const found = new Map<string, Problem>();
  const done = new Set<string>();
  const trail: string[] = [];
  const order = new Map([...tasks.keys()].map((id, index) => [id, index]));
  // As deep as the longest chain, which the number of tasks in a file bounds.
  const walk = (id: string): void => {
    if (done.has(id)) return;
    const start = trail.indexOf(id);
    if (start >= 0) {
      const loop = fromFirst(trail.slice(start), order);
      const text = [...loop, loop[0]].join(' → ');
      found.set(text, { at: tasks.get(loop[0] ?? '')?.at ?? 0, message: cycleMessage(text) });
    }
    if (start >= 0) return;
    trail.push(id);
    for (const { text } of tasks.get(id)?.dependsOn ?? []) walk(text);
    trail.pop();
    done.add(id);
  };
  for (const id of tasks.keys()) walk(id);
  return [...found.values()];
}

function fromFirst(loop: readonly string[], order: ReadonlyMap<string, number>): readonly string[] {
  const place = (id: string): number => order.get(id) ?? 0;
  const first = loop.reduce((best, id, index) => (place(id) < place(loop[best] ?? '') ? index : best), 0);
  return [...loop.slice(first), ...loop.slice(0, first)];
}

function cycleMessage(text: string): string {
  return `these tasks wait for each other and none can start: ${text}; remove one of the dependencies`;
}
