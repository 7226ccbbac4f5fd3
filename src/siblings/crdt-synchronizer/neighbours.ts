import type { NodeId } from '../../protocol/ids.ts';

/** So many, and everybody tells everybody. */
const ALL_TO_ALL = 8;

/** True when news are told on by whoever hears them, because who has them first does not tell everybody. */
export function isRelayed(members: readonly NodeId[]): boolean {
  return members.length > ALL_TO_ALL;
}

/**
 * To whom news are told. In a large swarm to those who are 1, 2, 4, 8 … places further on in the circle of all that are
 * to be reached: everybody has heard after as many steps as the number of members has binary digits, and a node has
 * as many links.
 */
export function neighboursOf(self: NodeId, reachable: readonly NodeId[]): readonly NodeId[] {
  const circle = [...new Set([self, ...reachable])].sort();
  if (!isRelayed(circle)) return circle.filter((id) => id !== self);
  const here = circle.indexOf(self);
  const found = new Set<NodeId>();
  for (let step = 1; step < circle.length; step *= 2) {
    const id = circle[(here + step) % circle.length];
    if (id !== undefined && id !== self) found.add(id);
  }
  return [...found];
}
