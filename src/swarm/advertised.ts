import { SwarmError } from '../protocol/errors.ts';

const PATTERN = /^(?<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?<port>[1-9]\d{0,4}))?$/;
const LAST_PORT = 65_535;

/** Where an instance is reached that listens elsewhere. Without a port: at the one that it listens on. */
interface Advertised {
  readonly host: string;
  readonly port: number | undefined;
}

/** @throws SwarmError BAD_INPUT for what is no host, with a port or without. */
export function parseAdvertised(text: string): Advertised {
  const { host, port } = PATTERN.exec(text)?.groups ?? {};
  if (host === undefined || Number(port ?? 1) > LAST_PORT) {
    const message = `--advertise takes a host, and a port if it is another one, such as example.com or [fd00::2]:7200, not ${text}`;
    throw new SwarmError('BAD_INPUT', message);
  }
  return { host, port: port === undefined ? undefined : Number(port) };
}

/**
 * What the instance number `at` of several is reached as: their ports follow each other.
 *
 * @throws SwarmError BAD_INPUT
 */
export function advertisedAt(
  at: number,
  { text, instances }: { readonly text: string; readonly instances: number },
): string {
  const { host, port } = parseAdvertised(text);
  if (port === undefined) return host;
  if (port + instances - 1 <= LAST_PORT) return `${host}:${port + at}`;
  throw new SwarmError('BAD_INPUT', `--advertise ${text} leaves no room for ${instances} consecutive ports`);
}
