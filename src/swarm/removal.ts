import { existsSync, rmSync } from 'node:fs';
import type { NodeId } from '../protocol/ids.ts';
import { writeWhole } from './files.ts';
import { memberIdOf } from './identity.ts';
import type { SwarmFolder } from './layout.ts';
import { loadRoster } from './roster.ts';

/** The swarm goes on without this instance: nobody starts it, now or later, until somebody lets it in again. */
export function noteRemoval(folder: SwarmFolder, name: NodeId): void {
  writeWhole(folder.removed(name), `${new Date().toISOString()}\n`, 0o600);
}

export function isRemoved(folder: SwarmFolder, name: NodeId): boolean {
  return existsSync(folder.removed(name));
}

/** A member of this id may start again, if it is an instance of this folder. Its supervisor sees to it. */
export function letBackIn(folder: SwarmFolder, memberId: string): void {
  const names = loadRoster(folder).nodes.map(({ id }) => id as NodeId);
  const name = names.find((one) => memberIdOf(folder, one) === memberId);
  if (name !== undefined) rmSync(folder.removed(name), { force: true });
}
