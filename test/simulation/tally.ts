import type { SimulationReport } from './simulation.ts';

/** What the quorum manager was seen to do, over all seeds. */
export class Tally {
  readonly #counts = new Map<string, number>();
  readonly #replacementsMs: number[] = [];

  add({ counts, replacementsMs }: SimulationReport): void {
    for (const [name, count] of counts) this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
    this.#replacementsMs.push(...replacementsMs);
  }

  get words(): string {
    const told = ['deaths', 'members joined', 'flap', 'changes steered', 'leadership placed'];
    const times = [...this.#replacementsMs].sort((a, b) => a - b);
    const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? 0;
    const replaced = `${times.length} dead voters replaced within ${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms (worst)`;
    return [...told.map((name) => `${name}: ${this.#counts.get(name) ?? 0}`), replaced].join('; ');
  }
}
