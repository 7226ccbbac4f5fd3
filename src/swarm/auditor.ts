import { SwarmError } from '../protocol/errors.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import { type Configuration, members } from '../protocol/state.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { type Divergent, findDivergence, type Testimony } from './divergence.ts';
import type { Said } from './verification.ts';

export interface AuditorOptions {
  readonly self: NodeId;
  readonly machine: Pick<TaskMachine, 'appliedIndex' | 'instances'>;
  /** Between two comparisons; 0: there are none. */
  readonly everyMs: Millis;
  configuration(): Configuration;
  /** Puts a checkpoint into the log, and tells its index. */
  checkpoint(full: boolean): Promise<number>;
  /** Asks every member what it has come to there. */
  hear(
    ids: readonly NodeId[],
    checkpoint: { readonly index: number; readonly full: boolean },
  ): Promise<readonly Said[]>;
  /** Tells a member to stop and keep what it has. */
  quarantine(id: NodeId, order: { readonly index: number; readonly why: string }): Promise<void>;
  /** For people, loudly. */
  onAlarm(error: SwarmError): void;
}

/**
 * Every so many comparisons all of the state is looked through, not only its running hash. So it is in the first of a
 * reign, and when a voter has been started since: it has read its state from the disk.
 */
const FULL_EVERY = 10;

/**
 * Compares, while this node leads, what the members have come to at one and the same index, and has whoever differs
 * from the majority stop itself. An idle swarm is left alone: what has not changed was compared.
 */
export class Auditor {
  readonly #options: AuditorOptions;
  #timer: NodeJS.Timeout | undefined;
  #isAtWork = false;
  #rounds = 0;
  /** Of the voters, at the last time that all was looked through. */
  #lives = '';
  /** Of the last checkpoint that everybody agreed on. */
  #agreedAt = 0;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** This node leads now. */
  begin(): void {
    this.end();
    const { everyMs } = this.#options;
    this.#rounds = 0;
    if (everyMs > 0) this.#timer = setInterval(() => void this.#lookIfDue(), everyMs);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #lookIfDue(): Promise<void> {
    const { configuration, machine, onAlarm } = this.#options;
    const ids = members(configuration());
    if (this.#isAtWork || ids.length < 2 || machine.appliedIndex === this.#agreedAt) return;
    this.#isAtWork = true;
    try {
      await this.#look(ids);
    } catch (error) {
      // No quorum, or no leader any more: the next one looks again.
      if (!(error instanceof SwarmError))
        onAlarm(new SwarmError('NOT_READY', `no comparison: ${String(error)}`));
    } finally {
      this.#isAtWork = false;
    }
  }

  async #look(ids: readonly NodeId[]): Promise<void> {
    const { checkpoint, configuration, hear, onAlarm } = this.#options;
    const lives = this.#livesOf(configuration());
    const full = this.#rounds % FULL_EVERY === 0 || lives !== this.#lives;
    const index = await checkpoint(full);
    const said = await hear(ids, { index, full });
    this.#rounds += 1;
    if (full) this.#lives = lives;
    for (const { damage, id } of said) if (damage !== undefined) onAlarm(damaged(id, damage));
    const agreement = findDivergence(said.map(testimonyOf), configuration());
    if (agreement.kind === 'agreed') this.#agreedAt = index;
    else if (agreement.kind === 'split') onAlarm(split(index, agreement.what, agreement.words));
    else await this.#quarantineAll(agreement.members, index);
  }

  #livesOf({ voters }: Configuration): string {
    const { instances } = this.#options.machine;
    return voters.map((id) => `${id} ${instances.get(id)?.life}`).join();
  }

  /** Itself at last: it has to tell the others first. */
  async #quarantineAll(divergent: readonly Divergent[], index: number): Promise<void> {
    const { onAlarm, quarantine, self } = this.#options;
    const selfLast = [...divergent].sort((a, b) => Number(a.id === self) - Number(b.id === self));
    for (const member of selfLast) {
      const why = whyOf(member, index);
      onAlarm(
        new SwarmError(
          'DIVERGED',
          `${member.id} ${why}; it is told to stop, and is kept out until somebody decides`,
        ),
      );
      try {
        await quarantine(member.id, { index, why });
      } catch (error) {
        if (!(error instanceof SwarmError)) throw error;
        onAlarm(new SwarmError('DIVERGED', `${member.id} cannot be told to stop: ${error.message}`));
      }
    }
  }
}

function testimonyOf({ damage, digest, id, logHash, stateHash }: Said): Testimony {
  const isSound = damage === undefined;
  return {
    id: id as NodeId,
    stateHash: stateHash ?? null,
    digest: (isSound ? digest : undefined) ?? null,
    logHash: logHash ?? null,
  };
}

const WORDS: Readonly<Record<Divergent['what'], string>> = {
  stateHash: 'has a state of another hash',
  digest: 'holds another state under the same hash',
  logHash: 'has another log',
};

function whyOf({ has, right, what }: Divergent, index: number): string {
  return `${WORDS[what]} at index ${index} than a majority: ${has} instead of ${right}`;
}

function damaged(id: string, damage: string): SwarmError {
  return new SwarmError('DATA_DAMAGED', `${id} found damage in what it holds: ${damage}`);
}

function split(
  index: number,
  what: Divergent['what'],
  words: ReadonlyMap<string, readonly NodeId[]>,
): SwarmError {
  const told = [...words].map(([word, ids]) => `${ids.join(', ')}: ${word}`).join('; ');
  const message = `the members differ at index ${index} (${what}: ${told}), and no majority of the voters agrees: nobody is stopped. Find out who is right ("raft-manager verify --full"), and stop the others`;
  return new SwarmError('DIVERGED', message);
}
