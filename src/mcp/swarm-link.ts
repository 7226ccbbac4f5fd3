import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { SwarmClient } from '../swarm/client.ts';
import { findSwarm, hasLiveNode } from '../swarm/discovery.ts';
import { supervisorOf } from '../swarm/launch.ts';
import type { ProjectFolder, SwarmFolder } from '../swarm/layout.ts';
import type { Notice } from '../swarm/port.ts';
import { loadRoster } from '../swarm/roster.ts';

/**
 * What happens in the swarm, in log order. `resync`: things may have changed without a word before this. `gone`: no
 * process of it is left.
 */
export type SwarmEvent = Notice | { readonly type: 'resync' } | { readonly type: 'gone' };

export interface LinkOptions {
  readonly project: ProjectFolder;
  /** Shows in the logs of the nodes. */
  readonly name: string;
  readonly version: string;
  /** Brings the project's swarm up, unless somebody else does just now. */
  start(): Promise<void>;
  onTrouble(error: unknown): void;
}

export interface LinkedSwarm {
  readonly folder: SwarmFolder;
  readonly clusterId: string;
  readonly client: SwarmClient;
  /** When it was found, as `performance.now()`. */
  readonly since: Millis;
}

const LOOK_EVERY_MS: Millis = 1_000;
/** While it starts, somebody waits for it. */
const LOOK_SOON_MS: Millis = 25;
/** Whoever began to start it before us needs no longer until its first process is there. */
const ELSEWHERE_MS: Millis = 10_000;

/**
 * The way to the project's swarm, through all that may happen to it while a session lasts: it is not up yet, it goes
 * down, it comes back, another one takes its place.
 */
export class SwarmLink {
  readonly #options: LinkOptions;
  readonly #listeners = new Set<(event: SwarmEvent) => void>();
  #linked: LinkedSwarm | undefined;
  #starting: Promise<void> | undefined;
  /** Who takes the swarm down while a session goes on means it. */
  #mayStart = true;
  #watch: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastTrouble = '';

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Begins to look for the swarm, and starts it if none is up. */
  open(): void {
    this.#watch = setInterval(() => this.#try(() => this.#find()), LOOK_EVERY_MS);
    this.linked().catch((error: unknown) => this.#complain(error));
  }

  /** Tells `listener` what happens from now on. Returns what ends it. */
  listen(listener: (event: SwarmEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * The swarm, as soon as one of its processes is there.
   *
   * @throws SwarmError NOT_RUNNING when none is up and none could be started; why it could not.
   */
  async linked(): Promise<LinkedSwarm> {
    const there = this.#find();
    if (there !== undefined) return there;
    if (this.#mayStart && !this.#isClosed) {
      this.#starting ??= this.#start();
      await this.#starting;
    }
    const started = this.#find();
    if (started !== undefined) return started;
    throw new SwarmError('NOT_RUNNING', `no swarm is up in ${this.#options.project.state}`);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#watch);
    await this.#unlink();
  }

  #find(): LinkedSwarm | undefined {
    if (this.#isClosed) return undefined;
    if (this.#linked !== undefined && isCurrent(this.#linked)) return this.#linked;
    void this.#unlink();
    const folder = liveSwarm(this.#options.project);
    return folder === undefined ? undefined : this.#link(folder);
  }

  #link(folder: SwarmFolder): LinkedSwarm {
    const { project, name, version, onTrouble } = this.#options;
    const client = new SwarmClient({
      folder,
      name,
      version,
      onNotice: (notice) => this.#tell(notice),
      onRelinked: () => this.#tell({ type: 'resync' }),
    });
    this.#linked = { folder, clusterId: loadRoster(folder).clusterId, client, since: performance.now() };
    // A run ends; what comes after it is not what anybody has taken down.
    if (folder.root === project.standing || project.named !== undefined) this.#mayStart = false;
    client.watch().catch(onTrouble);
    this.#tell({ type: 'resync' });
    return this.#linked;
  }

  async #unlink(): Promise<void> {
    const before = this.#linked;
    if (before === undefined) return;
    this.#linked = undefined;
    this.#tell({ type: 'gone' });
    await before.client.close();
  }

  /**
   * Until a first process is there: who leads, and when, is not waited for here. If somebody else has begun to start it,
   * it takes a moment, too.
   */
  async #start(): Promise<void> {
    const started = this.#options.start();
    // Once a process is there, what else the start has to say is for the operator.
    started.catch((error: unknown) => this.#complain(error));
    const over = new AbortController();
    const appeared = this.#appearance(over.signal);
    try {
      await Promise.race([appeared, started.then(() => Promise.race([appeared, delay(ELSEWHERE_MS)]))]);
    } finally {
      over.abort();
    }
  }

  async #appearance(over: AbortSignal): Promise<void> {
    while (!over.aborted && this.#try(() => this.#find()) === undefined) await delay(LOOK_SOON_MS);
  }

  #tell(event: SwarmEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #try<T>(look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      this.#complain(error);
      return undefined;
    }
  }

  /** Once for each trouble: it is looked at every second. */
  #complain(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message !== this.#lastTrouble) this.#options.onTrouble(error);
    this.#lastTrouble = message;
  }
}

function liveSwarm(project: ProjectFolder): SwarmFolder | undefined {
  try {
    const folder = findSwarm(project);
    return isUp(folder) ? folder : undefined;
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

/** The folder may have been removed, and another swarm made in its place. */
function isCurrent({ folder, clusterId }: LinkedSwarm): boolean {
  return liveSwarmIn(folder) === clusterId;
}

function liveSwarmIn(folder: SwarmFolder): string | undefined {
  try {
    return isUp(folder) ? loadRoster(folder).clusterId : undefined;
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

/** Nodes may all be starting anew under a supervisor, or outlive it; where they are elsewhere, only a call can tell. */
function isUp(folder: SwarmFolder): boolean {
  return supervisorOf(folder) !== undefined || hasLiveNode(folder) || loadRoster(folder).seeds !== undefined;
}
