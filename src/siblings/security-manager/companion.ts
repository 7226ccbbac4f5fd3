import { SwarmError } from '../../protocol/errors.ts';
import type { Companion, CompanionFactory, CompanionHost } from '../../swarm/companion.ts';
import { writeRevoked } from '../../swarm/security-folder.ts';
import { REQUEST } from '../../swarm/wire.ts';
import type { TaskEvent } from '../../tasks/event.ts';
import { createDesk } from './desk.ts';
import { carryOutDuties, nextDutyAt } from './duties.ts';
import { warningsOf } from './expiry.ts';
import { believe, type Guarded, recordsOf } from './guarded.ts';
import { NAMESPACE } from './records.ts';

/** After what went wrong; and between two looks at the clock when nothing is due for long. */
const TRY_AGAIN_MS = 2_000;
const LOOK_AGAIN_MS = 60 * 60 * 1000;

/** Keeps what an instance shows, and whom it believes, as the log says. */
export function securityCompanion(guarded: Guarded): CompanionFactory {
  return (host) => new SecurityCompanion(guarded, host).asCompanion();
}

class SecurityCompanion {
  readonly #guarded: Guarded;
  readonly #host: CompanionHost;
  /** Whoever waits for a record to change. */
  #waiting: (() => void)[] = [];
  #isDue = false;
  #isAtWork = false;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(guarded: Guarded, host: CompanionHost) {
    this.#guarded = guarded;
    this.#host = host;
  }

  asCompanion(): Companion {
    const { isSecured } = this.#guarded;
    const desk = createDesk({
      guarded: this.#guarded,
      host: this.#host,
      nextChange: (ms) => this.#nextChange(ms),
    });
    return {
      requests: new Map([[REQUEST.security, desk]]),
      start: () => {
        this.#look();
        if (isSecured) this.#workSoon();
      },
      onApplied: (_index, events) => {
        if (events.some(isOurs)) this.#look();
      },
      onConfiguration: () => this.#workSoon(),
      onRestored: () => this.#look(),
      stop: async () => {
        this.#isStopped = true;
        clearTimeout(this.#timer);
        this.#wake();
      },
    };
  }

  /** Whoever is not to be let in any more is put out at once; all else waits until the log is known to its end. */
  #look(): void {
    const guarded = this.#guarded;
    const before = guarded.records;
    guarded.records = recordsOf(guarded.machine);
    const hasRevoked = this.#noteRevoked();
    if (hasRevoked || sizeOrRoleChanged(before.client, guarded.records.client)) guarded.server?.recheck();
    this.#wake();
    this.#workSoon();
  }

  /** Only ever more: what an old entry of the log does not know yet is not forgotten while it is read again. */
  #noteRevoked(): boolean {
    const { bundle, folder, records, trust } = this.#guarded;
    if (trust !== undefined && records.revoked.has(this.#guarded.memberId)) this.#guarded.onRevoked();
    const more = [...records.revoked.keys()].filter((name) => trust?.revoked.has(name) === false);
    if (trust === undefined || more.length === 0) return false;
    const all = new Set([...trust.revoked, ...more]);
    writeRevoked(folder, all);
    believe(this.#guarded, bundle, all);
    return true;
  }

  #workSoon(): void {
    if (!this.#guarded.isSecured || this.#isStopped) return;
    this.#isDue = true;
    if (!this.#isAtWork) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isAtWork = true;
    clearTimeout(this.#timer);
    let pauseMs = LOOK_AGAIN_MS;
    while (this.#isDue && !this.#isStopped) {
      this.#isDue = false;
      try {
        // An entry that was overtaken says what was trusted once.
        await this.#host.readBarrier();
        this.#guarded.records = recordsOf(this.#guarded.machine);
        await carryOutDuties({ guarded: this.#guarded, host: this.#host, now: new Date() });
        this.#warn();
        pauseMs = LOOK_AGAIN_MS;
      } catch (error) {
        if (!(error instanceof SwarmError)) this.#host.onTrouble(error);
        pauseMs = TRY_AGAIN_MS;
      }
    }
    this.#isAtWork = false;
    if (this.#isStopped) return;
    const now = Date.now();
    const dueInMs = (nextDutyAt(this.#guarded, now) ?? Number.POSITIVE_INFINITY) - now;
    // What is due and was not done needs somebody else; what is not due yet is done in time.
    const waitMs = dueInMs > 0 ? dueInMs : TRY_AGAIN_MS;
    this.#timer = setTimeout(() => this.#workSoon(), Math.min(pauseMs, waitMs));
  }

  #warn(): void {
    for (const warning of warningsOf(this.#guarded, Date.now())) {
      this.#host.onTrouble(new SwarmError('UNAUTHORIZED', warning));
    }
  }

  /** Resolves when a record has changed, or after `ms`. */
  #nextChange(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, ms);
      this.#waiting.push(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

function isOurs(event: TaskEvent): boolean {
  return event.type === 'record' && event.namespace === NAMESPACE;
}

type Clients = Guarded['records']['client'];

/** Any change counts: a token that was replaced, an access that is over. */
function sizeOrRoleChanged(before: Clients, after: Clients): boolean {
  if (before.size !== after.size) return true;
  return [...after].some(([name, { version }]) => before.get(name)?.version !== version);
}
