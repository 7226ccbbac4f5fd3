import type { Millis } from '../protocol/ids.ts';

interface Watched<Version> {
  readonly version: Version;
  readonly since: Millis;
}

/**
 * Tells what has not moved for too long, on this process's own clock. A new coordinator starts with an
 * empty watch, so everything gets its full time again under it.
 */
export class IdleWatch<Version> {
  #watched = new Map<string, Watched<Version>>();

  /**
   * Looks at everything there is now; `items` that are no longer named are forgotten.
   *
   * @returns the keys whose version has been the same for longer than their `allowedMs`.
   */
  look(
    items: Iterable<{ readonly key: string; readonly version: Version; readonly allowedMs: Millis }>,
    now: Millis,
  ): readonly string[] {
    const watched = new Map<string, Watched<Version>>();
    const idle: string[] = [];
    for (const { key, version, allowedMs } of items) {
      const known = this.#watched.get(key);
      const current = known?.version === version ? known : { version, since: now };
      watched.set(key, current);
      if (now - current.since > allowedMs) idle.push(key);
    }
    this.#watched = watched;
    return idle;
  }
}
