import type { Clock } from '../../src/node/port.ts';
import type { Millis, NodeId } from '../../src/protocol/ids.ts';
import { EventQueue } from './event-queue.ts';

export interface Event {
  readonly at: Millis;
  /** Whose process runs `run`; undefined for the world itself. A paused process runs nothing. */
  readonly owner: NodeId | undefined;
  readonly run: () => void;
}

interface Scheduled extends Omit<Event, 'at'> {
  at: Millis;
  sequence: number;
  /** Everything that arrives at one instant is taken in before any turn that it started ends. */
  readonly phase: 0 | 1;
  isCancelled: boolean;
}

const ARRIVAL = 0;
const TURN_END = 1;

/** Time that moves from event to event; events of one instant run in the order in which they were scheduled. */
export class VirtualTime {
  readonly #queue = new EventQueue<Scheduled>(isBefore);
  readonly #held = new Map<NodeId, Scheduled[]>();
  #now: Millis = 0;
  #sequence = 0;

  get now(): Millis {
    return this.#now;
  }

  /** Runs `event.run` at `event.at`, which is not in the past. The returned function cancels. */
  schedule(event: Event): () => void {
    return this.#add(event, ARRIVAL);
  }

  /** Runs `run` at this very instant, after all that arrives in it. */
  defer(owner: NodeId | undefined, run: () => void): void {
    this.#add({ at: this.#now, owner, run }, TURN_END);
  }

  /** From now on nothing of `owner` runs. */
  pause(owner: NodeId): void {
    if (!this.#held.has(owner)) this.#held.set(owner, []);
  }

  isPaused(owner: NodeId): boolean {
    return this.#held.has(owner);
  }

  /** What was due meanwhile runs now, late, in the order in which it was due. */
  resume(owner: NodeId): void {
    const held = this.#held.get(owner) ?? [];
    this.#held.delete(owner);
    for (const scheduled of held) {
      // The same object: whoever may cancel it still can.
      scheduled.at = this.#now;
      scheduled.sequence = this.#sequence++;
      this.#queue.push(scheduled);
    }
  }

  /** The process of `owner` is gone, and with it all that it was kept from doing. */
  endPause(owner: NodeId): void {
    this.#held.delete(owner);
  }

  /** Runs the next event and returns it; undefined when nothing will ever happen again. */
  step(): Event | undefined {
    for (;;) {
      const next = this.#queue.pop();
      if (next === undefined) return undefined;
      if (next.isCancelled) continue;
      this.#now = next.at;
      const held = next.owner === undefined ? undefined : this.#held.get(next.owner);
      if (held === undefined) {
        next.run();
        return next;
      }
      held.push(next);
    }
  }

  #add(event: Event, phase: Scheduled['phase']): () => void {
    if (event.at < this.#now) throw new Error(`an event at ${event.at} would lie before ${this.#now}`);
    const { at, owner, run } = event;
    const scheduled: Scheduled = { at, owner, run, phase, sequence: this.#sequence++, isCancelled: false };
    this.#queue.push(scheduled);
    return () => {
      scheduled.isCancelled = true;
    };
  }
}

function isBefore(left: Scheduled, right: Scheduled): boolean {
  if (left.at !== right.at) return left.at < right.at;
  if (left.phase !== right.phase) return left.phase < right.phase;
  return left.sequence < right.sequence;
}

/** How a machine's clock stands to the world's: no two start at one value or run at one pace. */
export interface Skew {
  readonly offsetMs: Millis;
  /** Milliseconds of this clock in one millisecond of the world. */
  readonly rate: number;
}

/**
 * The clock of one process. Timers fire in whole milliseconds of the world, never early and, as in a
 * real event loop, never within the turn that set them.
 */
export function createNodeClock(time: VirtualTime, owner: NodeId, skew: Skew): Clock {
  const now = (): Millis => skew.offsetMs + time.now * skew.rate;
  return {
    now,
    setTimer(at, callback) {
      let due = Math.max(time.now + 1, Math.ceil((at - skew.offsetMs) / skew.rate));
      // Rounding must not wake a node before its deadline: it would set the same timer again, for ever.
      if (skew.offsetMs + due * skew.rate < at) due += 1;
      return time.schedule({ at: due, owner, run: callback });
    },
    defer: (callback) => time.defer(owner, callback),
  };
}
