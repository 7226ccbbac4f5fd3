import type { Map as SharedMap } from 'yjs';
import type { Json, Pen } from '../data-type.ts';
import type { Place, Replicated } from '../replicated.ts';

/**
 * A register as one cell for each actor: `[stamp, value]`, of which the latest counts. A stamp is a hybrid logical clock:
 * the wall clock, but later than every stamp that was seen, so that whoever has read a value overwrites it however wrong
 * his clock is; of two equal stamps the actor decides.
 */
export const lwwRegister: Replicated = {
  read: (place) => latestOf(place)?.value ?? null,
  isEmpty: (place) => latestOf(place) === undefined,
  reset(place) {
    const shared = sharedOf(place);
    for (const actor of [...shared.keys()]) shared.delete(actor);
  },
};

export function assign(place: Place, value: Json, pen: Pen): void {
  const shared = sharedOf(place);
  const seen = latestOf(place);
  // Cells that lost can never win again. Whoever writes takes them away: a register has few, however many wrote it.
  for (const actor of [...shared.keys()]) if (actor !== pen.actor) shared.delete(actor);
  shared.set(pen.actor, [stampAfter(seen?.stamp, pen.wallMs()), value]);
}

/** Stamps in one millisecond before they run ahead of the wall clock. 2^53 of them end in the year 2248. */
const STAMPS_PER_MS = 1024;

interface Written {
  readonly stamp: number;
  readonly actor: string;
  readonly value: Json;
}

function stampAfter(seen: number | undefined, wallMs: number): number {
  return Math.max(Math.floor(wallMs) * STAMPS_PER_MS, (seen ?? 0) + 1);
}

function sharedOf({ doc, key }: Place): SharedMap<unknown> {
  return doc.getMap(key);
}

function latestOf(place: Place): Written | undefined {
  let latest: Written | undefined;
  for (const [actor, cell] of sharedOf(place)) {
    if (!Array.isArray(cell) || !Number.isSafeInteger(cell[0])) continue;
    const [stamp, value = null] = cell as [number, Json | undefined];
    const isLater =
      latest === undefined || stamp > latest.stamp || (stamp === latest.stamp && actor > latest.actor);
    if (isLater) latest = { stamp, actor, value };
  }
  return latest;
}
