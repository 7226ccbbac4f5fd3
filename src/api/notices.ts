import type { Millis } from '../protocol/ids.ts';
import type { ConnectOptions } from '../swarm/connect.ts';
import type { Notice, Swarm } from '../swarm/port.ts';

/**
 * What a watcher hears: what was applied, in log order, and who leads.
 *
 * `resync`: things may have changed before this without a word, because the watch has just begun, its link changed, a
 * snapshot took the place of the state, or the watcher was slow. Ask again for what you follow; what comes after it is
 * complete.
 */
export type SwarmEvent = Exclude<Notice, { readonly type: 'restored' }> | { readonly type: 'resync' };

type Listener = (event: SwarmEvent) => void;

/** Opens a link that hears of everything. */
type OpenWatch = (handlers: Required<Pick<ConnectOptions, 'onNotice' | 'onRelinked'>>) => Promise<Swarm>;

/** One link for all in a program who want to hear what happens; opened for the first of them. */
export class Notices {
  readonly #open: OpenWatch;
  readonly #listeners = new Set<Listener>();
  readonly #queues = new Set<EventQueue>();
  #link: Promise<Swarm> | undefined;

  constructor(open: OpenWatch) {
    this.#open = open;
  }

  /** Tells `listener` everything from now on; the first thing is a `resync`. Returns what ends it. */
  async listen(listener: Listener): Promise<() => void> {
    this.#link ??= this.#begin();
    try {
      await this.#link;
    } catch (error) {
      this.#link = undefined;
      throw error;
    }
    this.#listeners.add(listener);
    listener({ type: 'resync' });
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Resolves when nothing will be missed any more. */
  async #begin(): Promise<Swarm> {
    let watched: () => void = () => undefined;
    const isWatched = new Promise<void>((resolve) => {
      watched = resolve;
    });
    const link = await this.#open({
      onNotice: (notice) => {
        // A `restored` is followed by a call to look again, which says the same.
        if (notice.type !== 'restored') this.#tell(notice);
      },
      onRelinked: () => {
        watched();
        this.#tell({ type: 'resync' });
      },
    });
    await isWatched;
    return link;
  }

  /** The same for a loop that takes events one by one, until `signal` is given or this is closed. */
  async follow(signal: AbortSignal | undefined): Promise<Following> {
    const queue = new EventQueue();
    const end = (): void => queue.end();
    const unlisten = await this.listen(queue.push);
    this.#queues.add(queue);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    return {
      queue,
      leave: () => {
        unlisten();
        this.#queues.delete(queue);
        signal?.removeEventListener('abort', end);
      },
    };
  }

  async close(): Promise<void> {
    for (const queue of this.#queues) queue.end();
    // A link that never opened has told so to those who wanted to listen.
    const link = await this.#link?.catch(() => undefined);
    await link?.close();
  }

  #tell(event: SwarmEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

interface Following {
  readonly queue: EventQueue;
  leave(): void;
}

/** Events that one watcher has not taken yet; a slower one starts afresh instead of filling memory. */
const MAX_WAITING = 10_000;

/** What was told and not yet taken. */
export class EventQueue {
  #events: SwarmEvent[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  readonly push = (event: SwarmEvent): void => {
    // What comes after a resync is complete, so that nothing before it need be heard.
    const isFull = this.#events.length === MAX_WAITING;
    if (event.type === 'resync' || isFull) this.#events = [{ type: 'resync' }];
    else this.#events.push(event);
    this.#wake();
  };

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The next event; undefined at the end, or when none came in time. */
  async take(patienceMs?: Millis): Promise<SwarmEvent | undefined> {
    if (this.#events.length === 0 && !this.#ended) await this.#woken(patienceMs);
    return this.#ended ? undefined : this.#events.shift();
  }

  /** What was told until now will not be taken. */
  clear(): void {
    this.#events = [];
  }

  #woken(patienceMs: Millis | undefined): Promise<void> {
    return new Promise((resolve) => {
      const late = patienceMs === undefined ? undefined : setTimeout(resolve, patienceMs);
      this.#wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }
}
