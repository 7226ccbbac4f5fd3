import { setTimeout as delay } from 'node:timers/promises';
import type { Millis } from '../protocol/ids.ts';
import { CrdtClient } from '../siblings/crdt-synchronizer/crdt-client.ts';
import { type Census, takeCensus } from '../swarm/census.ts';
import type { SwarmFolder } from '../swarm/layout.ts';
import type { Answers, ExecuteOptions, Query, Swarm } from '../swarm/port.ts';
import { compareNodes, type Verdict } from '../swarm/verification.ts';
import type { ResultValues, TaskCommand } from '../tasks/command.ts';
import { parseCommand } from '../tasks/schema.ts';
import type { Membership } from './membership.ts';
import type { SwarmEvent, SwarmLink } from './swarm-link.ts';

interface SessionOptions {
  readonly link: SwarmLink;
  readonly membership: Membership;
  readonly capabilities: readonly string[];
  readonly version: string;
}

/**
 * Of whatever is claimed or reserved here. The session's node renews it; when the process is killed, nobody does, and
 * others need not wait long.
 */
export const LEASE_MS: Millis = 30_000;

const CENSUS_TIMEOUT_MS: Millis = 2_000;
/** A swarm that has just come up elects within this. */
const SETTLING_MS: Millis = 5_000;
const PAUSE_MS: Millis = 100;
const VERIFY_TIMEOUT_MS: Millis = 10_000;

/** What tools and resources may do: everything goes through the project's swarm. */
export class Session {
  readonly capabilities: readonly string[];
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.capabilities = options.capabilities;
  }

  /** The name under which this session works, while that is known. */
  get name(): string | undefined {
    return this.#options.membership.current;
  }

  /** @throws SwarmError NOT_RUNNING, NO_QUORUM when the swarm cannot give one. */
  holder(): Promise<string> {
    return this.#options.membership.holder();
  }

  /**
   * Carries out one command exactly once.
   *
   * @throws SwarmError BAD_INPUT when it is none; the machine's code when it is refused; NOT_RUNNING, NO_QUORUM,
   *   OUTCOME_UNKNOWN when it could not be settled.
   */
  async execute<C extends TaskCommand>(
    command: C,
    options?: ExecuteOptions,
  ): Promise<ResultValues[C['kind']]> {
    const checked = parseCommand(command) as C;
    const { client } = await this.#options.link.linked();
    return client.execute(checked, options);
  }

  async query<Q extends Query>(query: Q): Promise<Answers[Q['kind']]> {
    const { client } = await this.#options.link.linked();
    return client.query(query);
  }

  /** For whoever has to know the folder of the swarm, too. */
  async office(): Promise<{ readonly by: string; readonly swarm: Swarm; readonly folder: SwarmFolder }> {
    const { client, folder } = await this.#options.link.linked();
    return { by: this.name ?? 'mcp', swarm: client, folder };
  }

  /** Whom siblings are asked through. */
  async asker(): Promise<Pick<Swarm, 'ask'>> {
    const { client } = await this.#options.link.linked();
    return client;
  }

  /** Who is there and who leads: asked of each node, so that it is known without a quorum, too. */
  async census(): Promise<Census> {
    const { folder, since } = await this.#options.link.linked();
    for (;;) {
      const census = await takeCensus(folder, this.#options.version, CENSUS_TIMEOUT_MS);
      if (census.quorum || performance.now() - since > SETTLING_MS) return census;
      await delay(PAUSE_MS);
    }
  }

  /** What the instances share outside the log, and under which name this session writes there; needs no quorum. */
  async documents(): Promise<{ readonly documents: CrdtClient; readonly name: string }> {
    const { client } = await this.#options.link.linked();
    return { documents: new CrdtClient(client), name: this.name ?? 'mcp' };
  }

  /** Puts a checkpoint into the log and asks every member what it has come to there. */
  async verify({ full }: { readonly full: boolean }): Promise<{
    readonly index: number;
    readonly verdicts: readonly Verdict[];
  }> {
    const { version } = this.#options;
    const { index } = await this.execute({ kind: 'checkpoint', full });
    const { folder } = await this.#options.link.linked();
    const { nodes } = await this.census();
    const asked = { folder, nodes, version, timeoutMs: VERIFY_TIMEOUT_MS };
    return { index, verdicts: await compareNodes(asked, { index, full }) };
  }

  listen(listener: (event: SwarmEvent) => void): () => void {
    return this.#options.link.listen(listener);
  }

  /** Gives back all that this session holds, and reports it; nothing when there is nobody to tell. */
  async giveBack(timeoutMs: Millis): Promise<void> {
    const holder = this.name;
    if (holder === undefined) return;
    const { client } = await this.#options.link.linked();
    const query = { kind: 'brief', holders: [holder], capabilities: [], since: null } as const;
    const { held, reservations } = await client.query(query, { timeoutMs });
    const reason = `${holder} ended its session`;
    const ours = reservations.filter((one) => one.holder === holder);
    // What ran out meanwhile is refused, and that is all right.
    await Promise.allSettled([
      ...held.map(({ id, fence }) => {
        return client.execute({ kind: 'release', taskId: id, fence, reason }, { timeoutMs });
      }),
      ...ours.map(({ id, fence }) => {
        return client.execute({ kind: 'release-reservation', reservationId: id, fence }, { timeoutMs });
      }),
    ]);
  }
}
