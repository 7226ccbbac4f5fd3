import { z } from 'zod';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { MAX_INSTANCES } from '../../protocol/limits.ts';

/** Tasks of one instance that presence names. */
export const MAX_WORKING = 20;

/** What an instance says of itself with every beat. It is told on and forgotten, and in no document. */
export const presenceSchema = z.object({
  id: z.string().max(64),
  /** Counts up as long as the instance lives, over its lives as well. */
  beat: z.number(),
  role: z.string().max(20),
  term: z.number(),
  leader: z.string().max(64).nullable(),
  applied: z.number(),
  /** Tasks that it works on. */
  working: z.array(z.string().max(64)).max(MAX_WORKING),
  /** Since it said so, as far as is known to whoever tells it on. */
  ageMs: z.number().nonnegative(),
});

export type PresenceJson = z.infer<typeof presenceSchema>;

/** Of itself, without what is counted here. */
export type OwnWords = Omit<PresenceJson, 'id' | 'beat' | 'ageMs'>;

interface PresenceOptions {
  readonly self: NodeId;
  now(): Millis;
  wallMs(): number;
  words(): OwnWords;
}

interface Heard extends Omit<PresenceJson, 'ageMs'> {
  readonly at: Millis;
}

/** Longer, and an instance that is not heard of is not worth telling on. */
const FORGET_AFTER_MS: Millis = 10 * 60_000;

/** Who is there, by gossip: each instance beats, and everybody tells on the latest beat of each that he has heard. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #heard = new Map<string, Heard>();
  #beat = 0;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  beat(): void {
    this.#beat = Math.max(this.#beat + 1, this.#options.wallMs());
  }

  /** All that is known, this instance first. */
  get all(): readonly PresenceJson[] {
    const { now, self, words } = this.#options;
    const own = { id: self, beat: this.#beat, ...words(), ageMs: 0 };
    const others = [...this.#heard.values()].map(({ at, ...rest }) => ({
      ...rest,
      ageMs: Math.max(0, Math.round(now() - at)),
    }));
    return [own, ...others.filter(({ ageMs }) => ageMs < FORGET_AFTER_MS)].slice(0, MAX_INSTANCES);
  }

  hear(told: readonly PresenceJson[]): void {
    const { now, self } = this.#options;
    for (const { ageMs, ...one } of told) {
      // A former life of this instance beat faster, or by another clock.
      if (one.id === self) this.#beat = Math.max(this.#beat, one.beat);
      else if (one.beat > (this.#heard.get(one.id)?.beat ?? -1)) {
        if (!this.#heard.has(one.id) && this.#heard.size >= MAX_INSTANCES) continue;
        this.#heard.set(one.id, { ...one, at: now() - ageMs });
      }
    }
  }

  /** Whoever was removed from the swarm is not waited for. */
  keepOnly(members: readonly NodeId[]): void {
    const kept: ReadonlySet<string> = new Set(members);
    for (const id of [...this.#heard.keys()]) if (!kept.has(id)) this.#heard.delete(id);
  }
}
