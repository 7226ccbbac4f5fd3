import type { Map as SharedMap } from 'yjs';
import type { Pen } from '../data-type.ts';
import type { Place, Replicated } from '../replicated.ts';

/**
 * A counter as one cell for each actor: `[sum, writes]`. An actor writes its own cell only, so that two cells never
 * compete, and a sum may fall: nobody needs a second cell for what was taken off. What was there when somebody reset
 * the counter is remembered beside the cell, by whoever reset it.
 */
export const counter: Replicated = {
  read: (place) => [...cellsOf(place)].reduce((sum, [, cell]) => sum + cell.sum - cell.resetSum, 0),
  isEmpty: (place) => [...cellsOf(place).values()].every((cell) => cell.writes === cell.resetWrites),
  reset(place, { actor }) {
    const shared = sharedOf(place);
    for (const [cell, { sum, writes, resetWrites }] of cellsOf(place)) {
      if (writes > resetWrites) shared.set(`${RESET}${cell}${RESET}${actor}`, [sum, writes]);
    }
  },
};

/** @throws never; bounds are the caller's. */
export function increment(place: Place, by: number, { actor }: Pen): void {
  const shared = sharedOf(place);
  const [sum, writes] = pairOf(shared.get(actor)) ?? [0, 0];
  shared.set(actor, [sum + by, writes + 1]);
}

/** No actor is called with it. */
const RESET = '~';

interface Cell {
  readonly sum: number;
  readonly writes: number;
  readonly resetSum: number;
  readonly resetWrites: number;
}

function sharedOf({ doc, key }: Place): SharedMap<unknown> {
  return doc.getMap(key);
}

function cellsOf(place: Place): ReadonlyMap<string, Cell> {
  const shared = sharedOf(place);
  const cells = new Map<string, Cell>();
  for (const [actor, value] of shared) {
    const pair = actor.startsWith(RESET) ? undefined : pairOf(value);
    if (pair !== undefined) cells.set(actor, { sum: pair[0], writes: pair[1], resetSum: 0, resetWrites: 0 });
  }
  for (const [key, value] of shared) {
    const pair = key.startsWith(RESET) ? pairOf(value) : undefined;
    const actor = key.split(RESET)[1] ?? '';
    const cell = cells.get(actor);
    // Of several who reset it at once, the one who had seen most.
    if (pair === undefined || cell === undefined || pair[1] <= cell.resetWrites) continue;
    cells.set(actor, { ...cell, resetSum: pair[0], resetWrites: pair[1] });
  }
  return cells;
}

/** Others wrote it: whatever is no cell counts for nothing. */
function pairOf(value: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [sum, writes] = value as unknown[];
  return Number.isSafeInteger(sum) && Number.isSafeInteger(writes)
    ? [sum as number, writes as number]
    : undefined;
}
