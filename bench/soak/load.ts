import { randomUUID } from 'node:crypto';
import { build, type Histogram } from 'hdr-histogram-js';
import type { SwarmClient } from '../../src/swarm/client.ts';

/** What came of the commands of one stretch of time. */
export interface Stretch {
  readonly commands: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Tasks that one client has under way. */
const AT_ONCE = 32;
const COMMANDS_PER_TASK = 3;
const PATIENCE_MS = 60_000;
/** No instance of the swarm has it: the benchmark itself takes the work and does it at once. */
const ABILITY = 'soak';
const PROMPT = 'Say in a sentence what this file is for, and name what is missing in it. '.repeat(4);
const OUTPUT = 'The file does what its name says; a test of the empty case is missing. '.repeat(6);

/** Tasks through a swarm, each submitted, claimed and completed, until so many commands were acknowledged. */
export class Load {
  readonly #clients: readonly SwarmClient[];
  readonly #total: number;
  #begun = 0;
  #histogram = newHistogram();
  acknowledged = 0;

  constructor(clients: readonly SwarmClient[], total: number) {
    this.#clients = clients;
    this.#total = total;
  }

  async run(): Promise<void> {
    await Promise.all(
      this.#clients.flatMap((client) => Array.from({ length: AT_ONCE }, () => this.#work(client))),
    );
  }

  /** Since the last time it was asked for. */
  takeStretch(): Stretch {
    const histogram = this.#histogram;
    this.#histogram = newHistogram();
    const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
    return { commands: histogram.totalCount, p50Ms: at(50), p99Ms: at(99), maxMs: at(100) };
  }

  async #work(client: SwarmClient): Promise<void> {
    while (this.#begun < this.#total) {
      this.#begun += COMMANDS_PER_TASK;
      await this.#doTask(client, `t-${this.#begun}`);
    }
  }

  async #doTask(client: SwarmClient, id: string): Promise<void> {
    const patience = { timeoutMs: PATIENCE_MS };
    await this.#timed(() =>
      client.execute(
        {
          kind: 'submit',
          key: id,
          tasks: [
            {
              id,
              title: id,
              prompt: PROMPT,
              requires: [ABILITY],
              priority: 'normal',
              dependsOn: [],
              env: {},
            },
          ],
        },
        patience,
      ),
    );
    const claimant = { id: 'bench', capabilities: [ABILITY] };
    const { fence } = await this.#timed(() =>
      client.execute({ kind: 'claim', requestId: randomUUID(), claimant, taskId: id }, patience),
    );
    await this.#timed(() =>
      client.execute(
        { kind: 'complete', taskId: id, fence, exitCode: 0, output: OUTPUT, hooks: [] },
        patience,
      ),
    );
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const result = await work();
    this.#histogram.recordValue(Math.max(1, Math.round((performance.now() - began) * 1000)));
    this.acknowledged += 1;
    return result;
  }
}

/** Microseconds. */
function newHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: PATIENCE_MS * 1000 });
}
