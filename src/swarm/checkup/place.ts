import type { SwarmFolder } from '../layout.ts';
import type { Roster, RosterNode } from '../roster.ts';

/** One instance of a folder, as the roster has it. */
export interface InstancePlace {
  readonly folder: SwarmFolder;
  readonly roster: Roster;
  readonly member: RosterNode;
}
