import { isIP, isIPv4, isIPv6 } from 'node:net';
import { SwarmError } from '../protocol/errors.ts';

/** A server as others name it. */
export interface Address {
  /** As in a URL: lower case, IPv6 in brackets. */
  readonly name: string;
  /** Undefined: the one that is listened on. */
  readonly port: number | undefined;
}

/** Listening on every address of the machine; nobody elsewhere reaches it under such a name. */
const WILDCARDS: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);

/**
 * The addresses of a server that listens on `host`; the first is the one to be told.
 *
 * `advertised`: names or addresses under which it is reached, with a port where that is another than the one
 * listened on (a container, a forwarded port).
 *
 * @throws SwarmError `BAD_INPUT` for what is no host, and for a wildcard with nothing advertised.
 */
export function addressesOf(
  host: string,
  advertised: readonly string[],
): readonly [Address, ...(readonly Address[])] {
  const own = WILDCARDS.has(host) ? [] : [host];
  const [first, ...others] = [...advertised, ...own].map(addressOf);
  if (first !== undefined) return [first, ...others];
  const message = `"${host}" means every address of this machine, and others cannot dial that; name one of its addresses, or what they dial instead (--advertise)`;
  throw new SwarmError('BAD_INPUT', message, { host });
}

/** As it stands in a URL and in a `Host` header; `listening` is the port for an address that names none. */
export function authorityOf({ name, port }: Address, listening: number): string {
  return `${name}:${port ?? listening}`;
}

/** What a socket is bound to before it dials. */
export interface Source {
  readonly localAddress: string;
  readonly family: 4 | 6;
}

/**
 * A node that listens on one address dials from it, too: a machine with several is then known by one of them to
 * firewalls and to its peers. Undefined: the system chooses, since `host` is a name or every address, or since nothing
 * leads from loopback to `target` or back.
 */
export function sourceFor(host: string, target: URL): Source | undefined {
  const family = isIP(host);
  if (family === 0 || WILDCARDS.has(host)) return undefined;
  const there = target.hostname.replace(/^\[|\]$/g, '');
  if (isLoopback(host) !== isLoopback(there)) return undefined;
  // A name is looked up among the addresses that can be reached from here.
  if (isIP(there) !== 0 && isIP(there) !== family) return undefined;
  return { localAddress: host, family: family === 4 ? 4 : 6 };
}

/** Names are none: what they mean is known only once they are looked up. */
function isLoopback(host: string): boolean {
  return host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function addressOf(text: string): Address {
  const authority = isIPv6(text) ? `[${text}]` : text;
  const url = URL.canParse(`ws://${authority}`) ? new URL(`ws://${authority}`) : undefined;
  // Whatever else a URL can hold is no part of a host.
  if (url === undefined || url.href !== `ws://${url.host}/`) {
    const message = `"${text}" is no host; expected a name or an address, and a port if need be`;
    throw new SwarmError('BAD_INPUT', message, { host: text });
  }
  // Not `url.port`, which is empty for the port that WebSockets have by default.
  const port = /:(\d+)$/.exec(authority)?.[1];
  return { name: url.hostname, port: port === undefined ? undefined : Number(port) };
}
