import { createServer } from 'node:net';
import { isCode } from '../files.ts';
import { type Finding, wrong } from './finding.ts';
import type { InstancePlace } from './place.ts';

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'stop the process that has it, or correct "port" in the roster',
  EADDRNOTAVAIL: 'this machine has no such address any more: correct "host" in the roster',
  EACCES: 'ports under 1024 are for privileged users: correct "port" in the roster',
};

/** Whether an instance that is down could have its port now. Asked by taking it for a moment. */
export async function checkPort({ roster, member, folder }: InstancePlace): Promise<readonly Finding[]> {
  const { id, port } = member;
  const { host = '127.0.0.1' } = roster;
  const error = await tryToListen(host, port);
  if (error === undefined) return [];
  const advice =
    Object.entries(ADVICE).find(([code]) => isCode(error, code))?.[1] ?? 'correct "host" and "port"';
  const what = `${id} cannot listen on ${host}:${port}: ${error.message}`;
  return [wrong({ about: 'port', path: folder.roster, what, advice }, id)];
}

function tryToListen(host: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
