import { SwarmError } from '../protocol/errors.ts';
import type { Millis } from '../protocol/ids.ts';
import type { Swarm } from '../swarm/port.ts';
import type { Notices, SwarmEvent } from './notices.ts';

/** Something that is ours as long as we say so in time. */
interface Lease {
  readonly kind: 'task' | 'reservation';
  /** Of the task, or of the reservation. */
  readonly id: string;
  readonly fence: number;
  readonly leaseMs: Millis;
}

interface Kept extends Lease {
  readonly lost: AbortController;
  /** When we asked for the renewal that was granted last; before the first one, when we began. */
  renewedAt: Millis;
}

/** One lease that is kept. */
export interface Keeping {
  /** Given when it is lost; its reason is a `SwarmError` STALE_FENCE that says why. */
  readonly lost: AbortSignal;
  /** It is given back, or its end is recorded: no renewals any more. */
  end(): void;
}

const RENEWALS_PER_LEASE = 4;

/** Renews whatever this client holds, and learns at once when somebody takes it away. */
export class LeaseKeeper {
  readonly #swarm: Swarm;
  readonly #notices: Notices;
  readonly #kept = new Set<Kept>();
  #listening: Promise<() => void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(swarm: Swarm, notices: Notices) {
    this.#swarm = swarm;
    this.#notices = notices;
  }

  /** @throws SwarmError NOT_RUNNING when there is no node to hear from. */
  async keep(lease: Lease): Promise<Keeping> {
    const kept: Kept = { ...lease, lost: new AbortController(), renewedAt: performance.now() };
    const isSoonest = lease.leaseMs < this.#shortest();
    this.#kept.add(kept);
    if (isSoonest) this.#schedule();
    const end = (): void => this.#drop(kept);
    try {
      this.#listening ??= this.#notices.listen((event) => this.#hear(event));
      await this.#listening;
    } catch (error) {
      this.#listening = undefined;
      end();
      throw error;
    }
    return { lost: kept.lost.signal, end };
  }

  /** Stops renewing; whatever is still held runs out by itself. */
  stop(): void {
    for (const kept of this.#kept) this.#lose(kept, 'this client was closed');
  }

  #drop(kept: Kept): void {
    this.#kept.delete(kept);
    if (this.#kept.size === 0) clearTimeout(this.#timer);
  }

  #lose(kept: Kept, why: string): void {
    this.#drop(kept);
    kept.lost.abort(new SwarmError('STALE_FENCE', `${kept.kind} ${kept.id} is not yours any more: ${why}`));
  }

  #hear(event: SwarmEvent): void {
    // What was not told may have been the end of a lease: the answer to a renewal says so.
    if (event.type === 'resync') void this.#renew();
    if (event.type !== 'applied') return;
    for (const change of event.events) {
      if (change.type === 'task' && change.to !== 'running' && change.to !== 'assigned') {
        const why = change.reason === '' ? `it is ${change.to} now` : change.reason;
        this.#loseWhere(({ kind, id, fence }) => {
          return kind === 'task' && id === change.taskId && fence === change.fence ? why : undefined;
        });
      }
      if (change.type === 'reservation' && change.change !== 'granted') {
        this.#loseWhere(({ kind, id }) => {
          return kind === 'reservation' && id === change.reservationId
            ? `it was ${change.change}`
            : undefined;
        });
      }
    }
  }

  #loseWhere(whyLost: (lease: Lease) => string | undefined): void {
    for (const kept of this.#kept) {
      const why = whyLost(kept);
      if (why !== undefined) this.#lose(kept, why);
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#kept.size === 0) return;
    this.#timer = setTimeout(() => void this.#renew(), this.#shortest() / RENEWALS_PER_LEASE);
  }

  #shortest(): Millis {
    return Math.min(...[...this.#kept].map(({ leaseMs }) => leaseMs));
  }

  async #renew(): Promise<void> {
    await Promise.all([this.#renewAll('task'), this.#renewAll('reservation')]);
    this.#schedule();
  }

  /** Without a renewal for a whole lease, we must assume to have lost it. */
  async #renewAll(kind: Lease['kind']): Promise<void> {
    const asked = performance.now();
    const kept = [...this.#kept].filter((lease) => lease.kind === kind);
    if (kept.length === 0) return;
    const refused = await this.#ask(kind, kept);
    for (const lease of kept.filter((one) => this.#kept.has(one))) {
      const why = refused?.get(lease.id);
      if (why !== undefined) this.#lose(lease, why);
      else if (refused !== undefined) lease.renewedAt = asked;
      else if (performance.now() - lease.renewedAt > lease.leaseMs)
        this.#lose(lease, 'the swarm could not be reached for as long as the lease lasts');
    }
  }

  /** Why some were refused, by id; undefined when nobody could be asked. */
  async #ask(kind: Lease['kind'], kept: readonly Kept[]): Promise<ReadonlyMap<string, string> | undefined> {
    const tasks = kept.map(({ id, fence }) => ({ taskId: id, fence }));
    const reservations = kept.map(({ id, fence }) => ({ reservationId: id, fence }));
    const command =
      kind === 'task'
        ? ({ kind: 'renew', tasks, reservations: [] } as const)
        : ({ kind: 'renew', tasks: [], reservations } as const);
    try {
      const { stale } = await this.#swarm.execute(command, { timeoutMs: this.#shortest() });
      return new Map(stale.map(({ id, why }) => [id, why]));
    } catch (error) {
      if (error instanceof SwarmError) return undefined;
      throw error;
    }
  }
}
