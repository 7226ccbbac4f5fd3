import { SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import { REQUEST } from '../../swarm/wire.ts';
import type { PeersOptions } from './peers.ts';

/** In a large swarm everybody is compared with at some time; nobody need keep a link to all of them. */
const IDLE_MS: Millis = 30_000;
/**
 * For a handshake between two that have much to do: one that is getting on is not given up to begin another. But it may
 * also be cut in the middle, and neither end would hear of it for a long time, so from time to time another is begun
 * beside it. The first link that is there is the one that is used.
 */
const DIAL_MS: Millis = 3_000;
const DIAL_BESIDE_MS: Millis = 1_000;

interface Line {
  open: SwarmClient | undefined;
  readonly dials: Set<SwarmClient>;
  dialledAt: Millis;
  usedAt: Millis;
  /** Those who wait for a link. */
  waiting: ((link: SwarmClient | SwarmError) => void)[];
}

/** The ways to the other instances: as a client of each, with the same credentials as any other. */
export class Links {
  readonly #host: CompanionHost;
  readonly #lines = new Map<NodeId, Line>();

  constructor(host: CompanionHost) {
    this.#host = host;
  }

  readonly ask: PeersOptions['ask'] = (peer, request, { done, timeoutMs }) => {
    this.#hangUpIdle();
    this.#request(peer, request, timeoutMs).then(
      (value) => done({ ok: true, value }),
      (error: unknown) => done({ ok: false, error: asSwarmError(error) }),
    );
  };

  async close(): Promise<void> {
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    await Promise.all(lines.map((line) => this.#hangUp(line)));
  }

  async #request(peer: NodeId, request: Uint8Array, timeoutMs: Millis): Promise<Uint8Array> {
    const line = this.#lineTo(peer);
    line.usedAt = performance.now();
    const client = line.open ?? (await this.#opened(peer, line));
    try {
      return await client.ask(REQUEST.crdt, request, timeoutMs);
    } catch (error) {
      if (error instanceof SwarmError && OF_ITS_OWN.has(error.code)) throw error;
      if (line.open === client) line.open = undefined;
      void client.close();
      throw error;
    }
  }

  #lineTo(peer: NodeId): Line {
    const known = this.#lines.get(peer);
    if (known !== undefined) return known;
    const line: Line = { open: undefined, dials: new Set(), dialledAt: -Infinity, usedAt: 0, waiting: [] };
    this.#lines.set(peer, line);
    return line;
  }

  #opened(peer: NodeId, line: Line): Promise<SwarmClient> {
    return new Promise((resolve, reject) => {
      line.waiting.push((link) => (link instanceof SwarmClient ? resolve(link) : reject(link)));
      if (line.dials.size === 0 || performance.now() - line.dialledAt >= DIAL_BESIDE_MS)
        this.#dial(peer, line);
    });
  }

  #dial(peer: NodeId, line: Line): void {
    const { folder, id, urlOf, version } = this.#host;
    const url = urlOf(peer);
    if (url === undefined) {
      return this.#tell(line, new SwarmError('NOT_RUNNING', `nobody knows where ${peer} is`));
    }
    const client = new SwarmClient({ folder, name: id, version, url, dials: 'once' });
    line.dials.add(client);
    line.dialledAt = performance.now();
    client.watch(DIAL_MS).then(
      () => {
        if (!line.dials.delete(client)) return;
        for (const late of line.dials) void late.close();
        line.dials.clear();
        line.open = client;
        this.#tell(line, client);
      },
      (error: unknown) => {
        line.dials.delete(client);
        void client.close();
        if (line.dials.size === 0) this.#tell(line, asSwarmError(error));
      },
    );
  }

  #tell({ waiting }: Line, link: SwarmClient | SwarmError): void {
    for (const tell of waiting.splice(0)) tell(link);
  }

  #hangUpIdle(): void {
    const before = performance.now() - IDLE_MS;
    for (const [peer, line] of this.#lines) {
      if (line.usedAt >= before) continue;
      this.#lines.delete(peer);
      void this.#hangUp(line);
    }
  }

  async #hangUp(line: Line): Promise<void> {
    const clients = [...line.dials, ...(line.open === undefined ? [] : [line.open])];
    line.dials.clear();
    this.#tell(line, new SwarmError('STOPPED', 'the link is not needed any more'));
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** It has answered, and the link is well. */
const OF_ITS_OWN: ReadonlySet<string> = new Set(['DISK_FAILED', 'DISK_FULL', 'LIMIT_EXCEEDED', 'MALFORMED']);

function asSwarmError(error: unknown): SwarmError {
  if (error instanceof SwarmError) return error;
  return new SwarmError('NOT_RUNNING', error instanceof Error ? error.message : String(error));
}
