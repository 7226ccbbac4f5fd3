import type { NodeId } from '../../protocol/ids.ts';
import type { SharedDocument } from './document.ts';

type Vector = ReadonlyMap<number, number>;

/** It was gone there, and is forgotten. */
const FORGOTTEN = 'forgotten';

/**
 * What every other member is known to have. What all of them have is stable: nothing that was written without knowing
 * it can still come, so that what was kept for the sake of such writes may go.
 */
export class Stability {
  readonly #known = new Map<NodeId, Map<string, Vector | typeof FORGOTTEN>>();

  note(member: NodeId, name: string, vector: Vector): void {
    this.#of(member).set(name, vector);
  }

  /** The member's list is without it. */
  noteAbsent(member: NodeId, name: string): void {
    this.#of(member).set(name, FORGOTTEN);
  }

  vectorOf(member: NodeId, name: string): Vector | undefined {
    const vector = this.#known.get(member)?.get(name);
    return vector === FORGOTTEN ? undefined : vector;
  }

  /** True when each of `others` has all that is here, or had and has forgotten it. */
  isStable({ name, vector }: Pick<SharedDocument, 'name' | 'vector'>, others: readonly NodeId[]): boolean {
    return others.every((member) => {
      const known = this.#known.get(member)?.get(name);
      return known === FORGOTTEN || (known !== undefined && covers(known, vector));
    });
  }

  /** Who was removed from the swarm is not waited for. */
  keepOnly(members: readonly NodeId[]): void {
    for (const member of [...this.#known.keys()]) if (!members.includes(member)) this.#known.delete(member);
  }

  forget(name: string): void {
    for (const vectors of this.#known.values()) vectors.delete(name);
  }

  #of(member: NodeId): Map<string, Vector | typeof FORGOTTEN> {
    const known = this.#known.get(member) ?? new Map<string, Vector | typeof FORGOTTEN>();
    this.#known.set(member, known);
    return known;
  }
}

/** True when whoever has `vector` has all that whoever has `other` has. */
export function covers(vector: Vector, other: Vector): boolean {
  for (const [client, clock] of other) if ((vector.get(client) ?? 0) < clock) return false;
  return true;
}
