import type { NodeId } from './ids.ts';
import { isId } from './ids.ts';
import { invariant } from './invariant.ts';
import type { Configuration } from './state.ts';

/** The bytes of a `config` entry: JSON in UTF-8. Rare and small, so readable beats fast. */
export function encodeConfiguration(config: Configuration): Uint8Array {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = config;
  return new TextEncoder().encode(
    JSON.stringify({ voters, votersOutgoing, learners, learnersNext, autoLeave }),
  );
}

/**
 * Reads what `encodeConfiguration` wrote.
 *
 * @throws InvariantError: only a leader of ours writes it, and who belongs to the cluster must not be guessed.
 */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const found: Partial<Record<keyof Configuration, unknown>> = JSON.parse(new TextDecoder().decode(bytes));
  invariant(typeof found.autoLeave === 'boolean', 'a configuration says whether it is left by itself');
  return {
    voters: ids(found.voters),
    votersOutgoing: ids(found.votersOutgoing),
    learners: ids(found.learners),
    learnersNext: ids(found.learnersNext),
    autoLeave: found.autoLeave,
  };
}

function ids(value: unknown): readonly NodeId[] {
  invariant(Array.isArray(value), 'a configuration lists its members');
  for (const id of value) invariant(typeof id === 'string' && isId(id), `${String(id)} is no node id`);
  return value as readonly NodeId[];
}
