import { SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import { REQUEST } from '../../swarm/wire.ts';
import type { PeersOptions } from './peers.ts';

/** In a large swarm everybody is compared with at some time; nobody need keep a link to all of them. */
const IDLE_MS: Millis = 30_000;
const REDIAL_PAUSE_MS: Millis = 250;

interface OpenLink {
  readonly client: SwarmClient;
  usedAt: Millis;
}

/** The ways to the other instances: as a client of each, with the same credentials as any other. */
export class Links {
  readonly #host: CompanionHost;
  readonly #open = new Map<NodeId, OpenLink>();

  constructor(host: CompanionHost) {
    this.#host = host;
  }

  readonly ask: PeersOptions['ask'] = (peer, request, { done, timeoutMs }) => {
    this.#closeIdle();
    const link = this.#linkTo(peer);
    if (link === undefined) {
      const error = new SwarmError('NOT_RUNNING', `nobody knows where ${peer} is`);
      return void setImmediate(() => done({ ok: false, error }));
    }
    let isDone = false;
    const finish = (outcome: Parameters<typeof done>[0]): void => {
      if (isDone) return;
      isDone = true;
      clearTimeout(late);
      // A link that does not answer may be cut in the middle: neither end would hear of it for a long time.
      if (!outcome.ok && !OF_ITS_OWN.has(outcome.error.code)) this.#drop(peer, link);
      done(outcome);
    };
    const late = setTimeout(() => {
      finish({ ok: false, error: new SwarmError('TIMEOUT', `${peer} has not answered for ${timeoutMs} ms`) });
    }, timeoutMs);
    link.client.ask(REQUEST.crdt, request, timeoutMs).then(
      (value) => finish({ ok: true, value }),
      (error: unknown) => finish({ ok: false, error: asSwarmError(error) }),
    );
  };

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ client }) => client.close()));
  }

  #linkTo(peer: NodeId): OpenLink | undefined {
    const now = performance.now();
    const open = this.#open.get(peer);
    if (open !== undefined) {
      open.usedAt = now;
      return open;
    }
    const { folder, id, urlOf, version } = this.#host;
    const url = urlOf(peer);
    if (url === undefined) return undefined;
    const client = new SwarmClient({ folder, name: id, version, url, redialPauseMs: REDIAL_PAUSE_MS });
    const link = { client, usedAt: now };
    this.#open.set(peer, link);
    return link;
  }

  #drop(peer: NodeId, link: OpenLink): void {
    if (this.#open.get(peer) === link) this.#open.delete(peer);
    void link.client.close();
  }

  #closeIdle(): void {
    const before = performance.now() - IDLE_MS;
    for (const [peer, link] of this.#open) if (link.usedAt < before) this.#drop(peer, link);
  }
}

/** It has answered, and the link is well. */
const OF_ITS_OWN: ReadonlySet<string> = new Set(['DISK_FAILED', 'DISK_FULL', 'LIMIT_EXCEEDED', 'MALFORMED']);

function asSwarmError(error: unknown): SwarmError {
  if (error instanceof SwarmError) return error;
  return new SwarmError('NOT_RUNNING', error instanceof Error ? error.message : String(error));
}
