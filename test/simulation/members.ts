import type { NodeId } from '../../src/protocol/ids.ts';
import { type Configuration, isJoint, majority, members } from '../../src/protocol/state.ts';
import { type MembershipChange, MembershipError, nextConfiguration } from '../../src/raft/membership.ts';
import type { Chance } from './chance.ts';
import type { Count } from './clients.ts';
import type { Plan } from './plan.ts';
import type { SimulatedSwarm } from './swarm.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface MembersOptions {
  readonly plan: Plan;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly swarm: SimulatedSwarm;
  /** The latest configuration that anybody has committed. */
  readonly committed: () => Configuration;
  readonly note: (who: string, what: string) => void;
  readonly count: Count;
}

const MOST_VOTERS = 5;
const FUNERAL_EVERY_MS = 300;

/** Lets nodes in and out of a swarm, through whoever leads it, and never so that nobody could ever lead it again. */
export class Members {
  readonly #options: MembersOptions;
  readonly #spares: NodeId[];
  readonly #everBelonged = new Set<NodeId>();
  #isOpen = true;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#spares = options.plan.nodes.filter(({ isSpare }) => isSpare).map(({ id }) => id);
  }

  begin(): void {
    const { time, chance, plan } = this.#options;
    const { changeEveryMs } = plan;
    if (changeEveryMs === undefined) return;
    const at = time.now + chance.integer(changeEveryMs.min, changeEveryMs.max);
    time.schedule({
      at,
      owner: undefined,
      run: () => {
        if (!this.#isOpen) return;
        this.#change();
        this.begin();
      },
    });
  }

  stop(): void {
    this.#isOpen = false;
  }

  /** True when all agree on who belongs to the swarm, all of them live, and a voter could be lost. */
  canLoseOne(): boolean {
    return this.isSettled && this.#options.committed().voters.length >= 3;
  }

  /** Puts the dead out of the swarm, however long it takes. */
  beginFunerals(): void {
    const { time, committed } = this.#options;
    const dead = this.#dead(committed());
    const leader = this.#leader();
    if (leader !== undefined && dead.length > 0) {
      this.#ask(leader, { changes: dead.map((id) => ({ type: 'remove', id })), isLast: true });
    }
    time.schedule({ at: time.now + FUNERAL_EVERY_MS, owner: undefined, run: () => this.beginFunerals() });
  }

  /** True when nobody dead belongs to the swarm, and no member knows of a change that is not done. */
  get isSettled(): boolean {
    const { swarm, committed } = this.#options;
    const config = committed();
    if (isJoint(config) || this.#dead(config).length > 0) return false;
    const text = JSON.stringify(config);
    return members(config).every((id) => {
      const latest = swarm.server(id)?.node.inspect().configurations.latest;
      return latest !== undefined && JSON.stringify(latest) === text;
    });
  }

  #dead(config: Configuration): readonly NodeId[] {
    return members(config).filter((id) => !this.#options.swarm.ids.includes(id));
  }

  #leader(): NodeId | undefined {
    const { swarm, chance } = this.#options;
    const leaders = swarm.ids.filter((id) => swarm.status(id)?.role === 'leader');
    return leaders.length === 0 ? undefined : chance.pick(leaders);
  }

  #change(): void {
    const leader = this.#leader();
    const status = leader === undefined ? undefined : this.#options.swarm.status(leader);
    if (leader === undefined || status === undefined) return;
    const { configuration } = status;
    const changes = this.#draw(configuration, leader);
    const next = nextConfiguration(configuration, changes);
    if (changes.length === 0 || next instanceof MembershipError || !this.#isViable(next)) return;
    for (const { type, id } of changes) if (type !== 'remove') this.#letIn(id);
    this.#ask(leader, { changes, isLast: false });
  }

  #draw({ voters, learners }: Configuration, leader: NodeId): MembershipChange[] {
    const { chance } = this.#options;
    const dead = [...voters, ...learners].filter((id) => !this.#options.swarm.ids.includes(id));
    const [spare, another] = this.#spares;
    const changes: MembershipChange[] = [];
    const gone = dead[0];
    if (gone !== undefined && chance.happens(0.7)) changes.push({ type: 'remove', id: gone });
    const learner = learners.find((id) => !dead.includes(id));
    const kind = chance.pick([
      'learn',
      'vote',
      'two',
      'promote',
      'demote',
      'remove',
      'replace',
      'depose',
    ] as const);
    if (kind === 'learn' && spare !== undefined) changes.push({ type: 'add-learner', id: spare });
    if (kind === 'vote' && spare !== undefined) changes.push({ type: 'add-voter', id: spare });
    if (kind === 'two' && spare !== undefined && another !== undefined) {
      changes.push({ type: 'add-voter', id: spare }, { type: 'add-voter', id: another });
    }
    if (kind === 'promote' && learner !== undefined) changes.push({ type: 'add-voter', id: learner });
    if (kind === 'demote') changes.push({ type: 'add-learner', id: chance.pick(voters) });
    if (kind === 'remove') changes.push({ type: 'remove', id: chance.pick([...voters, ...learners]) });
    if (kind === 'replace' && spare !== undefined) {
      changes.push({ type: 'add-voter', id: spare }, { type: 'remove', id: chance.pick(voters) });
    }
    if (kind === 'depose') changes.push({ type: 'remove', id: leader });
    return changes;
  }

  /** Both halves can still decide, and there are not too many. */
  #isViable({ voters, votersOutgoing }: Configuration): boolean {
    const { swarm } = this.#options;
    const live = (half: readonly NodeId[]): number => half.filter((id) => swarm.ids.includes(id)).length;
    if (voters.length > MOST_VOTERS) return false;
    return [voters, votersOutgoing].every((half) => half.length === 0 || live(half) >= majority(half.length));
  }

  #letIn(id: NodeId): void {
    const place = this.#spares.indexOf(id);
    if (place < 0) return;
    this.#spares.splice(place, 1);
    this.#options.swarm.letIn(id);
  }

  #ask(
    leader: NodeId,
    { changes, isLast }: { readonly changes: readonly MembershipChange[]; readonly isLast: boolean },
  ): void {
    const { time, swarm, note, count } = this.#options;
    const told = changes.map(({ type, id }) => `${type} ${id}`).join(', ');
    const run = (): void => {
      // A process that was paused takes it in late.
      if (!this.#isOpen && !isLast) return;
      const node = swarm.server(leader)?.node;
      const next = node === undefined ? undefined : nextConfiguration(node.status().configuration, changes);
      if (node === undefined || next instanceof MembershipError || next === undefined) return;
      if (!this.#isViable(next)) return;
      note(leader, `is asked to ${told}`);
      node.changeMembership(changes, (outcome) => {
        const label = outcome.ok ? 'ok' : outcome.error.code;
        count(`change ${label}`, 1);
        note(leader, `answers ${told}: ${label}`);
      });
    };
    time.schedule({ at: time.now, owner: leader, run });
  }

  /** A configuration is committed: who is no member any more is shut down some day, and never comes back. */
  onCommitted(config: Configuration): void {
    const { time, swarm, chance } = this.#options;
    for (const id of members(config)) this.#everBelonged.add(id);
    if (isJoint(config)) return;
    const gone = swarm.ids.filter((id) => this.#everBelonged.has(id) && !members(config).includes(id));
    for (const id of gone) {
      const at = time.now + chance.integer(0, 3000);
      time.schedule({ at, owner: undefined, run: () => this.#shutDown(id) });
    }
  }

  /** Nobody but members runs from now on. */
  shutDownStrangers(): void {
    for (const id of this.#options.swarm.ids) this.#shutDown(id);
  }

  #shutDown(id: NodeId): void {
    const { swarm, committed } = this.#options;
    if (!members(committed()).includes(id)) swarm.bury(id);
  }
}
