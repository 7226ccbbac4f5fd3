import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { SwarmError } from '../protocol/errors.ts';
import { HELLO_DEADLINE_MS } from '../protocol/limits.ts';

/** Longer than any chain of ours, which has two. */
const MAX_CHAIN = 4;

/**
 * The certificate (PEM) of the authority behind the node at `url`, if its SHA-256 is `pin`. Nothing is said to the node:
 * who has not the pin's authority learns no secret. That the node's own certificate is of it is looked at by the link
 * that follows, which trusts nobody else.
 *
 * @throws SwarmError UNAUTHORIZED for another authority; NOT_RUNNING when nobody answers with TLS; BAD_INPUT
 */
export async function pinnedAuthority(url: string, pin: string): Promise<string> {
  if (!URL.canParse(url) || new URL(url).protocol !== 'wss:') {
    throw new SwarmError(
      'BAD_INPUT',
      `"${url}" is without TLS, and the token must not be said there; expected wss://host:port`,
    );
  }
  for (const certificate of await chainOf(new URL(url))) {
    if (createHash('sha256').update(certificate).digest('hex') !== pin) continue;
    const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
  throw new SwarmError(
    'UNAUTHORIZED',
    `${url} belongs to another swarm than the token, or somebody pretends to be it; nothing was said to it`,
    { url },
  );
}

function chainOf({ hostname, port }: URL): Promise<readonly Buffer[]> {
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      minVersion: 'TLSv1.3',
      // Nobody is believed here: what is shown is compared with the pin, and the connection ends.
      rejectUnauthorized: false,
    });
    const fail = (why: string): void => {
      socket.destroy();
      reject(
        new SwarmError('NOT_RUNNING', `no node of a swarm with TLS answers at wss://${host}:${port}: ${why}`),
      );
    };
    socket.setTimeout(HELLO_DEADLINE_MS, () => fail('it says nothing'));
    socket.once('error', (error) => fail(error.message));
    socket.once('secureConnect', () => {
      const chain: Buffer[] = [];
      let shown: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
      while (shown?.raw !== undefined && chain.length < MAX_CHAIN) {
        chain.push(shown.raw);
        shown = shown.issuerCertificate === shown ? undefined : shown.issuerCertificate;
      }
      socket.end();
      resolve(chain);
    });
  });
}
