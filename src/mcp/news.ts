import type { Millis } from '../protocol/ids.ts';
import type { Session } from './session.ts';
import type { SwarmEvent } from './swarm-link.ts';

/** Lets one call wait until there may be something new, instead of asking again and again. */
export class News {
  readonly #signal: AbortSignal;
  readonly #unlisten: () => void;
  #hasNews = false;
  #wake: () => void = () => undefined;

  constructor(session: Session, signal: AbortSignal) {
    this.#signal = signal;
    this.#unlisten = session.listen((event) => {
      if (!isNews(event)) return;
      this.#hasNews = true;
      this.#wake();
    });
  }

  /** Whoever looks now sees everything that was told before. */
  forget(): void {
    this.#hasNews = false;
  }

  /** Resolves with the first news since `forget`, after `atMost` without any, or when the call is over. */
  async arrive({ atLeast, atMost }: { readonly atLeast: Millis; readonly atMost: Millis }): Promise<void> {
    await this.#sleep(Math.min(atLeast, atMost), 'whatever happens');
    if (!this.#hasNews) await this.#sleep(atMost - atLeast, 'until there is news');
  }

  end(): void {
    this.#unlisten();
  }

  #sleep(ms: Millis, how: 'whatever happens' | 'until there is news'): Promise<void> {
    if (ms <= 0 || this.#signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(late);
        this.#signal.removeEventListener('abort', done);
        this.#wake = () => undefined;
        resolve();
      };
      const late = setTimeout(done, ms);
      this.#signal.addEventListener('abort', done);
      if (how === 'until there is news') this.#wake = done;
    });
  }
}

/** Lines that workers print make no task ready. */
function isNews(event: SwarmEvent): boolean {
  if (event.type !== 'applied') return event.type !== 'role';
  return event.events.some(({ type }) => type !== 'output' && type !== 'turn' && type !== 'note');
}
