import { isIPv4 } from 'node:net';

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '::1']);

/** Says aloud what it means that others can reach instances which listen on `host`. */
export function warnOfExposure(host: string): void {
  if (LOOPBACK_NAMES.has(host) || (isIPv4(host) && host.startsWith('127.'))) return;
  process.stderr.write(
    `raft-manager: instances on ${host} speak without TLS: whoever reads that network can read the swarm's token\n`,
  );
}
