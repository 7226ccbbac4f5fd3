import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, SwarmError } from '../../protocol/errors.ts';
import { type Census, takeCensus } from '../../swarm/census.ts';
import { named } from '../../swarm/exit-code.ts';
import { type LaunchedSwarm, launchSwarm } from '../../swarm/launch.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import { NODE_COMMAND } from '../node-command.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { Interrupts } from '../run/interrupts.ts';
import type { UpOptions } from './service-options.ts';

const READY_TIMEOUT_MS = 60_000;
/** Whoever is not elected by then may want for room to vote in. */
const USUAL_MS = 5_000;
const POLL_MS = 50;
export const CENSUS_TIMEOUT_MS = 1_000;

/** What a detached supervisor tells the command that started it. */
export type Word =
  | { readonly type: 'up' }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string };

function tellFailure(cause: unknown): void {
  const error = named(cause);
  if (error instanceof SwarmError) tellStarter({ type: 'failed', code: error.code, message: error.message });
}

export function tellStarter(word: Word): void {
  process.send?.(word);
}

/**
 * What this process has to say may go to a file on the disk of the instances. Where that is full or has failed, they
 * need their supervisor all the more.
 */
function outliveTheLog(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error').on('error', () => undefined);
  }
}

/** Supervises from this process until it is told to stop. */
export async function superviseHere(folder: SwarmFolder, options: UpOptions): Promise<void> {
  if (process.send !== undefined) outliveTheLog();
  const interrupts = new Interrupts();
  const swarm = await launch(folder);
  interrupts.onSecond(() => void swarm.supervisor.halt().then(() => process.exit(EXIT.failed)));
  const stopping = new AbortController();
  const stopped = interrupts.first.then(() => stopping.abort());
  try {
    const census = await electedCensus(swarm, folder, stopping.signal);
    if (census !== undefined) announce(census, folder, options);
    tellStarter({ type: 'up' });
    await stopped;
  } catch (error) {
    tellFailure(error);
    // Nobody has been given anything, so there is nothing to hand back.
    await swarm.supervisor.halt();
    throw error;
  } finally {
    await swarm.stop();
  }
}

async function launch(folder: SwarmFolder): Promise<LaunchedSwarm> {
  const warn = (text: string): void => {
    try {
      process.stderr.write(`raft-manager: ${text}\n`);
    } catch (error) {
      // The log lies on the disk of the instances. Where that has failed, they need their supervisor all the more.
      if (!(error instanceof Error && 'syscall' in error)) throw error;
    }
  };
  try {
    return await launchSwarm({
      folder,
      nodeCommand: NODE_COMMAND,
      onEvent(event) {
        if (event.type === 'exited') warn(`instance ${event.id} ended (${event.how}); it is restarted`);
        if (event.type === 'gave-up') warn(`instance ${event.id} stays down: ${event.reason}`);
        if (event.type === 'quarantined')
          warn(`instance ${event.id} is in quarantine, and stays down; ask "raft-manager doctor"`);
        if (event.type === 'removed') warn(`instance ${event.id} was removed from the swarm`);
      },
    });
  } catch (error) {
    tellFailure(error);
    throw error;
  }
}

/** Looks until somebody has been elected; undefined when told to stop before. */
async function electedCensus(
  { supervisor }: LaunchedSwarm,
  folder: SwarmFolder,
  stop: AbortSignal,
): Promise<Census | undefined> {
  const suspicious = performance.now() + USUAL_MS;
  for (const deadline = performance.now() + READY_TIMEOUT_MS; performance.now() < deadline; ) {
    if (stop.aborted) return undefined;
    const census = await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS);
    if (census.quorum) return census;
    const { shortage } = supervisor;
    if (shortage !== undefined && performance.now() > suspicious) throw new SwarmError('DISK_FULL', shortage);
    await delay(POLL_MS);
  }
  throw new SwarmError(
    'NO_QUORUM',
    `nobody was elected within ${READY_TIMEOUT_MS / 1_000} s; see the node.log files in ${folder.root}/nodes`,
  );
}

export function announce(census: Census, folder: SwarmFolder, { json }: UpOptions): void {
  if (json) {
    printJson(census);
    return;
  }
  const up = census.nodes.filter(({ role }) => role !== 'down').length;
  printLine(
    `up: ${up} of ${census.nodes.length} instances, coordinator ${census.coordinator} in term ${census.term}`,
  );
  printLine(`state: ${folder.root}`);
}
