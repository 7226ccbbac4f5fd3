import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, SwarmError } from '../../protocol/errors.ts';
import { type Census, takeCensus } from '../../swarm/census.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { reachableFolder } from '../reach.ts';

const CENSUS_TIMEOUT_MS = 2_000;
const PAUSE_MS = 100;

/** Somebody else leads now, or will in a moment, or leads but has not settled: look again. */
const WORTH_LOOKING_AGAIN: ReadonlySet<ErrorCode> = new Set([
  'NOT_LEADER',
  'NOT_READY',
  'NOT_RUNNING',
  'CHANGE_IN_FLIGHT',
]);

/**
 * Lets `work` talk to the coordinator, wherever it is, and again to the next one if it is none any more.
 *
 * @throws SwarmError NO_QUORUM when none is found within `--timeout`.
 */
export async function atCoordinator<T>(
  options: ReachOptions,
  work: (client: SwarmClient, census: Census) => Promise<T>,
): Promise<T> {
  const folder = await reachableFolder(options);
  for (const deadline = performance.now() + options.timeout; ; await delay(PAUSE_MS)) {
    const census = await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS);
    const url = census.nodes.find(({ id }) => id === census.coordinator)?.url;
    const isLate = performance.now() > deadline;
    if (url == null) {
      if (!isLate) continue;
      throw new SwarmError('NO_QUORUM', 'there is no coordinator; see "raft-manager status"');
    }
    const client = new SwarmClient({
      folder,
      name: `cli-${process.pid}`,
      version: packageVersion(),
      url,
    });
    try {
      return await work(client, census);
    } catch (error) {
      const again = error instanceof SwarmError && WORTH_LOOKING_AGAIN.has(error.code);
      if (!again || isLate) throw error;
    } finally {
      await client.close();
    }
  }
}
