import { hostname, userInfo } from 'node:os';
import { SwarmError } from '../../protocol/errors.ts';
import { isId } from '../../protocol/ids.ts';

/** The name under which somebody outside works: given, from RAFT_MANAGER_AGENT, or user and host. */
export function claimantName(given: string | undefined): string {
  const chosen = given ?? process.env.RAFT_MANAGER_AGENT;
  if (chosen === undefined)
    return `${userInfo().username}-${hostname()}`.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 64);
  if (isId(chosen)) return chosen;
  throw new SwarmError(
    'BAD_INPUT',
    `"${chosen}" cannot be a name: expected 1 to 64 letters, digits, dots, underscores or dashes`,
  );
}
