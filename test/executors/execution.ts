import type { Checkpoint, Execution, SavedTurn, SwarmTools } from '../../src/agents/executors/port.ts';
import { lintAgent } from '../../src/agents/lint.ts';
import { noTasks } from '../../src/tasks/task.ts';
import { NO_USAGE } from '../../src/tasks/usage.ts';
import { PATH } from '../shell/playground.ts';

const AGENT = `---
name: gardener
description: looks after roses
---
You look after roses.
`;

/** The definition in `text`, which must be an agent. */
export function agentOf(text: string): Execution['agent'] {
  const { definition } = lintAgent({ path: 'gardener.md', text, sha256: '0'.repeat(64) });
  if (definition === undefined) throw new Error('the text is no agent');
  return definition;
}

/** Keeps turns in memory, in the order in which they came. */
export class MemoryCheckpoint implements Checkpoint {
  readonly saved: SavedTurn[] = [];

  async load(): Promise<SavedTurn | undefined> {
    return this.saved.at(-1);
  }

  async save(turn: SavedTurn): Promise<void> {
    this.saved.push(turn);
  }
}

/** A swarm of nobody, in which nothing is reserved and what is submitted stays queued. */
export function emptySwarm(): SwarmTools {
  return {
    async status() {
      const nobody = { instances: [], reservations: [], usage: NO_USAGE };
      return { coordinator: null, term: 0, paused: null, counts: noTasks(), ...nobody };
    },
    submit: async (tasks) => tasks.map(({ id }) => id),
    note: async () => undefined,
    reserve: async (paths) => paths.join('-'),
    release: async () => undefined,
    task: async () => undefined,
  };
}

/** The first attempt of a task that asks for nothing special. */
export function executionOf(changed: Partial<Execution>): Execution {
  return {
    taskId: 'roses',
    title: 'roses',
    run: undefined,
    prompt: undefined,
    agent: agentOf(AGENT),
    instanceId: 'gardener-1',
    fence: 7,
    attempt: 1,
    notes: [],
    coordinator: 'gardener-1',
    model: undefined,
    maxTurns: undefined,
    budget: { spent: NO_USAGE },
    swarmBudget: {},
    checkpoint: new MemoryCheckpoint(),
    swarm: emptySwarm(),
    environment: { PATH },
    cwd: '/',
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    ...changed,
  };
}
