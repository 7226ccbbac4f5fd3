import type { Millis, NodeId } from '../protocol/ids.ts';
import { BAN_FORGOTTEN_AFTER_MS, FIRST_BAN_MS, MAX_BAN_MS } from '../protocol/limits.ts';

interface Ban {
  readonly times: number;
  readonly until: Millis;
}

/**
 * Members that are kept out for a while: not for the first time, when a broken proxy is as likely as anything, then each
 * time for twice as long. `now` in milliseconds.
 */
export interface Bans {
  add(member: NodeId): void;
  /** How long it has to stay away yet; 0: it is welcome. */
  leftFor(member: NodeId): Millis;
}

export function createBans(now: () => Millis): Bans {
  const bans = new Map<NodeId, Ban>();
  return {
    add(member) {
      const time = now();
      const before = bans.get(member);
      const isOld = before === undefined || time - before.until > BAN_FORGOTTEN_AFTER_MS;
      const times = isOld ? 1 : before.times + 1;
      const length = times === 1 ? 0 : Math.min(MAX_BAN_MS, FIRST_BAN_MS * 2 ** (times - 2));
      bans.set(member, { times, until: time + length });
    },
    leftFor: (member) => Math.max(0, (bans.get(member)?.until ?? 0) - now()),
  };
}
