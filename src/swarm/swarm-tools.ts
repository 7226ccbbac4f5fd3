import { randomUUID } from 'node:crypto';
import type { SwarmTools } from '../agents/executors/port.ts';
import type { Node } from '../node/node.ts';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex } from '../protocol/ids.ts';
import type { SubmitCommand, TaskFence } from '../tasks/command.ts';
import type { ApplyResult, TaskMachine } from '../tasks/machine.ts';
import { parseCommand } from '../tasks/schema.ts';
import type { Answers } from './port.ts';
import { answerOf } from './queries.ts';
import type { CommandSession } from './session.ts';

export interface SwarmToolsOptions {
  readonly machine: TaskMachine;
  readonly session: CommandSession;
  readonly instanceId: string;
  /** @throws SwarmError NOT_RUNNING before it has started. */
  node(): Node<ApplyResult>;
}

/** What one attempt may do in its swarm, through its own node. */
export function createSwarmTools(options: SwarmToolsOptions, task: TaskFence): SwarmTools {
  const { instanceId, machine, session } = options;
  const ask = <Kind extends 'overview' | 'reservations'>(kind: Kind): Promise<Answers[Kind]> =>
    askNode(options, { kind }) as Promise<Answers[Kind]>;
  return {
    async status() {
      const { paused, counts, instances, usage } = await ask('overview');
      const { leaderId, term } = options.node().status();
      const reservations = await ask('reservations');
      return { coordinator: leaderId ?? null, term, paused, counts, instances, usage, reservations };
    },
    async submit(tasks, key = randomUUID()) {
      const { taskIds } = await session.execute(
        parseCommand({ kind: 'submit', key, tasks }) as SubmitCommand,
      );
      return taskIds;
    },
    async note(text) {
      await session.execute({ kind: 'note', ...task, text });
    },
    async reserve(paths, mode) {
      const reservationId = randomUUID();
      const wanted = { kind: 'reserve', reservationId, holder: instanceId, paths, mode, task } as const;
      await session.execute(parseCommand(wanted) as typeof wanted);
      return reservationId;
    },
    async release(reservationId) {
      const reservation = machine.reservations.get(reservationId);
      // Released already, or ended with its lease: either way nobody has it.
      if (reservation === undefined) return;
      const { holder, fence } = reservation;
      if (holder !== instanceId) {
        throw new SwarmError(
          'RESERVED',
          `reservation ${reservationId} is held by ${holder}, who alone may release it`,
        );
      }
      await session.execute({ kind: 'release-reservation', reservationId, fence });
    },
    async task(id) {
      return ((await askNode(options, { kind: 'task', id })) as Answers['task']) ?? undefined;
    },
  };
}

/** Sees everything that was acknowledged before it was asked. */
async function askNode(
  { machine, node }: Pick<SwarmToolsOptions, 'machine' | 'node'>,
  query: Parameters<typeof answerOf>[0],
): Promise<ReturnType<typeof answerOf>> {
  const here = node();
  await new Promise<LogIndex>((resolve, reject) => {
    here.readBarrier((outcome: Outcome<LogIndex>) => {
      if (outcome.ok) resolve(outcome.value);
      else reject(outcome.error);
    });
  });
  return answerOf(query, { machine, node: here });
}
