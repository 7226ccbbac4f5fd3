import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import { supervisionOf, supervisorOf } from '../../swarm/launch.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import { printLine } from '../reach.ts';
import { Interrupts } from '../run/interrupts.ts';
import type { UpOptions } from './service-options.ts';
import { superviseHere, tellStarter } from './supervise.ts';

const LOOK_MS = 250;

/** @throws SwarmError NOT_RUNNING when there is nobody in whose place one could come. */
export function checkStandsBy(folder: SwarmFolder): void {
  if (isToBeWatched(folder)) return;
  throw new SwarmError(
    'NOT_RUNNING',
    `no swarm is up in ${folder.root}, so there is nobody to stand by for; start it with "raft-manager up"`,
  );
}

/**
 * Waits until the process that supervises a swarm is gone without having stopped it, and goes on in its place. Ends
 * when it has stopped the swarm in order.
 */
export async function standBy(folder: SwarmFolder, options: UpOptions): Promise<void> {
  const interrupts = new Interrupts();
  let isTold = false;
  void interrupts.first.then(() => {
    isTold = true;
  });
  try {
    printLine(`standing by for process ${supervisorOf(folder) ?? 'none'} in ${folder.root}`);
    tellStarter({ type: 'up' });
    while (!isTold && supervisionOf(folder) === 'held') await delay(LOOK_MS);
  } finally {
    interrupts.close();
  }
  if (isTold) return;
  if (!isToBeWatched(folder)) return printLine('the swarm was stopped in order');
  printLine('the process that supervised the swarm is gone: taking over');
  try {
    await superviseHere(folder, options);
  } catch (error) {
    // Somebody else who stood by was faster.
    if (!(error instanceof SwarmError) || error.code !== 'ALREADY_RUNNING') throw error;
    await standBy(folder, options);
  }
}

function isToBeWatched(folder: SwarmFolder): boolean {
  return ['held', 'abandoned'].includes(supervisionOf(folder));
}
