import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, SwarmError } from '../../protocol/errors.ts';
import { isId, type Millis, type NodeId } from '../../protocol/ids.ts';
import { REQUEST, unpack } from '../../swarm/wire.ts';
import type { Plan } from './plan.ts';
import { MAX_WEIGHT, MIN_WEIGHT } from './policy.ts';
import {
  type AnswersOf,
  type Applied,
  type AutoStatus,
  DOMAIN_LABEL,
  DOMAIN_LABEL_SAYS,
  encodeRequest,
  type Placed,
  type PlanWish,
  type PolicyChanges,
  type QuorumStatus,
  type Request,
  type Weighed,
} from './requests.ts';

/** Whoever can put a question to a swarm. */
interface Asker {
  ask(kind: number, body: Uint8Array, timeoutMs?: Millis): Promise<Uint8Array>;
}

/** The quorum manager of a swarm, as a program sees it. */
export interface QuorumManager {
  /** What the coordinator sees of each member, and what the voters are worth now. */
  status(): Promise<QuorumStatus>;
  /** What the voters should become, and how. Changes nothing. @throws SwarmError BAD_INPUT */
  plan(wish?: PlanWish): Promise<Plan>;
  /**
   * Carries out a plan, or the one that would be made now.
   *
   * @throws SwarmError STALE_VERSION when the members are others by now; UNSAFE_CHANGE; OUTCOME_UNKNOWN when leadership was
   *   lost meanwhile: look at the members then.
   */
  apply(plan?: Plan): Promise<Applied>;
  /** The policy in force, after `changes` to it, and what was done last. @throws SwarmError BAD_INPUT */
  auto(changes?: PolicyChanges): Promise<AutoStatus>;
  /** How early a member stands for election, and whom leadership is given to: 0.1 to 2, 1 by default. Never its vote. */
  weigh(id: string, weight: number): Promise<Weighed>;
  /** What is likely to fail together with a member; null: as the member says itself. */
  place(id: string, domain: string | null): Promise<Placed>;
}

const DEFAULT_TIMEOUT_MS: Millis = 10_000;
/** All steps of a plan, each with its proof. */
const APPLY_TIMEOUT_MS: Millis = 60_000;
const PAUSE_MS: Millis = 100;

/** Nothing was done, and it may be otherwise in a moment. */
const WORTH_ASKING_AGAIN: ReadonlySet<ErrorCode> = new Set([
  'NOT_LEADER',
  'NO_QUORUM',
  'NOT_RUNNING',
  'NOT_READY',
  'STALE_VERSION',
]);

/** The quorum manager of the swarm that `client` talks to. */
export function quorumManager(
  client: Asker,
  { timeoutMs = DEFAULT_TIMEOUT_MS }: { readonly timeoutMs?: Millis } = {},
): QuorumManager {
  const ask = async <Op extends Request['op']>(
    request: Extract<Request, { readonly op: Op }>,
    patienceMs: Millis = timeoutMs,
  ): Promise<AnswersOf[Op]> => {
    const body = encodeRequest(request, false);
    for (const deadline = performance.now() + timeoutMs; ; await delay(PAUSE_MS)) {
      try {
        return unpack(await client.ask(REQUEST.quorum, body, patienceMs)) as AnswersOf[Op];
      } catch (error) {
        if (!mayAskAgain(error, request.op) || performance.now() > deadline)
          throw withAdvice(error, request.op);
      }
    }
  };
  const plan = (wish: PlanWish = {}): Promise<Plan> => ask({ op: 'plan', wish });
  return {
    plan,
    status: () => ask({ op: 'status' }),
    apply: async (given) =>
      ask({ op: 'apply', plan: given ?? (await plan()) }, Math.max(timeoutMs, APPLY_TIMEOUT_MS)),
    auto: (changes = {}) => ask({ op: 'auto', changes }),
    weigh: async (id, weight) => ask({ op: 'weigh', id: memberId(id), weight: weightOf(weight) }),
    place: async (id, domain) => ask({ op: 'place', id: memberId(id), domain: labelOf(domain) }),
  };
}

/** Whoever was carrying a plan out is lost, or was; the next leader takes no step of it. */
function withAdvice(error: unknown, op: Request['op']): unknown {
  if (op !== 'apply' || !(error instanceof SwarmError) || error.code !== 'OUTCOME_UNKNOWN') return error;
  const message = `${error.message}. See who votes now, and plan again: raft-manager quorum status`;
  return new SwarmError(error.code, message, error.details);
}

/** A plan that is out of date stays so; a policy that somebody else has changed at the same time is read again. */
function mayAskAgain(error: unknown, op: Request['op']): boolean {
  if (!(error instanceof SwarmError)) return false;
  if (op === 'apply') return error.code === 'NOT_LEADER' || error.code === 'NO_QUORUM';
  return WORTH_ASKING_AGAIN.has(error.code) || error.code === 'OUTCOME_UNKNOWN';
}

function memberId(text: string): NodeId {
  if (isId(text)) return text as NodeId;
  throw new SwarmError('UNKNOWN_NODE', `"${text}" cannot be the id of a member`);
}

function labelOf(label: string | null): string | null {
  if (label === null || DOMAIN_LABEL.test(label)) return label;
  throw new SwarmError('BAD_INPUT', `a failure domain is named by ${DOMAIN_LABEL_SAYS}, not "${label}"`);
}

function weightOf(weight: number): number {
  if (weight >= MIN_WEIGHT && weight <= MAX_WEIGHT) return weight;
  throw new SwarmError(
    'BAD_INPUT',
    `a weight is a number from ${MIN_WEIGHT} to ${MAX_WEIGHT}, not ${weight}`,
  );
}
