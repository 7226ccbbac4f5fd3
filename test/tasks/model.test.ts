import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SessionStamp, TaskCommand, TaskResult } from '../../src/tasks/command.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { parseCommand } from '../../src/tasks/schema.ts';
import { leaseOf } from '../../src/tasks/task.ts';
import { NO_USAGE } from '../../src/tasks/usage.ts';
import { bytesOf, iterated, Log, replay, restored } from './log.ts';
import { Model } from './model.ts';
import { IDS, type Step, step } from './steps.ts';

const LENGTH = { minLength: 5, maxLength: 120, size: 'max' } as const;

type Sent = { readonly index: number; readonly result: TaskResult };

/** One run: a log, what its answers promised, and the clients that send with sessions. */
class Run {
  readonly log = new Log();
  readonly model = new Model();
  readonly #sent: Sent[] = [];
  readonly #sequences = new Map<string, number>();

  constructor() {
    this.send({ kind: 'raise-level', level: LATEST_LEVEL });
  }

  take(next: Step): void {
    if (next.do === 'wait') this.log.at += next.ms;
    else if (next.do === 'send') this.send(next.body, next.client);
    else if (next.do === 'work') this.send(this.#workCommand(next));
    else if (next.do === 'plan') this.#plan();
    else this.#repeat(next.back);
    this.model.check(this.log.machine, this.log.at);
  }

  send(body: { kind: TaskCommand['kind'] } & Record<string, unknown>, client?: string): TaskResult {
    const stamp = client === undefined ? undefined : this.#stamp(client);
    const { result } = this.log.apply(body, stamp);
    this.model.observe(parseCommand(body), result, this.log.index);
    if (stamp !== undefined) this.#sent.push({ index: this.log.index, result });
    return result;
  }

  #stamp(client: string): SessionStamp {
    const sequence = (this.#sequences.get(client) ?? 0) + 1;
    this.#sequences.set(client, sequence);
    return { id: client, sequence, ack: 1 };
  }

  /** Mostly about a task that somebody holds: stale fences meet it as well as valid ones. */
  #workCommand({ kind: name, pick, fence, back, spent }: Extract<Step, { do: 'work' }>) {
    const held = [...this.model.leases.keys()];
    const taskId = held[pick % Math.max(held.length, 1)] ?? IDS[pick % IDS.length] ?? 'a';
    const record = this.log.machine.tasks.get(taskId);
    const lease = record === undefined ? undefined : leaseOf(record);
    const current = lease?.fence ?? record?.last?.fence ?? 1;
    const presented = fence === 'current' ? current : Math.max(1, this.log.index - back);
    const base = { taskId, fence: presented };
    // An attempt's meter only goes forward; a command without it says nothing of usage.
    const meter = this.model.meterOf(base) + (spent ?? 0);
    const usage = { ...NO_USAGE, inputTokens: meter };
    const measured = spent === undefined ? {} : { usage };
    switch (name) {
      case 'note':
        return { kind: 'note' as const, ...base, text: 'so far' };
      case 'fail':
        return { kind: 'fail' as const, ...base, reason: 'broke', ...measured };
      case 'save-turn': {
        const turn = 1 + (back % 6);
        return { kind: 'save-turn' as const, ...base, turn, usage, state: Uint8Array.of(pick, back) };
      }
      case 'progress':
        return { kind: 'progress' as const, ...base, text: 'thinking' };
      case 'expire':
        return {
          kind: 'expire' as const,
          ...base,
          renewedAt: back % 2 === 0 ? (lease?.renewedAt ?? 1) : presented,
        };
      case 'renew':
        return { kind: 'renew' as const, tasks: [base] };
      case 'reserve':
        return {
          kind: 'reserve' as const,
          reservationId: `r-${back}`,
          holder: 'w1',
          paths: ['src'],
          task: base,
        };
      default:
        return name === 'start'
          ? { kind: name, ...base }
          : { kind: name as 'complete' | 'release', ...base, ...measured };
    }
  }

  /** What the scheduler plans is granted in full when nothing came in between. */
  #plan(): void {
    const assignments = this.log.machine.plan(this.log.at);
    const result = this.send({ kind: 'assign', assignments: [...assignments] });
    expect(result).toMatchObject({ ok: true, value: { skipped: [] } });
  }

  /** A client that has no answer sends its command again: it gets the first answer, and nothing happens. */
  #repeat(back: number): void {
    const first = this.#sent.at(-1 - back);
    const entry = first === undefined ? undefined : this.log.entries[first.index - 1];
    if (first === undefined || entry === undefined) return;
    const before = [...this.log.machine.tasks.values()];
    expect(this.log.append(entry.data)).toEqual({ result: first.result, events: [] });
    expect([...this.log.machine.tasks.values()]).toEqual(before);
  }

  /** Whatever happened, with people's help every task can still be completed. */
  finish(): void {
    this.send({ kind: 'resume' });
    this.send({ kind: 'configure', maxActive: 100, maxTokens: null });
    for (const taskId of this.log.machine.tasks.keys()) {
      this.send({ kind: 'approve', taskId, by: 'ann' });
      this.send({ kind: 'retry', taskId });
    }
    const able = { agent: 'any', capabilities: ['x', 'y'], capacity: IDS.length, life: 'last' };
    this.send({ kind: 'register', instanceId: 'w4', ...able });
    for (let round = 0; round <= IDS.length; round++) {
      this.log.at += 120_000;
      for (const [taskId, fence] of [...this.model.leases]) this.send({ kind: 'complete', taskId, fence });
      for (const taskId of this.log.machine.tasks.keys()) this.send({ kind: 'retry', taskId });
      this.#plan();
      this.model.check(this.log.machine, this.log.at);
    }
    expect([...this.model.completed].sort()).toEqual([...this.log.machine.tasks.keys()].sort());
  }
}

test('whatever is sent, no promise is broken, and every task can be completed', () => {
  let completed = 0;
  fc.assert(
    fc.property(fc.array(step, LENGTH), (steps) => {
      const run = new Run();
      for (const next of steps) run.take(next);
      completed += run.model.completed.size;
      run.finish();
    }),
    { numRuns: 300 },
  );
  expect(completed, 'the runs get somewhere before they are finished').toBeGreaterThan(100);
});

test('two machines fed the same log are equal in hash and state; one fed another log is not', () => {
  fc.assert(
    fc.property(fc.array(step, LENGTH), (steps) => {
      const run = new Run();
      for (const next of steps) run.take(next);
      run.finish();
      const { machine, entries } = run.log;
      const again = replay(entries);
      expect([again.stateHash, again.appliedIndex]).toEqual([machine.stateHash, machine.appliedIndex]);
      expect([...again.tasks]).toEqual([...machine.tasks]);
      expect([...again.instances]).toEqual([...machine.instances]);
      expect([...again.reservations]).toEqual([...machine.reservations]);
      expect([...again.sessions]).toEqual([...machine.sessions]);
      const [first, ...others] = entries;
      const other = new Log();
      other.apply({ kind: 'pause', reason: 'told to one replica only' });
      const strayed = replay([...other.entries, ...others]);
      expect([first?.index, strayed.appliedIndex]).toEqual([1, machine.appliedIndex]);
      expect(strayed.stateHash).not.toBe(machine.stateHash);
    }),
    { numRuns: 50 },
  );
});

test('a machine that took over from a snapshot goes on as the one it was taken from', () => {
  fc.assert(
    fc.property(fc.array(step, LENGTH), fc.nat(), (steps, at) => {
      const run = new Run();
      for (const next of steps) run.take(next);
      run.finish();
      const { entries } = run.log;
      const cut = at % entries.length;
      const first = replay(entries.slice(0, cut));
      const captured = first.capture();
      // What is applied while the pieces are still being made must not show in them.
      for (const entry of entries.slice(cut)) first.apply(entry);
      const second = restored([...iterated(captured)]);
      expect(second.appliedIndex).toBe(replay(entries.slice(0, cut)).appliedIndex);
      expect(bytesOf(second)).toEqual(bytesOf(replay(entries.slice(0, cut))));
      const late = replay(entries.slice(0, cut));
      for (const entry of entries.slice(cut)) {
        expect(second.apply(entry)).toEqual(late.apply(entry));
        expect([second.plan(run.log.at), second.counts]).toEqual([late.plan(run.log.at), late.counts]);
      }
      expect(second.stateHash).toBe(first.stateHash);
      expect([...second.tasks]).toEqual([...first.tasks]);
    }),
    { numRuns: 150 },
  );
});
