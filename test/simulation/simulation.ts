import { decodeConfiguration } from '../../src/protocol/configuration-codec.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import type { Configuration } from '../../src/protocol/state.ts';
import { Chance } from './chance.ts';
import { Clients, type Count } from './clients.ts';
import { Faults } from './faults.ts';
import { Invariants } from './invariants.ts';
import { decodeAppend, explainHistory } from './list-machine.ts';
import { Members } from './members.ts';
import { drawPlan, type Plan } from './plan.ts';
import { recover } from './recovery.ts';
import { type Helm, Steering } from './steering.ts';
import { drawSteeredPlan } from './steering-plan.ts';
import { SimulatedSwarm, type SwarmBugs } from './swarm.ts';
import { Trace } from './trace.ts';
import { Violation } from './violation.ts';
import { VirtualTime } from './virtual-time.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** Called with each line of the story. */
  readonly print?: (line: string) => void;
  readonly encoding?: 'wire' | 'objects';
  readonly bugs?: Partial<SwarmBugs> & { readonly readsWithoutBarrier?: boolean };
  /** Changes what the seed drew. */
  readonly adjust?: (plan: Plan) => Plan;
  /** The quorum manager sees to the voters, in a world made for it. */
  readonly steered?: boolean;
  /** Who steers instead of it, to prove that the checks see who does it badly. */
  readonly helm?: Helm;
}

export interface SimulationReport {
  readonly seed: number;
  readonly traceHash: string;
  readonly events: number;
  readonly virtualMs: number;
  /** What was seen to happen, by name: proof that a run was not idle. */
  readonly counts: ReadonlyMap<string, number>;
  /** How long each voter that died kept its vote. */
  readonly replacementsMs: readonly number[];
  readonly failure:
    | { readonly promise: string; readonly message: string; readonly tail: readonly string[] }
    | undefined;
}

/** More events than any run should need: beyond this the swarm is busy with nothing. */
const MAX_EVENTS = 400_000;

/** A whole run under way. */
export interface World {
  readonly plan: Plan;
  readonly time: VirtualTime;
  readonly swarm: SimulatedSwarm;
  readonly clients: Clients;
  readonly invariants: Invariants;
  readonly faults: Faults;
  readonly members: Members;
  readonly steering: Steering | undefined;
  readonly note: (who: string, what: string) => void;
  /** Runs until `isDone` or until `deadline`, checking every promise after every event. */
  run(deadline: number, isDone: () => boolean): Promise<'done' | 'late'>;
}

const asDrawn = (plan: Plan): Plan => plan;

/** Lives through one seed: faults, then recovery, then the last look at everything. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const trace = new Trace({ keep: 50, print: options.print });
  const run = new Run(options, trace);
  let failure: SimulationReport['failure'];
  try {
    await run.live();
  } catch (error) {
    const broken = error instanceof Violation ? error : undefined;
    const message = error instanceof Error ? (broken ? error.message : `${error.stack}`) : String(error);
    failure = { promise: broken?.promise ?? 'No exception', message, tail: trace.tail };
  }
  return {
    seed: options.seed,
    traceHash: trace.hash,
    events: run.events,
    virtualMs: run.time.now,
    counts: run.counts(),
    replacementsMs: run.steering?.replacementsMs ?? [],
    failure,
  };
}

class Run implements World {
  readonly plan: Plan;
  readonly time = new VirtualTime();
  readonly swarm: SimulatedSwarm;
  readonly clients: Clients;
  readonly invariants: Invariants;
  readonly faults: Faults;
  readonly members: Members;
  readonly steering: Steering | undefined;
  readonly note: (who: string, what: string) => void;
  events = 0;
  readonly #counts = new Map<string, number>();

  constructor(options: SimulationOptions, trace: Trace) {
    const { seed, bugs = {}, encoding = 'wire', adjust = asDrawn, steered = false, helm } = options;
    const chance = new Chance(seed);
    const { time } = this;
    const plan = adjust(steered ? drawSteeredPlan(chance.stream('plan')) : drawPlan(chance.stream('plan')));
    const note = (who: string, what: string): void => trace.note(time.now, who, what);
    const count: Count = (name, times) => {
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
    };
    this.plan = plan;
    this.note = note;
    this.swarm = new SimulatedSwarm({
      plan,
      time,
      chance: chance.stream('swarm'),
      invariants: () => this.invariants,
      encoding,
      bugs: { disk: bugs.disk, forge: bugs.forge, wrapMachine: bugs.wrapMachine, forgetful: bugs.forgetful },
      note,
      count,
      onWord: (message, what) => this.steering?.onWord(message, what),
    });
    this.clients = new Clients({
      time,
      chance: chance.stream('clients'),
      nodes: () => this.swarm.ids,
      server: (id) => this.swarm.server(id),
      note,
      count,
      keys: plan.keys,
      leaseReadShare: plan.leaseReadShare,
      readsWithoutBarrier: bugs.readsWithoutBarrier ?? false,
    });
    this.invariants = new Invariants({
      bootstrap: plan.bootstrap,
      durable: (id) => this.swarm.disk(id).durable,
      onCommitted: (entry) => {
        if (entry.kind === 'command') this.clients.onCommitted(decodeAppend(entry.data).id, entry.index);
        if (entry.kind === 'config') this.#onConfiguration(decodeConfiguration(entry.data));
      },
    });
    this.members = new Members({
      plan,
      time,
      chance: chance.stream('members'),
      swarm: this.swarm,
      committed: () => this.invariants.configuration,
      note,
      count,
    });
    this.steering =
      plan.steering === undefined
        ? undefined
        : new Steering({
            ...{ plan, time, note, count, swarm: this.swarm, steering: plan.steering, helm },
            chance: chance.stream('steering'),
            committed: () => this.invariants.configuration,
          });
    this.faults = new Faults({
      plan,
      time,
      chance: chance.stream('faults'),
      swarm: this.swarm,
      mayWipe: () => plan.changeEveryMs !== undefined && this.members.canLoseOne(),
      mayDie: (id) => this.steering?.mayDie(id) === true,
      note,
      count,
    });
  }

  #onConfiguration(configuration: Configuration): void {
    this.members.onCommitted(configuration);
    this.steering?.onCommitted(configuration);
  }

  async live(): Promise<void> {
    const { plan, swarm, clients, faults, members, steering } = this;
    members.onCommitted(plan.bootstrap);
    for (const id of swarm.ids) swarm.start(id);
    faults.begin();
    members.begin();
    steering?.begin();
    clients.start(plan.callEveryMs);
    await this.run(plan.faultPhaseMs, () => false);
    await recover(this);
    this.invariants.checkEverything();
    const complaint = explainHistory(clients.history());
    if (complaint !== undefined) throw new Violation('Linearizable', complaint);
  }

  async run(deadline: number, isDone: () => boolean): Promise<'done' | 'late'> {
    const { time, swarm, invariants, plan } = this;
    while (!isDone()) {
      if (time.now >= deadline) return 'late';
      const event = time.step();
      if (event === undefined) return 'late';
      this.events += 1;
      if (this.events > MAX_EVENTS) throw new Violation('Quiet', `${MAX_EVENTS} events by ${time.now} ms`);
      if (event.owner !== undefined) invariants.check(event.owner);
      if (plan.leaseReadShare > 0) checkLeases(swarm.leaseHolders);
      // A graceful stop is made of promises; nothing else in a node is.
      if (swarm.hasPromises) await new Promise((resolve) => setImmediate(resolve));
      swarm.rethrow();
    }
    return 'done';
  }

  counts(): ReadonlyMap<string, number> {
    return new Map<string, number>([
      ...this.#counts,
      ['terms with a leader', this.invariants.terms],
      ['entries committed', this.invariants.commitIndex],
      ['entries cut', this.invariants.entriesCut],
      [`swarms of ${this.plan.bootstrap.voters.length}`, 1],
    ]);
  }
}

/** Two at once could answer differently, whoever is asked. */
function checkLeases(holders: readonly NodeId[]): void {
  if (holders.length > 1)
    throw new Violation('One lease', `${holders.join(' and ')} hold one at the same time`);
}
