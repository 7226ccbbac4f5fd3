import { SwarmError } from '../../src/protocol/errors.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { parseCommand } from '../../src/tasks/schema.ts';
import { eventually } from './harness.ts';

const CLIENTS = 3;
const ANSWER_MS = 2_000;

interface SteadyWork {
  /** Ids of the tasks whose submission was acknowledged. */
  readonly acknowledged: readonly string[];
  /** Waits until more was acknowledged, and done, than there is now. */
  goesOn(): Promise<void>;
  /** Says no more, and waits for what is on its way. */
  stop(): Promise<void>;
}

/** Clients that each submit one small task after the other, the next when the last one is done. */
export function keepBusy(folder: SwarmFolder): SteadyWork {
  const acknowledged: string[] = [];
  let completed = 0;
  const over = new AbortController();
  const client = new SwarmClient({ folder, name: 'steady', version: 'test' });
  const clients = Array.from({ length: CLIENTS }, async (_, number) => {
    for (let count = 1; !over.signal.aborted; count += 1) {
      const id = `task-${number}-${count}`;
      if (!(await submit(client, id))) continue;
      acknowledged.push(id);
      await eventually(
        `${id} to be completed`,
        async () => over.signal.aborted || (await isDone(client, id)),
      );
      completed += 1;
    }
  });
  return {
    acknowledged,
    async goesOn() {
      const before = completed;
      await eventually('more work to be done', () => completed >= before + 2 * CLIENTS);
    },
    async stop() {
      over.abort();
      await Promise.all(clients);
      await client.close();
    },
  };
}

/** False when it is not known what became of it: it may be in the log or not. */
async function submit(client: SwarmClient, id: string): Promise<boolean> {
  const command = parseCommand({ kind: 'submit', key: id, tasks: [{ id, run: 'true' }] });
  return answered(client.execute(command, { timeoutMs: ANSWER_MS }).then(() => true));
}

function isDone(client: SwarmClient, id: string): Promise<boolean> {
  const asked = client.query({ kind: 'task', id }, { timeoutMs: ANSWER_MS });
  return answered(asked.then((task) => task?.state === 'completed'));
}

async function answered(work: Promise<boolean>): Promise<boolean> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof SwarmError) return false;
    throw error;
  }
}
