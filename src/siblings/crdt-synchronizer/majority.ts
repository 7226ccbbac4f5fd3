import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { type Configuration, isJoint, majority } from '../../protocol/state.ts';

/**
 * Asks all voters at once and resolves when those who have done what was asked of them are a majority: of both halves
 * while the configuration is joint. Whoever asks counts as one of them if he votes.
 *
 * @throws SwarmError NO_QUORUM when so many have failed that it cannot come about.
 */
export function askMajority(
  configuration: Configuration,
  self: NodeId,
  ask: (voter: NodeId) => Promise<void>,
): Promise<void> {
  const halves = isJoint(configuration)
    ? [configuration.voters, configuration.votersOutgoing]
    : [configuration.voters];
  const done = new Set<NodeId>([self]);
  const failed = new Set<NodeId>();
  const isReached = (): boolean => halves.every((half) => count(half, done) >= majority(half.length));
  const isLost = (): boolean =>
    halves.some((half) => half.length - count(half, failed) < majority(half.length));
  return new Promise((resolve, reject) => {
    if (isReached()) return resolve();
    for (const voter of new Set(halves.flat())) {
      if (voter === self) continue;
      ask(voter).then(
        () => {
          done.add(voter);
          if (isReached()) resolve();
        },
        () => {
          failed.add(voter);
          if (isLost()) reject(tooFew([...failed]));
        },
      );
    }
  });
}

function count(half: readonly NodeId[], ids: ReadonlySet<NodeId>): number {
  return half.filter((id) => ids.has(id)).length;
}

function tooFew(failed: readonly NodeId[]): SwarmError {
  return new SwarmError(
    'NO_QUORUM',
    `no majority of the voters answers (not heard: ${failed.join(', ')}). Without "strong" this instance answers for itself`,
  );
}
