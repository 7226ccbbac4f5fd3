import type { IncomingMessage } from 'node:http';
import { type Address, authorityOf } from './address.ts';

/**
 * Loopback is no boundary: any page in a browser may send requests to it, and a rebound DNS name lets
 * the page read the answers. Browsers say the name in `Host` and themselves in `Origin`, so both are
 * checked exactly, on plain requests and on upgrades. CVE-2025-66414, CVE-2025-49596
 */
export type Guard = (request: IncomingMessage) => GuardVerdict;

type GuardVerdict =
  | { readonly kind: 'welcome'; readonly path: string }
  | { readonly kind: 'refused'; readonly reason: string };

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'].map((name) => ({ name, port: undefined }));

/** The port that a `Host` header leaves out. */
const DEFAULT_PORT = 80;

/** `addresses`: those of the server; the names of loopback are welcome beside them. `port`: what it listens on. */
export function createGuard(addresses: readonly Address[], port: number): Guard {
  const allowed = new Set([...LOOPBACK, ...addresses].flatMap((address) => hostsOf(address, port)));
  return (request) => {
    const { host: asked, origin } = request.headers;
    if (asked === undefined || !allowed.has(asked))
      return { kind: 'refused', reason: 'unexpected Host header' };
    if (origin !== undefined) return { kind: 'refused', reason: 'browsers are not served here' };
    return { kind: 'welcome', path: pathOf(request.url ?? '/') };
  };
}

/** The `Host` headers of those who dial `address`. */
function hostsOf(address: Address, listening: number): readonly string[] {
  const authority = authorityOf(address, listening);
  return (address.port ?? listening) === DEFAULT_PORT ? [authority, address.name] : [authority];
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
