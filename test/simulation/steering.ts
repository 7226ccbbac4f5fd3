import type { Millis, NodeId } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import { type Configuration, isJoint, majority, members } from '../../src/protocol/state.ts';
import { type Order, Pilot, type Sight, TRIAL_MS } from '../../src/siblings/quorum-manager/pilot.ts';
import type { Senses } from '../../src/siblings/quorum-manager/watch.ts';
import type { Chance } from './chance.ts';
import type { Count, Server } from './clients.ts';
import type { Plan, SteeringPlan } from './plan.ts';
import { SteeringChecks } from './steering-checks.ts';
import type { SimulatedSwarm } from './swarm.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Whoever decides who votes: the quorum manager's pilot, or somebody who does it badly. */
type Helmsman = Pick<Pilot, 'begin' | 'end' | 'noteConfiguration' | 'settled' | 'look'>;

export type Helm = (senses: Senses) => Helmsman;

export interface SteeringOptions {
  readonly plan: Plan;
  readonly steering: SteeringPlan;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly swarm: SimulatedSwarm;
  readonly helm: Helm | undefined;
  /** The latest configuration that anybody has committed. */
  readonly committed: () => Configuration;
  readonly note: (who: string, what: string) => void;
  readonly count: Count;
}

/** One process and who steers while it leads. */
interface Crew {
  readonly server: Server;
  readonly helmsman: Helmsman;
  readonly since: Millis;
  ledTerm: number | undefined;
  /** Its turn has come and it has not taken it yet: it is paused. */
  isDue: boolean;
}

/** Elections, and clocks that run apart. */
const SETTLING_MS = 15_000;

/** Runs the quorum manager's pilot in every process of a simulated swarm, and lets machines join. */
export class Steering {
  readonly replacementsMs: number[] = [];
  readonly #options: SteeringOptions;
  readonly #checks: SteeringChecks;
  readonly #crews = new Map<NodeId, Crew>();
  readonly #newcomers: NodeId[];
  /** When each voter died that still votes. */
  readonly #dead = new Map<NodeId, Millis>();
  readonly #demotions = new Map<NodeId, number>();
  #voters: readonly NodeId[];
  #isOpen = true;
  #joins = true;

  constructor(options: SteeringOptions) {
    this.#options = options;
    this.#checks = new SteeringChecks(options);
    this.#voters = options.plan.bootstrap.voters;
    this.#newcomers = options.plan.nodes.filter(({ isSpare }) => isSpare).map(({ id }) => id);
  }

  begin(): void {
    this.#beat();
    this.#nextJoin();
  }

  stop(): void {
    this.#isOpen = false;
  }

  onWord(message: Message, what: 'sent' | 'heard'): void {
    this.#checks.onWord(message, what);
  }

  /** Nobody dies whom the voters could not spare, whichever of their configurations somebody still holds. */
  mayDie(id: NodeId): boolean {
    const { committed, swarm } = this.#options;
    const config = committed();
    const living = members(config).filter((one) => swarm.ids.includes(one));
    const text = JSON.stringify(config);
    const isSettled = living.every((one) => {
      const latest = swarm.server(one)?.node.inspect().configurations.latest;
      return latest !== undefined && JSON.stringify(latest) === text;
    });
    if (isJoint(config) || !isSettled || !living.includes(id)) return false;
    const left = config.voters.filter((one) => living.includes(one) && one !== id);
    if (left.length < majority(config.voters.length)) return false;
    if (config.voters.includes(id)) this.#dead.set(id, this.#options.time.now);
    return true;
  }

  onCommitted({ voters, votersOutgoing }: Configuration): void {
    const { count, time } = this.#options;
    if (votersOutgoing.length > 0) return;
    for (const id of this.#voters) {
      if (voters.includes(id)) continue;
      this.#demotions.set(id, (this.#demotions.get(id) ?? 0) + 1);
      this.#checks.onDemoted(id);
      const diedAt = this.#dead.get(id);
      if (diedAt === undefined) continue;
      this.#dead.delete(id);
      this.replacementsMs.push(time.now - diedAt);
      count('dead voters replaced', 1);
    }
    this.#voters = voters;
  }

  /** Within which the voters must be as they should be, once nothing but deaths is wrong. */
  get boundMs(): Millis {
    const { coolDownMs, replaceAfterMs, stableMs } = this.#options.steering.policy;
    const most = Math.max(1, ...this.#demotions.values());
    return SETTLING_MS + replaceAfterMs + stableMs + 6 * coolDownMs + coolDownMs * 2 ** most + TRIAL_MS;
  }

  /** As many losses can be borne as the living allow, and nobody dead votes where somebody living could. */
  get isAtItsBest(): boolean {
    const { committed, steering, swarm } = this.#options;
    const config = committed();
    if (isJoint(config)) return false;
    const living = members(config).filter((id) => swarm.ids.includes(id));
    const voting = config.voters.filter((id) => living.includes(id));
    const most = Math.min(steering.policy.voters, living.length);
    const best = Math.floor((most - 1) / 2);
    const spare = voting.length - majority(config.voters.length);
    if (living.length < steering.policy.voters) return spare >= best;
    return (
      spare >= best && voting.length === config.voters.length && voting.length === steering.policy.voters
    );
  }

  get whatIsLeft(): string {
    const { committed, steering, swarm } = this.#options;
    const config = committed();
    const dead = members(config).filter((id) => !swarm.ids.includes(id));
    return `voters ${config.voters.join()}, learners ${config.learners.join()}, dead ${dead.join()}, wanted ${JSON.stringify(steering.policy)}`;
  }

  /** Each process looks around as often as its leader's heartbeats leave. */
  #beat(): void {
    const { steering, swarm, time } = this.#options;
    if (!this.#isOpen) return;
    for (const id of swarm.running) {
      const crew = this.#crewOf(id);
      if (crew === undefined || crew.isDue) continue;
      crew.isDue = true;
      time.schedule({ at: time.now, owner: id, run: () => this.#turn(id, crew) });
    }
    time.schedule({ at: time.now + steering.senses.heartbeatMs, owner: undefined, run: () => this.#beat() });
  }

  #crewOf(id: NodeId): Crew | undefined {
    const { helm, steering, swarm, time } = this.#options;
    const server = swarm.server(id);
    const known = this.#crews.get(id);
    if (server === undefined || known?.server === server) return server && known;
    const helmsman = helm?.(steering.senses) ?? new Pilot(steering.senses);
    const crew = { server, helmsman, since: time.now, ledTerm: undefined, isDue: false };
    this.#crews.set(id, crew);
    return crew;
  }

  #turn(id: NodeId, crew: Crew): void {
    const { steering, swarm } = this.#options;
    crew.isDue = false;
    if (!this.#isOpen || swarm.server(id) !== crew.server) return;
    const { helmsman } = crew;
    const status = crew.server.node.status();
    const now = swarm.clockOf(id);
    helmsman.noteConfiguration(status.configuration, now);
    const ledTerm = status.role === 'leader' ? status.term : undefined;
    if (ledTerm !== crew.ledTerm) {
      if (crew.ledTerm !== undefined) helmsman.end();
      if (ledTerm !== undefined) helmsman.begin();
      crew.ledTerm = ledTerm;
    }
    const order = helmsman.look(
      { status, policy: steering.policy, factsOf: (one) => this.#factsOf(one) },
      now,
    );
    if (order !== undefined) this.#carryOut(id, crew, order);
  }

  #factsOf(id: NodeId): ReturnType<Sight['factsOf']> {
    const { domains, weights } = this.#options.steering;
    return { domain: domains.get(id), transient: false, weight: weights.get(id) ?? 1 };
  }

  #carryOut(id: NodeId, { helmsman, server, since }: Crew, order: Order): void {
    const { count, note, swarm } = this.#options;
    note(id, `steers: ${order.why}`);
    const settle = (outcome: { readonly ok: boolean }): void => {
      note(id, `has steered: ${outcome.ok ? 'done' : 'not done'}`);
      helmsman.settled(order, { done: outcome.ok, now: swarm.clockOf(id) });
    };
    if (order.kind === 'transfer') {
      count('leadership placed', 1);
      server.node.transfer(order.target, settle);
      return;
    }
    this.#checks.check({ id, since, order, status: server.node.status() });
    count('changes steered', 1);
    server.node.changeMembership(order.changes, settle);
  }

  #nextJoin(): void {
    const { chance, steering, time } = this.#options;
    const at = time.now + chance.integer(steering.joinEveryMs.min, steering.joinEveryMs.max);
    time.schedule({
      at,
      owner: undefined,
      run: () => {
        if (!this.#isOpen || !this.#joins) return;
        this.#join();
        this.#nextJoin();
      },
    });
  }

  /** Asks for the same one until it is a member. */
  #join(): void {
    const { committed, count, note, swarm, time } = this.#options;
    const [next] = this.#newcomers;
    if (next === undefined) return;
    if (members(committed()).includes(next)) {
      this.#newcomers.shift();
      count('members joined', 1);
      return;
    }
    const leader = swarm.ids.find((id) => swarm.status(id)?.role === 'leader');
    if (leader === undefined) return;
    swarm.letIn(next);
    const run = (): void => {
      note(leader, `is asked to let ${next} in`);
      swarm.server(leader)?.node.changeMembership([{ type: 'add-learner', id: next }], () => undefined);
    };
    time.schedule({ at: time.now, owner: leader, run });
  }
}
