import { readFileSync } from 'node:fs';
import { SwarmError } from '../protocol/errors.ts';

/**
 * What is in a file that somebody has named; `what` is what it should be.
 *
 * @throws SwarmError BAD_INPUT when it cannot be read.
 */
export function readGiven(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SwarmError('BAD_INPUT', `cannot read the ${what} ${path}: ${reason}`);
  }
}
