import { expect } from 'vitest';
import type { ResultValues, TaskCommand, TaskFence, TaskResult } from '../../src/tasks/command.ts';
import type { TaskMachine } from '../../src/tasks/machine.ts';
import { tokensOf } from '../../src/tasks/usage.ts';

interface Kept {
  readonly turn: number;
  readonly state: Uint8Array;
}

/**
 * What was used up, and what was saved, as the answers alone tell it: each attempt has a meter that only goes forward,
 * a task has used up what its attempts have, the swarm what its tasks have.
 */
export class Spending {
  /** By `task/fence`. */
  readonly #meters = new Map<string, number>();
  readonly #turns = new Map<string, number>();
  readonly #kept = new Map<string, Kept>();
  /** Of each task at its last retry. */
  readonly #forgiven = new Map<string, number>();
  readonly #limits = new Map<string, number>();
  #limit: number | undefined;

  meterOf({ taskId, fence }: TaskFence): number {
    return this.#meters.get(`${taskId}/${fence}`) ?? 0;
  }

  observe(command: TaskCommand, result: TaskResult): void {
    if (!result.ok) return;
    switch (command.kind) {
      case 'submit':
        return this.#submitted(command, result.value as ResultValues['submit']);
      case 'configure':
        if (command.maxTokens !== undefined) this.#limit = command.maxTokens ?? undefined;
        return;
      case 'retry':
        for (const id of (result.value as ResultValues['retry']).taskIds)
          this.#forgiven.set(id, this.#spentOn(id));
        return;
      case 'save-turn':
        return this.#saved(command, result.value as ResultValues['save-turn']);
      case 'complete':
      case 'fail':
      case 'release':
        if (command.usage !== undefined) this.#advance(command, command.usage.inputTokens);
        return this.#dropIfOver(command, result);
      case 'cancel':
        this.#kept.delete(command.taskId);
        return;
      default:
        return;
    }
  }

  /** No lease begins when there is nothing left for it to use up. */
  checkGrant(taskId: string): void {
    const limit = this.#limit ?? Number.POSITIVE_INFINITY;
    expect(this.#total(), 'the budget of the swarm').toBeLessThan(limit);
    expect(this.#left(taskId), `the budget of ${taskId}`).toBeGreaterThan(0);
  }

  check(machine: TaskMachine): void {
    const told = [...machine.tasks.values()].map(({ id, usage, saved }) => {
      return { id, spent: usage === undefined ? 0 : tokensOf(usage), saved: keptOf(saved) };
    });
    const known = [...machine.tasks.keys()].map((id) => {
      return { id, spent: this.#spentOn(id), saved: keptOf(this.#kept.get(id)) };
    });
    expect(told, 'what was used up is counted once, and what was saved is there').toEqual(known);
    expect(tokensOf(machine.usage)).toBe(this.#total());
  }

  #submitted(command: Extract<TaskCommand, { kind: 'submit' }>, { repeated }: ResultValues['submit']): void {
    if (repeated) return;
    for (const { id, maxTokens } of command.tasks)
      if (maxTokens !== undefined) this.#limits.set(id, maxTokens);
  }

  #saved(command: Extract<TaskCommand, { kind: 'save-turn' }>, value: ResultValues['save-turn']): void {
    const { taskId, fence, turn, state, usage } = command;
    const key = `${taskId}/${fence}`;
    const isNew = turn > (this.#turns.get(key) ?? 0);
    if (isNew) {
      this.#turns.set(key, turn);
      this.#advance(command, usage.inputTokens);
      if (state !== undefined) this.#kept.set(taskId, { turn, state });
    }
    const isOver = isNew && this.#left(taskId) <= 0;
    expect(value.state, `${taskId} goes on while it has something left`).toBe(isOver ? 'parked' : 'running');
  }

  #advance(task: TaskFence, meter: number): void {
    this.#meters.set(`${task.taskId}/${task.fence}`, Math.max(this.meterOf(task), meter));
  }

  #dropIfOver(command: TaskCommand & TaskFence, result: TaskResult & { ok: true }): void {
    const state = command.kind === 'fail' ? (result.value as ResultValues['fail']).state : undefined;
    if (command.kind === 'complete' || state === 'failed') this.#kept.delete(command.taskId);
  }

  #left(taskId: string): number {
    const limit = this.#limits.get(taskId) ?? Number.POSITIVE_INFINITY;
    return limit - (this.#spentOn(taskId) - (this.#forgiven.get(taskId) ?? 0));
  }

  #spentOn(taskId: string): number {
    return sum([...this.#meters].filter(([key]) => key.startsWith(`${taskId}/`)).map(([, meter]) => meter));
  }

  #total(): number {
    return sum([...this.#meters.values()]);
  }
}

function keptOf(kept: Partial<Kept> | undefined): string | undefined {
  return kept === undefined ? undefined : `${kept.turn}: ${(kept.state ?? []).join(' ')}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
