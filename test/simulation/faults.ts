import type { NodeId } from '../../src/protocol/ids.ts';
import { unreachable } from '../../src/protocol/invariant.ts';
import type { Chance } from './chance.ts';
import type { Count } from './clients.ts';
import { CALM } from './network.ts';
import type { FaultKind, Handicap, Plan } from './plan.ts';
import type { SimulatedSwarm } from './swarm.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface FaultsOptions {
  readonly plan: Plan;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly swarm: SimulatedSwarm;
  /** True while the swarm can bear the loss of a machine with its disk. */
  readonly mayWipe: () => boolean;
  /** True while the swarm can bear that this machine never comes back. */
  readonly mayDie: (id: NodeId) => boolean;
  readonly note: (who: string, what: string) => void;
  readonly count: Count;
}

/** Longer than most elections take. */
const STUCK_DISK = { min: 1500, max: 4000 };

/** From one node to another. */
type Way = readonly [NodeId, NodeId];

const SUPERVISION_MS = 100;

/** Does harm to a swarm, one misfortune after the other, several at a time; and undoes it. */
export class Faults {
  readonly #options: FaultsOptions;
  /** What takes back the harm under way. */
  readonly #remedies = new Set<() => void>();
  readonly #keptDown = new Set<NodeId>();
  #isOver = false;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  begin(): void {
    const { plan, swarm } = this.#options;
    swarm.network.weather = plan.weather;
    this.#next();
  }

  /** No more harm, and all that was done is taken back. */
  healAll(): void {
    const { swarm, plan } = this.#options;
    this.#isOver = true;
    for (const remedy of [...this.#remedies]) remedy();
    swarm.upgradeAll();
    swarm.network.weather = CALM;
    for (const id of swarm.ids) {
      swarm.disk(id).setLatency({ min: 0, max: Math.min(5, plan.diskLatency.max) });
      swarm.resume(id);
    }
    this.#keepRunning();
  }

  /** Starts whoever is down, over and over: a graceful stop may still be under way. */
  #keepRunning(): void {
    const { time, swarm } = this.#options;
    for (const id of swarm.ids) if (!this.#keptDown.has(id)) swarm.start(id);
    time.schedule({ at: time.now + SUPERVISION_MS, owner: undefined, run: () => this.#keepRunning() });
  }

  /** Lays a handicap on the healed swarm, until the returned function is called. */
  impose({ kind, nodes }: Handicap): () => void {
    const { swarm, note, count } = this.#options;
    note('world', `${nodes.join()}: ${kind}`);
    count(`handicap ${kind}`, 1);
    const others = swarm.ids.filter((id) => !nodes.includes(id));
    const pairs = nodes.flatMap((left) => others.map((right): Way => [left, right]));
    switch (kind) {
      case 'cut-off':
        return this.#cut(pairs.flatMap(([left, right]) => bothWays(left, right)));
      case 'deaf':
        return this.#cut(pairs.map(([node, other]) => [other, node]));
      case 'mute':
        return this.#cut(pairs);
      case 'parted':
        return this.#cut(nodes.flatMap((left) => nodes.map((right): Way => [left, right])));
      case 'down':
        return this.#keepDown(nodes);
      case 'stuck-disk':
        return this.#stickDisks(nodes);
      default:
        return unreachable(kind);
    }
  }

  #keepDown(nodes: readonly NodeId[]): () => void {
    for (const id of nodes) {
      this.#keptDown.add(id);
      this.#options.swarm.crash(id);
    }
    return () => this.#keptDown.clear();
  }

  #stickDisks(nodes: readonly NodeId[]): () => void {
    const { swarm, plan } = this.#options;
    for (const id of nodes) swarm.disk(id).setLatency(STUCK_DISK);
    return () => {
      for (const id of nodes) swarm.disk(id).setLatency(plan.diskLatency);
    };
  }

  #next(): void {
    const { time, chance, plan } = this.#options;
    const at = time.now + chance.integer(plan.faultEveryMs.min, plan.faultEveryMs.max);
    time.schedule({
      at,
      owner: undefined,
      run: () => {
        if (this.#isOver) return;
        const kind = chance.pick(plan.faults);
        this.#options.count(kind, 1);
        this.#strike(kind);
        this.#next();
      },
    });
  }

  #strike(kind: FaultKind): void {
    const { chance, swarm } = this.#options;
    const victim = this.#victim();
    switch (kind) {
      case 'partition':
        return this.#partition(chance.some(swarm.ids, 0.5));
      case 'isolate':
        return this.#partition([victim]);
      case 'one-way':
        return this.#oneWay(victim);
      case 'clog':
        return this.#clog(victim, chance.pick(swarm.ids));
      case 'reset':
        return swarm.network.closeLink(victim, chance.pick(swarm.ids));
      case 'pause':
        swarm.pause(victim);
        return this.#remedyLater(() => swarm.resume(victim));
      case 'crash':
        return this.#crash([victim]);
      case 'power-cut':
        return this.#crash(swarm.ids);
      case 'slow-disk':
        return this.#slowDisk(victim, { min: 20, max: 200 });
      case 'stuck-disk':
        return this.#slowDisk(victim, STUCK_DISK);
      case 'failed-disk':
        swarm.failDisk(victim);
        return this.#remedyLater(() => swarm.start(victim));
      case 'transfer':
        return this.#transfer();
      case 'graceful-stop':
        swarm.stop(victim);
        return this.#remedyLater(() => swarm.start(victim));
      case 'wipe':
        return this.#wipe(victim);
      case 'damage':
        return this.#damage(victim);
      case 'flap':
        return this.#flap(victim);
      case 'death':
        return this.#die(victim);
      default:
        return unreachable(kind);
    }
  }

  #wipe(victim: NodeId): void {
    const { swarm, note, mayWipe, count } = this.#options;
    if (!mayWipe()) return;
    note(victim, 'is lost with its disk');
    count('machines lost', 1);
    swarm.bury(victim);
  }

  /** The links of a machine come and go, for longer than an election takes. */
  #flap(victim: NodeId): void {
    const { chance, swarm, time } = this.#options;
    const others = swarm.ids.filter((id) => id !== victim);
    const ways = others.flatMap((other) => bothWays(victim, other));
    const [periodMs, times] = [chance.integer(100, 800), chance.integer(3, 10)];
    for (let turn = 0; turn < times; turn++) {
      const run = (): void => {
        if (this.#isOver) return;
        const mend = this.#cut(ways);
        const remedy = (): void => {
          if (this.#remedies.delete(remedy)) mend();
        };
        this.#remedies.add(remedy);
        time.schedule({ at: time.now + Math.ceil(periodMs / 2), owner: undefined, run: remedy });
      };
      time.schedule({ at: time.now + turn * periodMs, owner: undefined, run });
    }
  }

  #die(victim: NodeId): void {
    const { count, mayDie, note, swarm } = this.#options;
    if (!mayDie(victim)) return;
    note(victim, 'dies for good');
    count('deaths', 1);
    swarm.bury(victim);
  }

  /** One at a time: what a majority has lost, nobody can be asked for. */
  #damage(victim: NodeId): void {
    const { plan, swarm, note, count } = this.#options;
    const others = swarm.ids.filter((id) => id !== victim);
    if (!plan.bearsDamage || others.some((id) => swarm.disk(id).isRepairing)) return;
    swarm.crash(victim);
    const lost = swarm.disk(victim).damage();
    note(victim, `cannot read ${lost} entries any more`);
    if (lost > 0) count('logs damaged', 1);
    this.#remedyLater(() => swarm.start(victim));
  }

  /** Anybody, but half the time a leader: nothing else is so rich in consequences. */
  #victim(): NodeId {
    const { chance, swarm } = this.#options;
    const leaders = this.#leaders();
    return leaders.length > 0 && chance.happens(0.5) ? chance.pick(leaders) : chance.pick(swarm.ids);
  }

  #leaders(): readonly NodeId[] {
    const { swarm } = this.#options;
    return swarm.ids.filter((id) => swarm.status(id)?.role === 'leader');
  }

  #partition(side: readonly NodeId[]): void {
    const { swarm, chance, note } = this.#options;
    const rest = swarm.ids.filter((id) => !side.includes(id));
    note('world', `parts ${side.join()} from ${rest.join()}`);
    const pairs = side.flatMap((left) => rest.map((right): Way => [left, right]));
    const mend = this.#cut(pairs.flatMap(([left, right]) => bothWays(left, right)));
    // Some cuts are seen at once, as a reset; others are mere silence.
    if (chance.happens(0.3)) for (const [left, right] of pairs) swarm.network.closeLink(left, right);
    this.#remedyLater(mend);
  }

  #oneWay(victim: NodeId): void {
    const { swarm, chance, note } = this.#options;
    const others = chance.some(swarm.ids, 0.6).filter((id) => id !== victim);
    const isDeaf = chance.happens(0.5);
    note(
      'world',
      isDeaf ? `${victim} hears nothing of ${others.join()}` : `${others.join()} hear nothing of ${victim}`,
    );
    this.#remedyLater(this.#cut(others.map((other): Way => (isDeaf ? [other, victim] : [victim, other]))));
  }

  #cut(ways: readonly Way[]): () => void {
    const { network } = this.#options.swarm;
    for (const [from, to] of ways) network.block(from, to);
    return () => {
      for (const [from, to] of ways) network.unblock(from, to);
    };
  }

  #clog(from: NodeId, to: NodeId): void {
    const { swarm, note } = this.#options;
    if (from === to) return;
    note('world', `clogs ${from} to ${to}`);
    swarm.network.clog(from, to);
    this.#remedyLater(() => swarm.network.unclog(from, to));
  }

  #crash(victims: readonly NodeId[]): void {
    const { swarm } = this.#options;
    for (const id of victims) {
      swarm.crash(id);
      this.#remedyLater(() => swarm.start(id));
    }
  }

  #slowDisk(victim: NodeId, latency: { readonly min: number; readonly max: number }): void {
    const { swarm, plan, note } = this.#options;
    note(victim, `has a disk that takes up to ${latency.max} ms`);
    swarm.disk(victim).setLatency(latency);
    this.#remedyLater(() => swarm.disk(victim).setLatency(plan.diskLatency));
  }

  #transfer(): void {
    const { swarm, chance, note } = this.#options;
    const target = chance.happens(0.5) ? undefined : chance.pick(swarm.ids);
    const leaders = this.#leaders();
    const asked = leaders.length === 0 || chance.happens(0.1) ? chance.pick(swarm.ids) : chance.pick(leaders);
    note(asked, `is asked to hand over to ${target ?? 'anybody'}`);
    this.#options.time.schedule({
      at: this.#options.time.now,
      owner: asked,
      run: () =>
        swarm.server(asked)?.node.transfer(target, (outcome) => {
          if (outcome.ok) this.#options.count('leaderships handed over', 1);
          note(asked, `answers the hand-over: ${outcome.ok ? outcome.value : outcome.error.code}`);
        }),
    });
  }

  /** Takes harm back after a while, at the latest when all is healed. */
  #remedyLater(undo: () => void): void {
    const { time, chance } = this.#options;
    const remedy = (): void => {
      if (this.#remedies.delete(remedy)) undo();
    };
    this.#remedies.add(remedy);
    // Mostly short, sometimes longer than several elections take.
    const at = time.now + chance.integer(20, chance.happens(0.3) ? 5000 : 800);
    time.schedule({ at, owner: undefined, run: remedy });
  }
}

function bothWays(left: NodeId, right: NodeId): readonly Way[] {
  return [
    [left, right],
    [right, left],
  ];
}
