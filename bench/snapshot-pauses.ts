import { logIndex, term } from '../src/protocol/ids.ts';
import { encodeEnvelope } from '../src/tasks/codec.ts';
import { TaskMachine } from '../src/tasks/machine.ts';
import { parseCommand } from '../src/tasks/schema.ts';

/**
 * How long a snapshot of the task log stops the event loop: capturing the state, making or taking in one
 * piece of it, and changing over to it. `npm run bench:snapshot`
 */
const TASKS = 100_000;
const A_SUBMISSION = 2_000;

interface Longest {
  ms: number;
}

const machine = new TaskMachine();
fill(machine);
const capture = timed(() => machine.capture());
const making: Longest = { ms: 0 };
const pieces: Uint8Array[] = [];
for (;;) {
  const next = timed(() => capture.value.next());
  making.ms = Math.max(making.ms, next.ms);
  if (next.value.done === true) break;
  pieces.push(next.value.value);
}
const copy = new TaskMachine();
const restoration = copy.restore();
const taking: Longest = { ms: 0 };
for (const piece of pieces) taking.ms = Math.max(taking.ms, timed(() => restoration.add(piece)).ms);
const finish = timed(() => restoration.finish());
if (copy.stateHash !== machine.stateHash) throw new Error('the copy is not what it was taken from');

const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
console.log(`${TASKS} tasks, ${(bytes / 1024 / 1024).toFixed(1)} MiB in ${pieces.length} pieces`);
console.log('longest stop of the event loop, ms');
for (const [what, ms] of Object.entries({
  'capture the state': capture.ms,
  'make one piece': making.ms,
  'take in one piece': taking.ms,
  'change over': finish.ms,
})) {
  console.log(`  ${what.padEnd(20)} ${ms.toFixed(1)}`);
}

function fill(target: TaskMachine): void {
  for (let from = 0; from < TASKS; from += A_SUBMISSION) {
    const tasks = Array.from({ length: A_SUBMISSION }, (_, at) => ({
      id: `task-${from + at}`,
      title: `Task number ${from + at}`,
      run: 'npm test',
      requires: ['build'],
      dependsOn: at === 0 ? [] : [`task-${from + at - 1}`],
    }));
    const body = parseCommand({ kind: 'submit', key: `k${from}`, tasks });
    const index = logIndex(from / A_SUBMISSION + 1);
    target.apply({ index, term: term(1), kind: 'command', data: encodeEnvelope({ at: 1, body }) });
  }
}

function timed<T>(work: () => T): { readonly value: T; readonly ms: number } {
  const began = performance.now();
  const value = work();
  return { value, ms: performance.now() - began };
}
