import type { Chance } from '../simulation/chance.ts';
import { CrashedDisk, type Image } from './crashed-disk.ts';
import type { Tape } from './tape.ts';

/** Images of one crash: nothing pending, all of it, each alone, each missing, and so many picked by chance. */
const PICKED = 3;
const ALL_BELOW = 4;
const ALONE = 6;
/** Which of `pending` steps survive, in every way worth trying. */
function* survivals(pending: number, chance: Chance): Generator<(number: number) => boolean> {
  if (pending < ALL_BELOW) {
    for (let mask = 0; mask < 2 ** pending; mask += 1) yield (number) => (mask & (1 << number)) !== 0;
    return;
  }
  yield () => false;
  yield () => true;
  for (let count = 0; count < Math.min(pending, ALONE); count += 1) {
    const one = pending <= ALONE ? count : chance.integer(0, pending - 1);
    yield (number) => number === one;
    yield (number) => number !== one;
  }
  for (let count = 0; count < PICKED; count += 1) {
    const stays = Array.from({ length: pending }, () => chance.happens(0.5));
    yield (number) => stays[number] ?? false;
  }
  const cut = chance.integer(0, pending);
  yield (number) => number < cut;
}

/** Every way in which a crash may leave the disk of a recording that began on `start`. */
export function* imagesOf(
  tape: Tape,
  chance: Chance,
  start: Image = new Map(),
): Generator<{ readonly image: Image; readonly taken: number }> {
  const disk = new CrashedDisk(start);
  for (let taken = 0; taken <= tape.steps.length; taken += 1) {
    for (const survives of survivals(disk.pending, chance)) yield { image: disk.image(survives), taken };
    const step = tape.steps[taken];
    if (step !== undefined) disk.take(step);
  }
}
