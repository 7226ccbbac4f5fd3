import type { Millis } from '../protocol/ids.ts';
import * as limits from '../protocol/limits.ts';
import { isLoopback, type RemoteAddress } from './remote-address.ts';

/** So many at once, and so many a second after that. */
interface Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  tokens: number;
  at: Millis;
}

const VISITS: Allowance = {
  burst: limits.MAX_VISIT_BURST,
  perSecond: limits.MAX_VISITS_PER_SECOND,
};
const LOOPBACK_VISITS: Allowance = {
  burst: limits.MAX_LOOPBACK_VISIT_BURST,
  perSecond: limits.MAX_LOOPBACK_VISITS_PER_SECOND,
};
const REFUSALS: Allowance = {
  burst: limits.MAX_REFUSED_HELLO_BURST,
  perSecond: limits.MAX_REFUSED_HELLOS_PER_SECOND,
};

/** What one remote address may ask of the port. */
export interface AddressLimits {
  /** Somebody at `address` asks for something: why it is refused, or undefined for "welcome". */
  visit(address: RemoteAddress): string | undefined;
  /** A hello from there was refused for what it was. */
  noteRefusal(address: RemoteAddress): void;
}

export interface AddressLimitsOptions {
  /** In milliseconds. */
  readonly now: () => Millis;
  /** Somebody there asks for more than there is; `why` is what he would be told. */
  readonly onFlood: (address: RemoteAddress, why: string) => void;
}

/**
 * Token buckets by address.
 *
 * Whoever guesses at the secret from elsewhere is soon not heard any more. On loopback nobody is shut out for that:
 * the address is everybody's, and another user of the machine would shut out the swarm.
 */
export function createAddressLimits({ now, onFlood }: AddressLimitsOptions): AddressLimits {
  const visits = new Map<RemoteAddress, Bucket>();
  const refusals = new Map<RemoteAddress, Bucket>();
  const turnAway = (address: RemoteAddress, why: string): string => {
    onFlood(address, why);
    return why;
  };
  return {
    visit(address) {
      const time = now();
      const refused = refusals.get(address);
      if (refused !== undefined && filled(refused, REFUSALS, time) < 1) {
        return turnAway(address, 'too many hellos from this address were refused; wait a minute');
      }
      const allowance = isLoopback(address) ? LOOPBACK_VISITS : VISITS;
      if (spend(visits, address, { allowance, time })) return undefined;
      return turnAway(address, 'too many requests from this address');
    },
    noteRefusal(address) {
      if (!isLoopback(address)) spend(refusals, address, { allowance: REFUSALS, time: now() });
    },
  };
}

/** False when there is nothing left to be spent. */
function spend(
  buckets: Map<RemoteAddress, Bucket>,
  address: RemoteAddress,
  { allowance, time }: { readonly allowance: Allowance; readonly time: Millis },
): boolean {
  const bucket = buckets.get(address) ?? { tokens: allowance.burst, at: time };
  const tokens = filled(bucket, allowance, time);
  // The last one to come is the last one to be forgotten.
  buckets.delete(address);
  const isEnough = tokens >= 1;
  buckets.set(address, { tokens: isEnough ? tokens - 1 : tokens, at: time });
  if (buckets.size > limits.MAX_REMEMBERED_ADDRESSES) {
    const [oldest] = buckets.keys();
    if (oldest !== undefined) buckets.delete(oldest);
  }
  return isEnough;
}

function filled({ tokens, at }: Bucket, { burst, perSecond }: Allowance, time: Millis): number {
  return Math.min(burst, tokens + ((time - at) / 1_000) * perSecond);
}
