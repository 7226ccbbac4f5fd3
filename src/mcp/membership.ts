import type { Lodging, OwnNode, OwnNodeOptions } from './own-node.ts';
import type { LinkedSwarm, SwarmLink } from './swarm-link.ts';

export interface MembershipOptions extends OwnNodeOptions {
  readonly link: SwarmLink;
}

interface Joined {
  readonly clusterId: string;
  readonly node: Promise<OwnNode>;
}

/**
 * The session as an instance of whichever swarm is there: with a node of its own in this process, and those of its
 * subagents beside it.
 */
export class Membership {
  readonly #options: MembershipOptions;
  #lodging: Lodging | undefined;
  #joined: Joined | undefined;
  #holder: string | undefined;
  #isClosed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Joins, and joins again whenever another swarm is there: whoever looks sees the session from its beginning. */
  open(): void {
    const { link, onTrouble } = this.#options;
    const join = (): void => {
      this.holder().catch(onTrouble);
    };
    link.listen((event) => {
      if (event.type === 'gone') this.#holder = undefined;
      if (event.type === 'resync' && !this.#isClosed) join();
    });
    join();
  }

  /** The name in the log under which this session works now; undefined while it is not known. */
  get current(): string | undefined {
    return this.#holder;
  }

  /**
   * The same, as soon as the swarm has given it.
   *
   * @throws SwarmError NOT_RUNNING, NO_QUORUM, and what else keeps the node from coming up.
   */
  async holder(): Promise<string> {
    const swarm = await this.#options.link.linked();
    const before = this.#joined;
    const joined = before?.clusterId === swarm.clusterId ? before : this.#join(swarm, before);
    this.#joined = joined;
    try {
      this.#holder = (await joined.node).holder;
      return this.#holder;
    } catch (error) {
      // The next call tries again.
      if (this.#joined === joined) this.#joined = undefined;
      throw error;
    }
  }

  /** Takes all nodes of the session out of the swarm. What they hold goes back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end(this.#joined);
    await this.#lodging?.close();
  }

  #join(swarm: LinkedSwarm, before: Joined | undefined): Joined {
    return { clusterId: swarm.clusterId, node: this.#end(before).then(() => this.#bringUp(swarm)) };
  }

  async #bringUp({ client, clusterId }: LinkedSwarm): Promise<OwnNode> {
    // A swarm that is just starting has nobody yet who could let anybody in.
    await client.query({ kind: 'overview' });
    // Reading all of it takes longer than a client should wait for its first answer.
    const { bringUpNode, openLodging } = await import('./own-node.ts');
    this.#lodging ??= openLodging(this.#options);
    return bringUpNode(this.#lodging, { ...this.#options, clusterId });
  }

  async #end(joined: Joined | undefined): Promise<void> {
    try {
      await (await joined?.node)?.end();
    } catch (error) {
      // It never came up, or its swarm is gone: the next session of the project clears up.
      this.#options.onTrouble(error);
    }
  }
}
