import { SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { members } from '../../protocol/state.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import { pack, REQUEST } from '../../swarm/wire.ts';
import { carryOut } from './carry-out.ts';
import { adjustmentsIn, domainWrite, type Noted, policyIn, policyWrite, weightWrite } from './notebook.ts';
import type { Observation } from './observation.ts';
import { type Pilot, TRIAL_MS } from './pilot.ts';
import { type Plan, plan } from './plan.ts';
import { amended, type Policy, VOTES_ARE_EQUAL } from './policy.ts';
import {
  type AnswersOf,
  ASKED_OF_LEADER,
  decodeRequest,
  encodeRequest,
  type MemberView,
  type PlanWish,
  type QuorumStatus,
  type Report,
  type Request,
} from './requests.ts';
import { strengthOf } from './strength.ts';

export interface DeskOptions {
  readonly host: CompanionHost;
  readonly pilot: Pilot;
  report(): Report;
  /** Asks the members again whose word is older. */
  refresh(maxAgeMs: Millis): Promise<void>;
  /** Looks around at once. */
  lookNow(): void;
}

type Asked<Op extends Request['op']> = Extract<Request, { readonly op: Op }>;

/** What members have said of themselves may be so old when somebody asks. */
const REPORT_AGE_MS: Millis = 2_000;
/** For a plan by hand: longer than an instance takes that is restarted, or a machine that is busy. */
const GIVEN_UP_MS: Millis = 3_000;
const STABLE_MS: Millis = 1_000;
/** For the leader to answer whoever asked somebody else: one that hangs is replaced within a few seconds. */
const RELAY_PATIENCE_MS: Millis = 5_000;
/** All steps of a plan. */
const APPLY_PATIENCE_MS: Millis = 120_000;

/** Answers what is asked of the quorum manager; what only the leader can say is asked of the leader. */
export class Desk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** @throws SwarmError BAD_INPUT, NO_QUORUM, NOT_LEADER, and what the request itself may lead to. */
  async answer(body: Uint8Array): Promise<Uint8Array> {
    const { relayed, request } = decodeRequest(body);
    const { host } = this.#options;
    if (!ASKED_OF_LEADER.has(request.op) || host.status().role === 'leader')
      return pack(await this.#do(request));
    if (relayed) throw new SwarmError('NOT_LEADER', `${host.id} does not lead`);
    return this.#relay(request);
  }

  async #relay(request: Request): Promise<Uint8Array> {
    const { folder, status, urlOf, version } = this.#options.host;
    const { leaderId } = status();
    const url = leaderId === undefined ? undefined : urlOf(leaderId);
    if (url === undefined)
      throw new SwarmError('NO_QUORUM', 'nobody leads just now; see "raft-manager status"');
    const client = new SwarmClient({ folder, name: 'quorum-manager', version, url, dials: 'once' });
    const patienceMs = request.op === 'apply' ? APPLY_PATIENCE_MS : RELAY_PATIENCE_MS;
    try {
      return await client.ask(REQUEST.quorum, encodeRequest(request, true), patienceMs);
    } catch (error) {
      // Nobody is there any more who was asked for: somebody else leads soon, and is to be asked then.
      if (!(error instanceof SwarmError) || error.code !== 'NOT_RUNNING') throw error;
      throw new SwarmError('NO_QUORUM', `${leaderId} led, and does not answer; see "raft-manager status"`);
    } finally {
      await client.close();
    }
  }

  #do(request: Request): Promise<AnswersOf[Request['op']]> {
    switch (request.op) {
      case 'report':
        return Promise.resolve(this.#options.report());
      case 'status':
        return this.#status();
      case 'plan':
        return this.#plan(request.wish);
      case 'apply':
        return this.#apply(request.plan);
      case 'auto':
        return this.#auto(request);
      case 'weigh':
        return this.#weigh(request);
      case 'place':
        return this.#place(request);
    }
  }

  /** @throws SwarmError NOT_LEADER when leadership was lost since somebody asked: what was seen before is over. */
  async #look(): Promise<readonly Observation[]> {
    const { host, refresh } = this.#options;
    await refresh(REPORT_AGE_MS);
    const observations = this.#lookNow();
    if (observations.length === 0) throw new SwarmError('NOT_LEADER', `${host.id} does not lead`);
    return observations;
  }

  #lookNow(): readonly Observation[] {
    const { lookNow, pilot } = this.#options;
    lookNow();
    return pilot.observations;
  }

  async #status(): Promise<QuorumStatus> {
    const { host } = this.#options;
    // A leader that has been replaced and does not know it would tell of a past.
    await host.readBarrier();
    const observations = await this.#look();
    const { configuration, term } = host.status();
    const { commitMs, majority, survives, survivesDomains } = strengthOf(configuration.voters, observations);
    return {
      leader: host.id,
      term,
      voters: configuration.voters,
      // Whoever votes only until the joint phase is over is one already.
      learners: [...configuration.learners, ...configuration.learnersNext],
      quorum: majority,
      survives,
      survivesDomains,
      commitMs: commitMs === undefined ? null : tenths(commitMs),
      policy: this.#policy().value,
      members: observations.map(viewOf),
      adjustments: adjustmentsIn(host.machine.records).value,
      note: VOTES_ARE_EQUAL,
    };
  }

  /** Whoever asks for a plan has decided not to wait for long. */
  async #plan(wish: PlanWish): Promise<Plan> {
    const { host } = this.#options;
    await host.readBarrier();
    const observations = await this.#look();
    const policy = this.#wished(wish);
    return plan(observations, {
      ...policy,
      replaceAfterMs: Math.min(policy.replaceAfterMs, GIVEN_UP_MS),
      stableMs: Math.min(policy.stableMs, STABLE_MS),
    });
  }

  /** @throws SwarmError BAD_INPUT */
  #wished(changes: Partial<Policy>): Policy {
    return amended(this.#policy().value, changes);
  }

  #policy(): Noted<Policy> {
    const { machine, status } = this.#options.host;
    return policyIn(machine.records, status().configuration);
  }

  async #apply(wanted: Plan): Promise<AnswersOf['apply']> {
    const { host, pilot } = this.#options;
    await host.readBarrier();
    await this.#look();
    const goOn = pilot.pause();
    try {
      return await carryOut(wanted, { host, look: () => this.#lookNow(), trialMs: TRIAL_MS });
    } finally {
      goOn();
    }
  }

  async #auto({ changes }: Asked<'auto'>): Promise<AnswersOf['auto']> {
    const { host } = this.#options;
    await host.readBarrier();
    const { records } = host.machine;
    if (Object.keys(changes).length > 0) {
      const write = policyWrite(this.#wished(changes), this.#policy());
      await host.execute({ kind: 'record', writes: [write] });
    }
    return { policy: this.#policy().value, adjustments: adjustmentsIn(records).value };
  }

  async #weigh({ id, weight }: Asked<'weigh'>): Promise<AnswersOf['weigh']> {
    await this.#required(id);
    await this.#options.host.execute({ kind: 'record', writes: [weightWrite(id, weight)] });
    return { id, weight, note: VOTES_ARE_EQUAL };
  }

  async #place({ domain, id }: Asked<'place'>): Promise<AnswersOf['place']> {
    await this.#required(id);
    await this.#options.host.execute({ kind: 'record', writes: [domainWrite(id, domain)] });
    return { id, domain };
  }

  /** @throws SwarmError UNKNOWN_NODE */
  async #required(id: NodeId): Promise<void> {
    const { host } = this.#options;
    await host.readBarrier();
    const ids = members(host.status().configuration);
    if (ids.includes(id)) return;
    throw new SwarmError('UNKNOWN_NODE', `there is no member ${id}; there are ${ids.join(', ')}`);
  }
}

function viewOf(one: Observation): MemberView {
  const { domain, keepsUp: _keepsUp, phi, roundTripMs, silentMs, steadyMs, uptimeMs, writeMs, ...rest } = one;
  return {
    ...rest,
    phi: tenths(phi),
    silentMs: Math.round(silentMs),
    steadyMs: Math.round(steadyMs),
    roundTripMs: orNull(roundTripMs),
    writeMs: orNull(writeMs),
    uptimeMs: uptimeMs === undefined ? null : Math.round(uptimeMs),
    domain: domain ?? null,
    standing: one.standing ?? null,
  };
}

function orNull(ms: Millis | undefined): number | null {
  return ms === undefined ? null : tenths(ms);
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
