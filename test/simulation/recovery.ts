import type { NodeId } from '../../src/protocol/ids.ts';
import type { World } from './simulation.ts';
import type { Steering } from './steering.ts';
import { Violation } from './violation.ts';

/** A healed swarm must elect, serve through every node and agree within this time. */
const RECOVERY_MS = 20_000;

/**
 * After the faults: the swarm must serve again. First, in some runs, a majority beside nodes that are still in trouble; then
 * everybody, each node taking one append and one read of every list, until all hold the same.
 */
export async function recover(world: World): Promise<void> {
  const { plan, clients, faults, swarm, members } = world;
  clients.stop();
  members.stop();
  faults.healAll();
  world.note('world', 'all is healed');
  const { handicap } = plan;
  if (handicap !== undefined) {
    const present = swarm.ids.filter((id) => !handicap.nodes.includes(id));
    const lift = faults.impose(handicap);
    await serveThrough(world, present, `a majority beside nodes that are ${handicap.kind}`);
    lift();
  }
  if (world.steering !== undefined) await replaceTheDead(world, world.steering);
  members.beginFunerals();
  await within(world, 'the dead are out of the swarm', () => members.isSettled);
  members.shutDownStrangers();
  await serveThrough(world, swarm.ids, 'everybody');
  await within(world, 'every node holds the same', () => hasConverged(world, swarm.ids));
  await within(world, 'every call is answered', () => clients.pendingCalls === 0);
}

/** Nothing is wrong any more but that some machines are gone: the swarm must come to bear as much as it can. */
async function replaceTheDead(world: World, steering: Steering): Promise<void> {
  const { boundMs } = steering;
  const outcome = await world.run(world.time.now + boundMs, () => steering.isAtItsBest);
  steering.stop();
  if (outcome === 'late') {
    throw new Violation('Replaced in time', `${steering.whatIsLeft}: not within ${Math.round(boundMs)} ms`);
  }
}

/** Each of `nodes` must take an append and a read of every list. */
async function serveThrough(world: World, nodes: readonly NodeId[], who: string): Promise<void> {
  let open = 0;
  for (const id of nodes) {
    open += 1 + world.clients.keys.length;
    const served = (): void => {
      open -= 1;
    };
    append(world, id, served);
    for (const key of world.clients.keys) read(world, id, key, served);
  }
  await within(world, `${who} serves through ${nodes.join()}`, () => open === 0);
}

const AGAIN_MS = 50;

function append(world: World, id: NodeId, served: () => void): void {
  const key = world.clients.keys[0] ?? 'k0';
  world.clients.append(id, key, (error) => {
    if (error === undefined) served();
    else later(world, () => append(world, id, served));
  });
}

function read(world: World, id: NodeId, key: string, served: () => void): void {
  world.clients.read(id, key, (error) => {
    if (error === undefined) served();
    else later(world, () => read(world, id, key, served));
  });
}

function later({ time }: World, run: () => void): void {
  time.schedule({
    at: time.now + AGAIN_MS,
    owner: undefined,
    run,
  });
}

async function within(world: World, goal: string, isDone: () => boolean): Promise<void> {
  const outcome = await world.run(world.time.now + RECOVERY_MS, isDone);
  if (outcome === 'done') return;
  const state = world.swarm.ids.map((id) => {
    const status = world.swarm.status(id);
    if (status === undefined) return `${id} down`;
    const { role, term, commitIndex, appliedIndex, lastIndex } = status;
    return `${id} ${role} term ${term} log ${lastIndex} commit ${commitIndex} applied ${appliedIndex}`;
  });
  throw new Violation('Recovers', `${goal}: not within ${RECOVERY_MS} ms of healing (${state.join('; ')})`);
}

function hasConverged(world: World, nodes: readonly NodeId[]): boolean {
  const applied = nodes.map((id) => world.swarm.status(id)?.appliedIndex);
  return applied.every((index) => index !== undefined && index === world.invariants.commitIndex);
}
