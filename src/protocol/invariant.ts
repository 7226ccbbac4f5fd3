/** A broken promise of our own code. Never caught in order to go on: the node stops instead. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * States what must hold here, for bugs only; what can go wrong in operation is a `SwarmError`.
 *
 * @throws InvariantError when `condition` is false.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Compile-time proof that a union is exhausted. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable case: ${JSON.stringify(value)}`);
}
