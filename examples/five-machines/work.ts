import { SwarmError } from 'raft-manager';
import { type Machine, until } from './machine.ts';

/** Tasks that come in all the time: each writes its id and its fence into a file of the machine that does it. */
export interface SteadyWork {
  /** How many are done. */
  readonly done: number;
  /** Resolves when `count` more are done than now. */
  goesOn(count: number): Promise<void>;
  /** No more of them; resolves with the ids of all, when all are done. */
  finish(): Promise<readonly string[]>;
}

const AT_ONCE = 3;
export const LEDGER = 'ledger';

/** Submits tasks on `machine`, a few at once, the next one whenever one is done. */
export async function startWork(machine: Machine): Promise<SteadyWork> {
  const client = await machine.connect();
  const ids: string[] = [];
  let done = 0;
  let over = false;
  const lanes = Array.from({ length: AT_ONCE }, async (_, lane) => {
    for (let number = 1; !over; number += 1) {
      const id = `task-${lane + 1}-${number}`;
      ids.push(id);
      const task = { id, run: `echo "$TASK_ID $FENCE" >>${LEDGER}` };
      // Under a key of its own it may be sent again: it is in the log once.
      await insist(() => client.submit([task], { key: id }));
      await insist(() => client.settled([id]));
      done += 1;
    }
  });
  // What goes wrong is heard where it is waited for.
  const all = Promise.all(lanes);
  all.catch(() => undefined);
  return {
    get done() {
      return done;
    },
    async goesOn(count) {
      const before = done;
      await Promise.race([all, until(`${count} more tasks`, () => done >= before + count)]);
    },
    async finish() {
      over = true;
      await all;
      await client.close();
      return ids;
    },
  };
}

/** A swarm that just elects, or whose nodes are beyond a cut, answers a little later. */
function insist<T>(ask: () => Promise<T>): Promise<T> {
  return until('an answer of the swarm', async () => {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof SwarmError && PASSING.has(error.code)) return undefined;
      throw error;
    }
  });
}

const PASSING: ReadonlySet<string> = new Set(['NO_QUORUM', 'NOT_RUNNING', 'OUTCOME_UNKNOWN', 'BUSY']);
