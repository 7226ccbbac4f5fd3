import { hostname } from 'node:os';

/** Names the failure domain of what runs here; default: the name of the host. */
export const DOMAIN_VARIABLE = 'RAFT_MANAGER_DOMAIN';

/** What an instance of this process says of itself, until a person says otherwise. */
export function ownDomain(): string {
  return process.env[DOMAIN_VARIABLE] || hostname();
}
