import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import { isId, type NodeId, type Term } from '../../protocol/ids.ts';
import { MAX_BALLOT_TERMS, MAX_INSTANCES } from '../../protocol/limits.ts';
import type { Ballot } from '../../protocol/misconduct.ts';
import { pack, unpack } from '../../swarm/wire.ts';

const id = z.string().refine(isId, 'expected the id of a member');

const schema = z
  .array(z.strictObject({ term: z.int().positive(), voter: id, candidate: id }))
  .max(MAX_BALLOT_TERMS * MAX_INSTANCES);

export function encodeBallots(ballots: readonly Ballot[]): Uint8Array {
  return pack(ballots);
}

/** @throws SwarmError MALFORMED when a member answers anything else. */
export function decodeBallots(bytes: Uint8Array): readonly Ballot[] {
  const parsed = schema.safeParse(unpack(bytes));
  if (!parsed.success) throw new SwarmError('MALFORMED', 'a member does not say what it has seen of votes');
  return parsed.data.map(({ term, voter, candidate }) => {
    return { term: term as Term, voter: voter as NodeId, candidate: candidate as NodeId };
  });
}
