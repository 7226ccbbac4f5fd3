import { SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import { REQUEST, unpack } from '../../swarm/wire.ts';
import { encodeRequest, type Report, reportSchema } from './requests.ts';

/** Whoever is there says so at once. */
const PATIENCE_MS: Millis = 1_000;
/** Members that are asked at one time: a swarm of fifty must not be fifty dials at once. */
const AT_ONCE = 8;

interface Kept extends Report {
  readonly at: Millis;
}

/** What the members have said of themselves, each over a link of its own. */
export class Reports {
  readonly #host: CompanionHost;
  readonly #kept = new Map<NodeId, Kept>();
  #asking: Promise<void> | undefined;

  constructor(host: CompanionHost) {
    this.#host = host;
  }

  of(id: NodeId): Report | undefined {
    return this.#kept.get(id);
  }

  /** Asks those of `ids`, all there are, anew whose word is older than `maxAgeMs`. Whoever does not answer is as it was. */
  refresh(ids: readonly NodeId[], maxAgeMs: Millis): Promise<void> {
    this.#asking ??= this.#ask(ids, maxAgeMs).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(ids: readonly NodeId[], maxAgeMs: Millis): Promise<void> {
    const now = performance.now();
    for (const id of this.#kept.keys()) if (!ids.includes(id)) this.#kept.delete(id);
    const due = ids.filter(
      (id) => id !== this.#host.id && now - (this.#kept.get(id)?.at ?? -maxAgeMs) >= maxAgeMs,
    );
    const next = async (): Promise<void> => {
      for (let id = due.pop(); id !== undefined; id = due.pop()) await this.#askOne(id);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  }

  async #askOne(id: NodeId): Promise<void> {
    const { folder, urlOf, version } = this.#host;
    const url = urlOf(id);
    if (url === undefined) return;
    const client = new SwarmClient({ folder, name: 'quorum-manager', version, url, dials: 'once' });
    try {
      const body = await client.ask(REQUEST.quorum, encodeRequest({ op: 'report' }, true), PATIENCE_MS);
      const parsed = reportSchema.safeParse(unpack(body));
      if (parsed.success) this.#kept.set(id, { ...parsed.data, at: performance.now() });
    } catch (error) {
      // It is down, or of a release that does not know the question: nothing is known of it, and that is all.
      if (!(error instanceof SwarmError)) throw error;
    } finally {
      await client.close();
    }
  }
}
