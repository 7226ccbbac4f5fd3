import type { IncomingMessage } from 'node:http';

/**
 * Loopback is no boundary: any page in a browser may send requests to it, and a rebound DNS name lets
 * the page read the answers. Browsers say the name in `Host` and themselves in `Origin`, so both are
 * checked exactly, on plain requests and on upgrades. CVE-2025-66414, CVE-2025-49596
 */
export type Guard = (request: IncomingMessage) => GuardVerdict;

type GuardVerdict =
  | { readonly kind: 'welcome'; readonly path: string }
  | { readonly kind: 'refused'; readonly reason: string };

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/** `host` is what the server listens on; its own name is welcome beside those of loopback. */
export function createGuard({ host, port }: { readonly host: string; readonly port: number }): Guard {
  const ownName = host.includes(':') ? `[${host}]` : host;
  const allowed = new Set([...LOOPBACK_NAMES, ownName].map((name) => `${name}:${port}`));
  return (request) => {
    const { host: asked, origin } = request.headers;
    if (asked === undefined || !allowed.has(asked))
      return { kind: 'refused', reason: 'unexpected Host header' };
    if (origin !== undefined) return { kind: 'refused', reason: 'browsers are not served here' };
    return { kind: 'welcome', path: pathOf(request.url ?? '/') };
  };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
