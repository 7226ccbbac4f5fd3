import { SwarmError } from '../../protocol/errors.ts';
import { type NodeJson, takeCensus } from '../../swarm/census.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import type { SnapshotTaken } from '../../swarm/wire.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder } from '../reach.ts';
import { EXIT } from '../report-error.ts';

const CENSUS_TIMEOUT_MS = 2_000;

type Taken = { readonly id: string } & (SnapshotTaken | { readonly error: string });

export async function executeSnapshot(wanted: string | undefined, options: ReachOptions): Promise<void> {
  const folder = await reachableFolder(options);
  const { nodes } = await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS);
  const chosen = wanted === undefined ? nodes.filter(({ role }) => role !== 'down') : [named(wanted, nodes)];
  if (chosen.length === 0) throw new SwarmError('NOT_RUNNING', 'no node answers; see "raft-manager status"');
  const taken = await Promise.all(chosen.map((node) => takeOne(folder, node, options.timeout)));
  if (options.json) printJson(taken);
  else for (const one of taken) printLine(told(one));
  if (taken.some((one) => 'error' in one)) process.exitCode = EXIT.failed;
}

function named(id: string, nodes: readonly NodeJson[]): NodeJson {
  const node = nodes.find((one) => one.id === id);
  if (node !== undefined) return node;
  const ids = nodes.map((one) => one.id).join(', ');
  throw new SwarmError('UNKNOWN_NODE', `there is no node ${id}; there are ${ids}`);
}

async function takeOne(folder: SwarmFolder, { id, url }: NodeJson, timeoutMs: number): Promise<Taken> {
  if (url === null) return { id, error: 'it is down' };
  const client = new SwarmClient({ folder, name: `cli-${process.pid}`, version: packageVersion(), url });
  try {
    return { id, ...(await client.snapshot(timeoutMs)) };
  } catch (error) {
    if (error instanceof SwarmError) return { id, error: error.message };
    throw error;
  } finally {
    await client.close();
  }
}

function told(one: Taken): string {
  if ('error' in one) return `${one.id}: ${one.error}`;
  return `${one.id}: index ${one.index}, ${one.bytes} bytes, ${one.durationMs} ms`;
}
