import { type FSWatcher, mkdirSync, rmSync, watch } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import { lockFolder } from '../storage/folder-lock.ts';
import {
  findSubagent,
  listSubagents,
  noteSubagent,
  publishHost,
  type Subagent,
  sessionFolder,
  silenceOf,
} from './claude-session.ts';
import { type HostedInstance, type HostedNode, type HostedStart, hostNode } from './hosted.ts';
import type { ProjectFolder } from './layout.ts';
import { reapSessions } from './session-reaper.ts';

export interface SubagentHostOptions {
  readonly project: ProjectFolder;
  readonly sessionId: string;
  readonly version: string;
  /** Names under which this process claims and reserves: the session's hooks must know them for its own. */
  readonly holders: readonly string[];
  start(options: HostedStart): Promise<HostedInstance>;
  onTrouble(error: unknown): void;
}

/** Missed events of the file system, and swarms that were not up, are made good after so long. */
const LOOK_EVERY_MS: Millis = 1_000;
/** The hook of a start has asked the log for an id by then, or will not. */
const ENROLMENT_MS: Millis = 2_000;
/** Sessions that died with this one's help are few. */
const REAP_EVERY_MS: Millis = 60_000;
/** Whoever started this process does not wait longer for its end. */
const CLOSING_MS: Millis = 4_000;

/**
 * Gives every subagent of one Claude Code session a node of its own, for as long as the session's hooks say that it is
 * at work.
 *
 * Hooks and host do not talk: hooks leave files that say who ought to be there, and the host makes it so whenever it
 * can. A hook without a host, or a host without hooks, breaks nothing.
 */
export class SubagentHost {
  readonly #options: SubagentHostOptions;
  readonly #session: ReturnType<typeof sessionFolder>;
  readonly #nodes = new Map<string, HostedNode>();
  #unlock: (() => void) | undefined;
  #watcher: FSWatcher | undefined;
  #timers: NodeJS.Timeout[] = [];
  #work: Promise<void> | undefined;
  #again = false;
  #closing = false;
  #lastTrouble = '';

  constructor(options: SubagentHostOptions) {
    this.#options = options;
    this.#session = sessionFolder(options.project.state, options.sessionId);
  }

  /**
   * Begins to host. False when another process does so for this session already.
   *
   * The project's state folder must be there.
   */
  open(): boolean {
    const { holders } = this.#options;
    mkdirSync(this.#session.agents, { recursive: true, mode: 0o700 });
    if (!this.#lock()) return false;
    publishHost(this.#session, { pid: process.pid, holders });
    this.#watcher = watch(this.#session.agents, () => this.#look());
    // The folder may go with a whole session: the timer goes on looking.
    this.#watcher.on('error', () => this.#watcher?.close());
    this.#timers = [
      setInterval(() => this.#look(), LOOK_EVERY_MS),
      setInterval(() => this.#reap(), REAP_EVERY_MS),
    ];
    this.#reap();
    this.#look();
    return true;
  }

  /** Ends every node, and hosting. */
  async close(): Promise<void> {
    if (this.#unlock === undefined) return;
    this.#closing = true;
    this.#watcher?.close();
    for (const timer of this.#timers) clearInterval(timer);
    const done = this.#endAll();
    await Promise.race([done, delay(CLOSING_MS, undefined, { ref: false })]);
    rmSync(this.#session.host, { force: true });
    this.#unlock();
    this.#unlock = undefined;
  }

  #lock(): boolean {
    try {
      this.#unlock = lockFolder(this.#session.root);
      return true;
    } catch (error) {
      if (error instanceof SwarmError && error.code === 'DATA_LOCKED') return false;
      throw error;
    }
  }

  /** One look at a time; one that was asked for meanwhile follows. */
  #look(): void {
    if (this.#closing) return;
    this.#again = true;
    this.#work ??= this.#reconcile().finally(() => {
      this.#work = undefined;
    });
  }

  async #reconcile(): Promise<void> {
    while (this.#again && !this.#closing) {
      this.#again = false;
      const wanted = listSubagents(this.#session);
      const ids = new Set(wanted.map(({ agentId }) => agentId));
      const over = [...this.#nodes.keys()].filter((agentId) => !ids.has(agentId));
      const missing = wanted.filter((one) => !this.#nodes.has(one.agentId) && this.#isDue(one));
      await Promise.all([
        ...over.map((agentId) => this.#end(agentId)),
        ...missing.map((subagent) => this.#begin(subagent)),
      ]);
    }
  }

  /** Who is about to be given an id must not be given two. */
  #isDue({ agentId, memberId }: Subagent): boolean {
    return memberId !== undefined || silenceOf(this.#session, agentId) > ENROLMENT_MS;
  }

  async #begin(subagent: Subagent): Promise<void> {
    await this.#try(async () => {
      const node = await hostNode(subagent, { ...this.#options, session: this.#session });
      this.#nodes.set(subagent.agentId, node);
      const { memberId } = node;
      const isWanted = findSubagent(this.#session, subagent.agentId) !== undefined;
      if (isWanted && subagent.memberId !== memberId) noteSubagent(this.#session, { ...subagent, memberId });
      // It may have ended while it was brought up.
      if (!isWanted) this.#again = true;
    });
  }

  async #end(agentId: string): Promise<void> {
    const node = this.#nodes.get(agentId);
    this.#nodes.delete(agentId);
    // What cannot be taken out of the swarm now is, by whoever looks for what was left behind.
    await this.#try(async () => node?.end());
  }

  async #endAll(): Promise<void> {
    await this.#work;
    await Promise.all([...this.#nodes.keys()].map((agentId) => this.#end(agentId)));
  }

  #reap(): void {
    const { project, version } = this.#options;
    void this.#try(() => reapSessions({ project, version, own: this.#session }));
  }

  /** A swarm that is not up is tried again with every look, and complained of once. */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#lastTrouble) this.#options.onTrouble(error);
      this.#lastTrouble = message;
    }
  }
}
