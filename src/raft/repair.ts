import { isBefore } from '../protocol/state.ts';
import type { Core } from './core.ts';

/**
 * True while the own disk holds less than it once did: part of the log was damaged, and is sent again by the leader.
 * Whoever counted on this node counted on what it held then, so until it holds as much it neither votes nor
 * stands. (Alagappan and others, FAST'18, §3)
 */
export function isRepairing(core: Core): boolean {
  return core.floor !== undefined;
}

/** The disk has come further, or the log gave way to a snapshot. */
export function considerRepaired(core: Core): void {
  if (core.floor === undefined) return;
  const index = core.durability.durableIndex;
  const term = core.log.termAt(index);
  if (term === undefined || isBefore({ index, term }, core.floor)) return;
  core.floor = undefined;
}
