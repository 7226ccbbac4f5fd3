import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_HELLO_BYTES } from '../protocol/limits.ts';

/**
 * What the node at `url` (`ws:` or `wss:`) says of itself. `ca`: the authorities that are trusted, for TLS.
 *
 * @throws SwarmError NOT_RUNNING when nobody answers who can be understood.
 */
export async function askHealth(
  url: string,
  { ca, timeoutMs }: { readonly ca: string | undefined; readonly timeoutMs: number },
): Promise<Readonly<Record<string, unknown>>> {
  const target = new URL('/health', url.replace(/^ws/, 'http'));
  const signal = AbortSignal.timeout(timeoutMs);
  // Not `fetch`, which knows no authorities but those of the world.
  const options = { signal, agent: false as const };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asking =
        target.protocol === 'https:'
          ? getHttps(
              target,
              { ...options, ca, minVersion: 'TLSv1.3', checkServerIdentity: () => undefined },
              resolve,
            )
          : getHttp(target, options, resolve);
      asking.on('error', reject);
    });
    const said: unknown = JSON.parse(await bodyOf(response));
    if (typeof said === 'object' && said !== null) return said as Readonly<Record<string, unknown>>;
    throw new Error('no node of a swarm of this release');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SwarmError('NOT_RUNNING', `${url}: ${reason}`, { url });
  }
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response.setEncoding('utf8')) {
    text += piece;
    if (text.length > MAX_HELLO_BYTES) throw new Error('this is no health of a node');
  }
  return text;
}
