import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { majority } from '../protocol/state.ts';
import { holderOf } from '../storage/folder-lock.ts';
import { type Child, type ChildExit, type ChildMessage, startChild } from './child.ts';
import { fateOf, INSTANCE_EXIT, isOfTheSwarm } from './exit-code.ts';
import type { SwarmFolder } from './layout.ts';
import { isLeftDown } from './quarantine.ts';
import { isRemoved } from './removal.ts';

export type SupervisorEvent =
  | { readonly type: 'started'; readonly id: NodeId; readonly pid: number | undefined }
  | { readonly type: 'ready'; readonly id: NodeId; readonly url: string }
  | { readonly type: 'exited'; readonly id: NodeId; readonly how: string; readonly restartInMs: number }
  | { readonly type: 'gave-up'; readonly id: NodeId; readonly reason: string }
  /** The swarm goes on without it; it is started when it is let in again. */
  | { readonly type: 'removed'; readonly id: NodeId }
  /** What it holds differs from the others; it is started when somebody has decided about it. */
  | { readonly type: 'quarantined'; readonly id: NodeId };

export interface SupervisorOptions {
  readonly folder: SwarmFolder;
  readonly ids: readonly NodeId[];
  /** Program and arguments that run instance `id`. */
  command(id: NodeId): readonly string[];
  onEvent(event: SupervisorEvent): void;
  /** Processes that can load their data at the same time. Default: processors of this machine. */
  readonly atOnce?: number;
}

/** Crashes within the window after which an instance is reported and left down. */
const MAX_CRASHES = 5;
const CRASH_WINDOW_MS = 60_000;
const FIRST_PAUSE_MS = 50;
/** How soon an instance is tried again that was kept from its work by what is none of its own. */
const HINDERED_PAUSE_MS = 5_000;
/** The process of an earlier supervisor ends when that is gone, but first it hands back its work. */
const ORPHAN_PATIENCE_MS = 15_000;
const LOOK_FOR_ORPHAN_MS = 50;
/** An instance that was told to stop gets this long to hand back its work. */
const STOP_GRACE_MS = 10_000;
/** One that was told to halt gets this long to take the processes of its tasks with it. */
const HALT_GRACE_MS = 1_000;
/** A majority that does not serve by then may lack a voter who comes after it. */
const HEAD_START_MS = 5_000;
/** Processes that start at the same time, for each processor: most of what a start takes is waiting for the disk. */
const STARTING_PER_PROCESSOR = 4;
/** How soon an instance starts that was let in again. */
const LOOK_FOR_RETURN_MS = 500;

/** What may befall one instance alone, and is no mistake of whoever starts the swarm. */
const OF_ONE_ALONE: ReadonlySet<ErrorCode> = new Set(['DATA_DAMAGED', 'DISK_FAILED', 'REVOKED']);

interface Ward {
  readonly id: NodeId;
  child: Child | undefined;
  state: 'starting' | 'ready' | 'drained' | 'waiting' | 'down' | 'removed';
  isCaughtUp: boolean;
  crashes: number[];
  restart: NodeJS.Timeout | undefined;
  failure: SwarmError | undefined;
  /** Its disk is nearly full, in its own words. */
  shortage: string | undefined;
  /** What has kept it from its work, and was told; undefined again when it is at work. */
  hindrance: string | undefined;
}

/**
 * Keeps one process per instance: a killed one comes back with its identity and its data; one that is hindered is
 * tried again until it is not; one that keeps crashing, or says that it cannot work, is reported and left down.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #wards: readonly Ward[];
  #phase: 'starting' | 'running' | 'stopping' = 'starting';
  #lookForReturn: NodeJS.Timeout | undefined;
  #waiters: (() => void)[] = [];

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#wards = options.ids.map((id) => ({
      id,
      child: undefined,
      state: 'down',
      isCaughtUp: false,
      crashes: [],
      restart: undefined,
      failure: undefined,
      shortage: undefined,
      hindrance: undefined,
    }));
  }

  /**
   * Starts every instance that was not removed, and waits until each is ready, or has said that it cannot work.
   * A majority goes on without those whose data or disk are no good: that is what it is a majority for.
   *
   * @throws SwarmError of the first instance that cannot work otherwise; the others are stopped then.
   */
  async start(): Promise<void> {
    await this.#beginInTurn();
    const hasSettled = ({ state }: Ward): boolean => ['ready', 'down', 'removed'].includes(state);
    await this.#until(() => this.#wards.every(hasSettled));
    // One that has just been ready and says that it ends is no matter of the start any more.
    const failed = this.#wards.flatMap(({ failure, state }) => (state === 'down' && failure) || []);
    const [first] = failed;
    if (first === undefined || this.#canDoWithout(failed)) {
      if (this.#phase === 'starting') this.#phase = 'running';
      this.#tryAgainToEnter();
      return;
    }
    await this.stop();
    throw first;
  }

  /**
   * Who begins, and who comes after them. To come up with a long log takes a processor for a second: where all at once
   * would have to share too few of them, a majority that goes first serves all the sooner.
   */
  #turns(): readonly [first: readonly Ward[], rest: readonly Ward[]] {
    const { folder } = this.#options;
    const hasLog = ({ id }: Ward): boolean => existsSync(folder.wal(id));
    const able = this.#wards.filter((ward) => hasLog(ward) && !isLeftDown(folder, ward.id));
    const first = able.slice(0, majority(this.#wards.length));
    if (this.#processors >= this.#wards.length || first.length < majority(this.#wards.length))
      return [this.#wards, []];
    return [first, this.#wards.filter((ward) => !first.includes(ward))];
  }

  async #beginInTurn(): Promise<void> {
    const [first, rest] = this.#turns();
    await this.#beginFewAtATime(first);
    if (rest.length > 0) await this.#headStart(first);
    await this.#beginFewAtATime(rest);
  }

  /** Fifty processes that start at once would keep the processors from those that elect a leader meanwhile. */
  async #beginFewAtATime(wards: readonly Ward[]): Promise<void> {
    const most = STARTING_PER_PROCESSOR * this.#processors;
    const starting = (): number => this.#wards.filter(({ state }) => state === 'starting').length;
    for (const ward of wards) {
      await this.#until(() => starting() < most || this.#phase === 'stopping');
      if (this.#phase === 'stopping') return;
      this.#begin(ward);
    }
  }

  get #processors(): number {
    return this.#options.atOnce ?? availableParallelism();
  }

  /** Until they serve, or one of them will not. */
  async #headStart(first: readonly Ward[]): Promise<void> {
    const over = new AbortController();
    const late = delay(HEAD_START_MS, undefined, { signal: over.signal }).catch(() => undefined);
    const serve = (): boolean => first.every(({ isCaughtUp }) => isCaughtUp);
    const isHindered = (): boolean => first.some(({ state }) => state !== 'starting' && state !== 'ready');
    await Promise.race([late, this.#until(() => serve() || isHindered())]);
    over.abort();
  }

  #begin(ward: Ward): void {
    if (isLeftDown(this.#options.folder, ward.id)) this.#setAside(ward);
    else this.#spawnOnceFree(ward, performance.now() + ORPHAN_PATIENCE_MS);
  }

  #canDoWithout(failures: readonly SwarmError[]): boolean {
    const ready = this.#wards.filter(({ state }) => state === 'ready').length;
    const isOfOne = (failure: SwarmError): boolean => OF_ONE_ALONE.has(failure.code) || isOfTheSwarm(failure);
    return ready >= majority(this.#wards.length) && failures.every(isOfOne);
  }

  /** The others are up now, and can take in those that nobody answered. */
  #tryAgainToEnter(): void {
    for (const ward of this.#wards) {
      const { failure, state } = ward;
      if (state !== 'down' || failure === undefined || !isOfTheSwarm(failure)) continue;
      ward.failure = undefined;
      this.#tryLater(ward, failure.message);
    }
  }

  /** What an instance says of its disk that is nearly full; undefined while all have room. */
  get shortage(): string | undefined {
    return this.#wards.find(({ child, shortage }) => child !== undefined && shortage !== undefined)?.shortage;
  }

  /** Stops every instance: all hand back their work, then all go; who takes too long is killed. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    this.#wake();
    clearInterval(this.#lookForReturn);
    const late = setTimeout(() => void this.halt(), STOP_GRACE_MS);
    for (const ward of this.#wards) {
      clearTimeout(ward.restart);
      if (ward.state === 'ready') ward.child?.order({ type: 'drain' });
      else ward.child?.kill();
    }
    await this.#until(() =>
      this.#wards.every(({ child, state }) => child === undefined || state === 'drained'),
    );
    for (const { child } of this.#wards) child?.order({ type: 'stop' });
    await this.#until(() => this.#wards.every(({ child }) => child === undefined));
    clearTimeout(late);
  }

  /** Ends every process at once, those of running tasks included. What was acknowledged is on disk. */
  async halt(): Promise<void> {
    this.#phase = 'stopping';
    this.#wake();
    clearInterval(this.#lookForReturn);
    for (const { child, restart } of this.#wards) {
      clearTimeout(restart);
      child?.order({ type: 'halt' });
    }
    const late = setTimeout(() => {
      for (const { child } of this.#wards) child?.kill();
    }, HALT_GRACE_MS);
    await this.#until(() => this.#wards.every(({ child }) => child === undefined));
    clearTimeout(late);
  }

  /** Two processes never own one folder: whoever is still in it, of an earlier supervisor, may leave in order. */
  #spawnOnceFree(ward: Ward, deadline: number): void {
    const isTaken = holderOf(this.#options.folder.wal(ward.id)) !== undefined;
    if (!isTaken || performance.now() > deadline) return this.#spawn(ward);
    ward.state = 'waiting';
    ward.restart = setTimeout(() => this.#spawnOnceFree(ward, deadline), LOOK_FOR_ORPHAN_MS);
  }

  #spawn(ward: Ward): void {
    ward.state = 'starting';
    ward.isCaughtUp = false;
    ward.shortage = undefined;
    const { command, folder, onEvent } = this.#options;
    ward.child = startChild(command(ward.id), folder.nodeLog(ward.id), {
      onMessage: (message) => this.#onMessage(ward, message),
      onExit: (exit) => this.#onExit(ward, exit),
    });
    onEvent({ type: 'started', id: ward.id, pid: ward.child.pid });
  }

  #onMessage(ward: Ward, message: ChildMessage): void {
    if (message.type === 'unfit') {
      ward.failure = new SwarmError(message.code as ErrorCode, message.message);
      return;
    }
    if (message.type === 'room') {
      ward.shortage = message.shortage ?? undefined;
      return;
    }
    if (message.type === 'caught-up') {
      ward.isCaughtUp = true;
      return this.#wake();
    }
    ward.state = message.type;
    if (message.type === 'ready') ward.hindrance = undefined;
    if (message.type === 'ready') this.#options.onEvent({ type: 'ready', id: ward.id, url: message.url });
    this.#wake();
  }

  #onExit(ward: Ward, exit: ChildExit): void {
    ward.child = undefined;
    ward.state = 'down';
    if (isLeftDown(this.#options.folder, ward.id)) this.#setAside(ward);
    else if (this.#phase !== 'stopping') this.#afterCrash(ward, exit);
    this.#wake();
  }

  /** Out of the swarm, or in quarantine: left alone until its folder says otherwise. */
  #setAside(ward: Ward): void {
    ward.state = 'removed';
    const { folder, onEvent } = this.#options;
    onEvent({ type: isRemoved(folder, ward.id) ? 'removed' : 'quarantined', id: ward.id });
    if (this.#phase === 'stopping') return;
    this.#lookForReturn ??= setInterval(() => this.#takeBack(), LOOK_FOR_RETURN_MS);
  }

  #takeBack(): void {
    const isAway = ({ state }: Ward): boolean => state === 'removed';
    for (const ward of this.#wards.filter(isAway)) {
      if (!isLeftDown(this.#options.folder, ward.id)) this.#spawn(ward);
    }
    if (this.#wards.some(isAway)) return;
    clearInterval(this.#lookForReturn);
    this.#lookForReturn = undefined;
  }

  #afterCrash(ward: Ward, exit: ChildExit): void {
    const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
    const word = ward.failure;
    const fate = this.#isWiped(ward, exit) ? ({ kind: 'crashed' } as const) : fateOf(exit.code, word);
    ward.failure = undefined;
    if (fate.kind === 'crashed') return this.#restart(ward, how);
    // Not at the very start, though: whoever starts a swarm wants to hear of it.
    if (fate.kind === 'hindered' && this.#phase === 'running') {
      return this.#tryLater(ward, `${how}: ${fate.why}`);
    }
    // Its own word says more, if it came through.
    const reason = `${fate.why} (${how}); see ${this.#options.folder.nodeLog(ward.id)}`;
    this.#giveUp(ward, reason, word);
  }

  /** Its disk is as good as before: somebody removed what it had on it, and it comes back under another id. */
  #isWiped({ id }: Ward, exit: ChildExit): boolean {
    return exit.code === INSTANCE_EXIT.diskFailed && !existsSync(this.#options.folder.wal(id));
  }

  #restart(ward: Ward, how: string): void {
    const now = Date.now();
    ward.crashes = [...ward.crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
    if (ward.crashes.length >= MAX_CRASHES) {
      const reason = `${MAX_CRASHES} crashes within a minute, the last by ${how}; see ${this.#options.folder.nodeLog(ward.id)}`;
      return this.#giveUp(ward, reason);
    }
    const restartInMs = FIRST_PAUSE_MS * 2 ** (ward.crashes.length - 1);
    this.#spawnIn(ward, restartInMs);
    this.#options.onEvent({ type: 'exited', id: ward.id, how, restartInMs });
  }

  #giveUp(ward: Ward, reason: string, word?: SwarmError): void {
    ward.failure = word ?? new SwarmError('STOPPED', `instance ${ward.id}: ${reason}`);
    this.#options.onEvent({ type: 'gave-up', id: ward.id, reason: word?.message ?? reason });
  }

  /** Tried again until it works; told once, for the log of this process may lie on the same full disk. */
  #tryLater(ward: Ward, how: string): void {
    this.#spawnIn(ward, HINDERED_PAUSE_MS);
    if (ward.hindrance !== how) {
      this.#options.onEvent({ type: 'exited', id: ward.id, how, restartInMs: HINDERED_PAUSE_MS });
    }
    ward.hindrance = how;
  }

  #spawnIn(ward: Ward, ms: number): void {
    ward.state = 'waiting';
    ward.restart = setTimeout(() => this.#spawn(ward), ms);
  }

  /** Waits until `condition` holds; it is looked at whenever a child changes. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
