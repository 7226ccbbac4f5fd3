import { createHash } from 'node:crypto';

/** From this version of the wire on the frames of a link are numbered. */
export const NUMBERED_SINCE = 4;

/** What numbering adds to a frame. */
export const SEQUENCE_BYTES = 8;

/** The number of the next frame that one end of a link sends. */
export interface Sequence {
  next: number;
}

/** What one end of a link counts. */
export interface Sequences {
  readonly outgoing: Sequence;
  readonly incoming: Sequence;
}

/** What the two ends drew for this link alone, and said in their hellos. */
export interface LinkNonces {
  readonly dialler: string;
  readonly listener: string;
}

/**
 * Where the numbers of both directions begin: somewhere in 2^48 that only the two hellos of this link give. So a frame
 * of another link, or of the other direction, is as much out of order as one that comes twice, and a single comparison
 * tells.
 *
 * Without TLS somebody between the two reads both hellos and can count along; see docs/security.md.
 */
export function sequencesOf(nonces: LinkNonces, end: 'dialler' | 'listener'): Sequences {
  const [toListener, toDialler] = (['listener', 'dialler'] as const).map((to) => startOf(nonces, to)) as [
    Sequence,
    Sequence,
  ];
  return end === 'dialler'
    ? { outgoing: toListener, incoming: toDialler }
    : { outgoing: toDialler, incoming: toListener };
}

function startOf({ dialler, listener }: LinkNonces, to: string): Sequence {
  const digest = createHash('sha256')
    .update(JSON.stringify([to, dialler, listener]))
    .digest();
  return { next: digest.readUIntLE(0, 6) };
}

/** The number of the frame that leaves now; undefined on a link of a release that does not number. */
export function take(sequence: Sequence | undefined): number | undefined {
  if (sequence === undefined) return undefined;
  sequence.next += 1;
  return sequence.next - 1;
}
