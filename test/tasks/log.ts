import type { Entry } from '../../src/protocol/entry.ts';
import { logIndex, term } from '../../src/protocol/ids.ts';
import { encodeEnvelope } from '../../src/tasks/codec.ts';
import type { Envelope, ResultValues, SessionStamp, TaskCommand } from '../../src/tasks/command.ts';
import { type ApplyResult, TaskMachine } from '../../src/tasks/machine.ts';
import { parseCommand } from '../../src/tasks/schema.ts';
import type { TaskRecord } from '../../src/tasks/task.ts';

type Body = { readonly kind: TaskCommand['kind'] } & Readonly<Record<string, unknown>>;

/** A machine with the log that drives it: commands go through the schema and the codec, as they do in life. */
export class Log {
  readonly machine = new TaskMachine();
  readonly entries: Entry[] = [];
  /** Wall clock of the next command, in ms. */
  at = 1_000_000;

  get index(): number {
    return this.entries.length;
  }

  apply(body: Body, session?: SessionStamp): ApplyResult {
    const envelope: Envelope = { at: this.at, body: parseCommand(body) };
    return this.append(encodeEnvelope(session === undefined ? envelope : { ...envelope, session }));
  }

  append(data: Uint8Array): ApplyResult {
    const entry: Entry = { index: logIndex(this.entries.length + 1), term: term(1), kind: 'command', data };
    this.entries.push(entry);
    return this.machine.apply(entry);
  }

  /** Applies a command that must succeed. */
  ok<Kind extends TaskCommand['kind']>(body: Body & { readonly kind: Kind }): ResultValues[Kind] {
    const { result } = this.apply(body);
    if (!result.ok) throw new Error(`${body.kind} was refused: ${result.code}, ${result.message}`);
    return result.value as ResultValues[Kind];
  }

  /** The code with which a command is refused; `ok` if it is not. */
  code(body: Body): string {
    const { result } = this.apply(body);
    return result.ok ? 'ok' : result.code;
  }

  submit(...tasks: readonly (string | Readonly<Record<string, unknown>>)[]): void {
    const specs = tasks.map((task) => (typeof task === 'string' ? { id: task } : task));
    this.ok({ kind: 'submit', key: `key-${this.index}`, tasks: specs });
  }

  register(instanceId: string, more: Readonly<Record<string, unknown>> = {}): void {
    this.ok({
      kind: 'register',
      instanceId,
      agent: 'worker',
      capabilities: [],
      capacity: 10,
      life: 'first',
      ...more,
    });
  }

  /** Claims a task and returns its fence. */
  claim(taskId: string, id = 'claimant'): number {
    const claimant = { id, capabilities: [] };
    return this.ok({ kind: 'claim', requestId: `request-${this.index}`, claimant, taskId }).fence;
  }

  /** Lets an attempt fail at once, whatever pause the one before has earned. */
  failOnce(taskId: string): void {
    this.at += 120_000;
    this.ok({ kind: 'fail', taskId, fence: this.claim(taskId), reason: 'broke' });
  }

  task(id: string): TaskRecord {
    const record = this.machine.tasks.get(id);
    if (record === undefined) throw new Error(`no task ${id}`);
    return record;
  }

  state(id: string): string {
    return this.task(id).phase.state;
  }
}

/** A machine that has applied the same entries. */
export function replay(entries: readonly Entry[]): TaskMachine {
  const machine = new TaskMachine();
  for (const entry of entries) machine.apply(entry);
  return machine;
}

/** What is left of an iterator. */
export function* iterated<T>(iterator: Iterator<T>): Generator<T> {
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) yield next.value;
}

/** A machine that took over from a snapshot. */
export function restored(pieces: readonly Uint8Array[]): TaskMachine {
  const machine = new TaskMachine();
  const restoration = machine.restore();
  for (const piece of pieces) restoration.add(piece);
  restoration.finish();
  return machine;
}

/** The whole state of a machine, to compare. */
export function bytesOf(machine: TaskMachine): string {
  return Buffer.concat([...iterated(machine.capture())]).toString('latin1');
}
