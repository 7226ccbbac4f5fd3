import { expect, test } from 'vitest';
import { chanceOf, Lab } from './lab.ts';

/** Elements that are in the document at a site, each of which is added once and never again. */
function seenAt(lab: Lab, number: number): ReadonlySet<string> {
  const document = lab.site(number).library.find('board');
  if (document === undefined || document.isGone) return new Set();
  const values = [document.peek(['tags']) ?? [], document.peek(['notes']) ?? []];
  return new Set(values.flat().map(String));
}

/** What a site has had and has not any more must never be there again. */
class Watch {
  readonly #lab: Lab;
  readonly #seen: Set<string>[];
  readonly #gone: Set<string>[];

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#seen = lab.sites.map(() => new Set());
    this.#gone = lab.sites.map(() => new Set());
  }

  look(where: string): void {
    for (const index of this.#lab.sites.keys()) {
      const now = seenAt(this.#lab, index + 1);
      const [seen, gone] = [this.#seen[index] ?? new Set<string>(), this.#gone[index] ?? new Set<string>()];
      for (const one of seen) if (!now.has(one)) gone.add(one);
      for (const one of now) seen.add(one);
      const back = [...now].filter((one) => gone.has(one));
      expect(back, `${where}, site ${index + 1}`).toEqual([]);
    }
  }
}

const STEPS = 60;
/** Longer than it takes to forget what is gone. */
const LONG_MS = 70_000;

function act(lab: Lab, step: number, chance: () => number): void {
  const pick = (count: number): number => Math.floor(chance() * count);
  const site = lab.site(1 + pick(lab.sites.length));
  const what = pick(10);
  if (what < 3) site.write({ op: 'add', path: 'board/tags', value: `tag-${step}` });
  else if (what < 5) site.write({ op: 'insert', path: 'board/notes', values: [`note-${step}`] });
  else if (what < 7 && site.library.find('board') !== undefined) site.write({ op: 'clear', path: 'board' });
  else if (what === 7) lab.cut([1 + pick(lab.sites.length)]);
  else if (what === 8) lab.heal();
  else lab.run(LONG_MS);
  lab.run(pick(1_500));
}

test('what was cleared is collected under cuts and losses, and is never there again', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const lab = new Lab({ seed, sites: 4, loss: 0.1 });
    const watch = new Watch(lab);
    const chance = chanceOf(seed * 7_919);
    for (let step = 0; step < STEPS; step += 1) {
      act(lab, step, chance);
      watch.look(`seed ${seed}, step ${step}`);
    }
    lab.heal();
    lab.runUntil(() => lab.isEqual, 120_000);
    expect(lab.isEqual, `seed ${seed}`).toBe(true);
    const [first, ...others] = lab.sites.map((_, index) => [...seenAt(lab, index + 1)].sort());
    for (const other of others) expect(other, `seed ${seed}`).toEqual(first);
    lab.site(1).write({ op: 'add', path: 'board/tags', value: 'last' });
    lab.runUntil(() => lab.isEqual, 120_000);
    lab.site(2).write({ op: 'clear', path: 'board' });
    lab.runUntil(() => lab.sites.every(({ library }) => library.names.length === 0), 600_000);
    for (const { library } of lab.sites) expect(library.names, `seed ${seed}`).toEqual([]);
    lab.run(LONG_MS);
    watch.look(`seed ${seed}, in the end`);
    expect(lab.sites.flatMap(({ troubles }) => troubles)).toEqual([]);
  }
});
