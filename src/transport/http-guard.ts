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
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

export interface GuardOptions {
  /** Those of the server; the names of loopback are welcome beside them. */
  readonly addresses: readonly Address[];
  /** What it listens on. */
  readonly port: number;
  readonly scheme?: keyof typeof DEFAULT_PORTS;
}

export function createGuard({ addresses, port, scheme = 'http' }: GuardOptions): Guard {
  const allowed = new Set(
    [...LOOPBACK, ...addresses].flatMap((address) => hostsOf(address, port, DEFAULT_PORTS[scheme])),
  );
  return (request) => {
    const { host, origin, 'sec-fetch-site': site } = request.headers;
    if (!allowed.has(canonical(host))) return { kind: 'refused', reason: 'unexpected Host header' };
    // Of two, a proxy before us may have looked at the other one.
    if (timesSaid(request, 'host') > 1) return { kind: 'refused', reason: 'more than one Host header' };
    if (origin !== undefined) return { kind: 'refused', reason: 'browsers are not served here' };
    // An image of another page comes without `Origin`. Who types the address himself says "none".
    if (site !== undefined && site !== 'none') {
      return { kind: 'refused', reason: 'pages in browsers are not served here' };
    }
    return { kind: 'welcome', path: pathOf(request.url ?? '/') };
  };
}

/** Names in lower case, IPv6 in its shortest spelling; what is no host is empty, and that is never allowed. */
function canonical(host: string | undefined): string {
  if (host === undefined) return '';
  if (!host.startsWith('[')) return host.toLowerCase();
  const ipv6 = /^(\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/.exec(host);
  if (ipv6 === null || !URL.canParse(`ws://${ipv6[1]}`)) return '';
  return `${new URL(`ws://${ipv6[1]}`).hostname}${ipv6[2] ?? ''}`;
}

function timesSaid({ rawHeaders = [] }: IncomingMessage, name: string): number {
  return rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === name).length;
}

/** The `Host` headers of those who dial `address`. */
function hostsOf(address: Address, listening: number, defaultPort: number): readonly string[] {
  const authority = authorityOf(address, listening);
  return (address.port ?? listening) === defaultPort ? [authority, address.name] : [authority];
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
