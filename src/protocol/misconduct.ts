import type { NodeId, Term } from './ids.ts';

/**
 * What nobody does who keeps to the protocol, by accident or on purpose.
 *
 * - `refused-hello`: no secret, or a wrong one; no hello at all, or one that cannot be read.
 * - `malformed-frame`, `replayed-frame`: behind a good hello, what cannot be read, or what came twice or out of order.
 * - `flood`: more visits or links than one address may have.
 * - `term-flood`: terms that rise faster than elections can be held, or old ones without end.
 * - `two-votes`: two candidates have one node's vote of one term.
 * - `divergence`: another state or log than a majority has at the same index.
 */
export type MisconductKind =
  | 'refused-hello'
  | 'malformed-frame'
  | 'replayed-frame'
  | 'flood'
  | 'term-flood'
  | 'two-votes'
  | 'divergence';

export interface Misconduct {
  readonly kind: MisconductKind;
  /** Who did it, as far as that is known: `member n2`, `address 10.0.0.7`. */
  readonly subject: string;
  /** For people. */
  readonly detail: string;
}

/** Whom a node has voted for in one term, as somebody saw it. A candidate and a leader have voted for themselves. */
export interface Ballot {
  readonly term: Term;
  readonly voter: NodeId;
  readonly candidate: NodeId;
}
