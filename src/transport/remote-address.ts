/** Who shares an allowance: one IPv4 address, or the 64 bits of an IPv6 address that one host has to itself. */
export type RemoteAddress = string & { readonly __brand: 'RemoteAddress' };

const LOOPBACK = 'loopback' as RemoteAddress;
const UNKNOWN = 'unknown' as RemoteAddress;

/** Everybody on this machine shares one address, and so does everybody who went before it could be asked. */
export function remoteAddressOf(text: string | undefined): RemoteAddress {
  if (text === undefined || text === '') return UNKNOWN;
  const address = text.startsWith('::ffff:') && text.includes('.') ? text.slice('::ffff:'.length) : text;
  if (address === '::1' || address.startsWith('127.')) return LOOPBACK;
  if (!address.includes(':')) return address as RemoteAddress;
  return `${prefixOf(address)}::/64` as RemoteAddress;
}

export function isLoopback(address: RemoteAddress): boolean {
  return address === LOOPBACK;
}

/** The first four groups of an IPv6 address, in which `::` stands for as many zeros as are missing. */
function prefixOf(address: string): string {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length);
  return [...groups, ...Array<string>(missing).fill('0'), ...behind].slice(0, 4).join(':');
}
