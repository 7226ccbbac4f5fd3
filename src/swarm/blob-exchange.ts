import { SwarmError } from '../protocol/errors.ts';
import { type Configuration, majority, members } from '../protocol/state.ts';
import type { BlobName } from '../tasks/blob-name.ts';
import { type BlobStore, nameOf } from './blob-store.ts';

/** Another node, as far as contents go. */
export interface BlobPeer {
  /** Resolves once it is on that node's disk. */
  storeBlob(content: Uint8Array): Promise<BlobName>;
  /** @throws SwarmError UNKNOWN_BLOB when it is not there. */
  readBlob(sha256: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

interface BlobExchangeOptions {
  readonly store: BlobStore;
  readonly id: string;
  configuration(): Configuration;
  /** Undefined while nobody knows where it is. */
  connect(memberId: string): BlobPeer | undefined;
}

/** Contents beside the log, on as many disks as the log itself. */
export class BlobExchange {
  readonly #options: BlobExchangeOptions;

  constructor(options: BlobExchangeOptions) {
    this.#options = options;
  }

  /**
   * Stores a content here and on a majority of the voters: from then on whatever majority is left has it.
   *
   * @throws SwarmError NO_QUORUM when too few take it; LIMIT_EXCEEDED when it is too large.
   */
  async put(content: Uint8Array): Promise<BlobName> {
    const { store, id } = this.#options;
    const name = await store.put(content);
    const { voters, votersOutgoing } = this.#options.configuration();
    const holders = new Set([id]);
    // In a joint configuration, of both: whichever of the two outlives the change.
    const isSafe = (): boolean => [voters, votersOutgoing].every((group) => isCovered(group, holders));
    const others = [...new Set<string>([...voters, ...votersOutgoing])].filter((voter) => voter !== id);
    if (isSafe()) return name;
    await new Promise<void>((resolve) => {
      const sent = others.map(async (voter) => {
        if (await this.#sendTo(voter, content)) holders.add(voter);
        if (isSafe()) resolve();
      });
      void Promise.all(sent).then(() => resolve());
    });
    if (isSafe()) return name;
    throw new SwarmError(
      'NO_QUORUM',
      `only ${[...holders].join(', ')} could store a content of ${name.bytes} bytes`,
    );
  }

  /**
   * Reads a content from wherever it is.
   *
   * @throws SwarmError UNKNOWN_BLOB when nobody who answers has it.
   */
  async get({ sha256 }: Pick<BlobName, 'sha256'>): Promise<Uint8Array> {
    const { store, id, configuration } = this.#options;
    const here = await store.get(sha256);
    if (here !== undefined) return here;
    for (const member of members(configuration())) {
      const content = member === id ? undefined : await this.#readFrom(member, sha256);
      if (content === undefined) continue;
      await store.put(content);
      return content;
    }
    throw new SwarmError('UNKNOWN_BLOB', `no node that answers has the content ${sha256}`);
  }

  /**
   * Brings here what this node lacks of `named`: as a voter that was away when it was stored, or became one later, it
   * belongs to the majority that has to have it. Learners keep nothing for others.
   */
  async fetchMissing(named: Iterable<string>): Promise<void> {
    const { store, id, configuration } = this.#options;
    const { voters, votersOutgoing } = configuration();
    if (![...voters, ...votersOutgoing].some((voter) => voter === id)) return;
    for (const sha256 of named) {
      if (!store.has(sha256)) await this.#fetch(sha256);
    }
  }

  /** Whoever has it may be away, or this node full: there is another time. */
  async #fetch(sha256: string): Promise<void> {
    try {
      await this.get({ sha256 });
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
    }
  }

  async #sendTo(member: string, content: Uint8Array): Promise<boolean> {
    const stored = await this.#with(member, (peer) => peer.storeBlob(content));
    return stored !== undefined;
  }

  /** Whatever came under another name is not what was asked for. */
  async #readFrom(member: string, sha256: string): Promise<Uint8Array | undefined> {
    const content = await this.#with(member, (peer) => peer.readBlob(sha256));
    return content !== undefined && nameOf(content).sha256 === sha256 ? content : undefined;
  }

  /** Undefined when the member cannot be reached or does not do it: there are others. */
  async #with<T>(member: string, work: (peer: BlobPeer) => Promise<T>): Promise<T | undefined> {
    const peer = this.#options.connect(member);
    if (peer === undefined) return undefined;
    try {
      return await work(peer);
    } catch (error) {
      if (error instanceof SwarmError) return undefined;
      throw error;
    } finally {
      await peer.close();
    }
  }
}

/** No voters: nobody to ask. */
function isCovered(voters: readonly string[], holders: ReadonlySet<string>): boolean {
  const held = voters.filter((voter) => holders.has(voter)).length;
  return voters.length === 0 || held >= majority(voters.length);
}
