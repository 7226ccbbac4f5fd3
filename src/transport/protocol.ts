import { invariant } from '../protocol/invariant.ts';
import type { Message } from '../protocol/message.ts';

/** The versions of the wire that a release speaks, both included. */
export interface ProtocolRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Those of this release. `max` rises with the first message or field that the release before cannot read, and `min` at
 * most to the `max` of the release before: neighbours always overlap, so a swarm can be upgraded node by node.
 */
export const PROTOCOLS: ProtocolRange = { min: 1, max: 4 };

/** The version at which each message appeared; 1 where nothing is said. */
const SINCE: Partial<Record<Message['type'], number>> = {
  'snapshot-chunk': 2,
  'snapshot-answer': 2,
  'proposal-refusal': 3,
};

/** What a link between the two speaks; undefined when they have no version in common. */
export function highestCommon(left: ProtocolRange, right: ProtocolRange): number | undefined {
  invariant(left.min <= left.max && right.min <= right.max, 'a range of protocols is not empty');
  const highest = Math.min(left.max, right.max);
  return highest < Math.max(left.min, right.min) ? undefined : highest;
}

/** False for a message that the other end of a link would have to call malformed. */
export function isSpokenAt(protocol: number, type: Message['type']): boolean {
  return protocol >= (SINCE[type] ?? 1);
}

/** For people: `1`, or `1 to 2`. */
export function rangeText({ min, max }: ProtocolRange): string {
  return min === max ? `${min}` : `${min} to ${max}`;
}
