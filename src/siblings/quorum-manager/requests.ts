import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import { isId, type NodeId } from '../../protocol/ids.ts';
import { MAX_INSTANCES } from '../../protocol/limits.ts';
import { pack, unpack } from '../../swarm/wire.ts';
import type { Adjustment } from './notebook.ts';
import type { Plan } from './plan.ts';
import { MAX_WEIGHT, MIN_WEIGHT, type Policy, STRATEGIES } from './policy.ts';

/** What may be asked of the quorum manager, over the links of instances and clients. */

const id = z
  .string()
  .refine(isId, 'expected the id of a member')
  .transform((text) => text as NodeId);
const ids = z.array(id).max(MAX_INSTANCES);
const beforeAfter = <T extends z.ZodType>(value: T) => z.object({ before: value, after: value });

/** Labels of failure domains: host names and the like. */
export const DOMAIN_LABEL = /^[\w.:/-]{1,128}$/;
export const DOMAIN_LABEL_SAYS = '1 to 128 of letters, digits and ._:/-';
const domainSchema = z.string().regex(DOMAIN_LABEL, `expected ${DOMAIN_LABEL_SAYS}`);

export const planSchema: z.ZodType<Plan> = z.strictObject({
  recommendedVoters: ids,
  learners: ids,
  strategy: z.enum(STRATEGIES),
  confidence: z.number().min(0).max(1),
  reasoning: z.array(z.string()),
  expectedImpact: z.object({
    survives: beforeAfter(z.number()),
    survivesDomains: beforeAfter(z.number()),
    quorum: beforeAfter(z.number()),
    commitMs: beforeAfter(z.number().nullable()),
  }),
  steps: z.array(
    z.strictObject({
      changes: z.array(z.strictObject({ type: z.enum(['add-voter', 'add-learner']), id })).min(1),
      voters: ids,
      why: z.string(),
    }),
  ),
  madeFor: z.strictObject({ voters: ids, learners: ids }),
});

const wish = z.strictObject({
  strategy: z.enum(STRATEGIES).exactOptional(),
  voters: z.int().exactOptional(),
  survive: z.int().exactOptional(),
});

const changes = wish.extend({
  auto: z.boolean().exactOptional(),
  coolDownMs: z.int().exactOptional(),
  replaceAfterMs: z.int().exactOptional(),
  stableMs: z.int().exactOptional(),
});

const schema = z.discriminatedUnion('op', [
  /** What a member knows of itself. */
  z.strictObject({ op: z.literal('report') }),
  z.strictObject({ op: z.literal('status') }),
  z.strictObject({ op: z.literal('plan'), wish }),
  z.strictObject({ op: z.literal('apply'), plan: planSchema }),
  z.strictObject({ op: z.literal('auto'), changes }),
  z.strictObject({ op: z.literal('weigh'), id, weight: z.number().min(MIN_WEIGHT).max(MAX_WEIGHT) }),
  z.strictObject({ op: z.literal('place'), id, domain: domainSchema.nullable() }),
]);

export type Request = z.output<typeof schema>;

/** A wish for a plan: what is not said is as the policy in force says. */
export type PlanWish = z.output<typeof wish>;

/** What is to be otherwise in the policy; what is not said stays. */
export type PolicyChanges = z.output<typeof changes>;

/** Only the node that leads sees the others. */
export const ASKED_OF_LEADER: ReadonlySet<Request['op']> = new Set(['status', 'plan', 'apply']);

const relayed = z.object({ request: schema, relayed: z.boolean() });

export function encodeRequest(request: Request, isRelayed: boolean): Uint8Array {
  return pack({ request, relayed: isRelayed });
}

/** @throws SwarmError BAD_INPUT */
export function decodeRequest(body: Uint8Array): { readonly request: Request; readonly relayed: boolean } {
  const parsed = relayed.safeParse(unpack(body));
  if (parsed.success) return parsed.data;
  throw new SwarmError(
    'BAD_INPUT',
    `not a question for the quorum manager: ${z.prettifyError(parsed.error)}`,
  );
}

export const reportSchema = z.object({
  writeMs: z.number().nullable(),
  uptimeMs: z.number(),
  domain: z.string(),
});

/** What a member says of itself. */
export type Report = Readonly<z.output<typeof reportSchema>>;

/** One member, as the leader sees it. Times in milliseconds; null: not known. */
export interface MemberView {
  readonly id: string;
  readonly voter: boolean;
  readonly isLeader: boolean;
  readonly reachable: boolean;
  readonly phi: number;
  readonly silentMs: number;
  readonly steadyMs: number;
  readonly flaps: number;
  readonly lag: number;
  readonly roundTripMs: number | null;
  readonly writeMs: number | null;
  readonly uptimeMs: number | null;
  readonly domain: string | null;
  /** Whether it stands for election: eligible, last-resort or never. */
  readonly standing: string | null;
  readonly transient: boolean;
  readonly weight: number;
}

export interface QuorumStatus {
  readonly leader: string;
  readonly term: number;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  /** Votes that decide. */
  readonly quorum: number;
  readonly survives: number;
  readonly survivesDomains: number;
  readonly commitMs: number | null;
  readonly policy: Policy;
  readonly members: readonly MemberView[];
  readonly adjustments: readonly Adjustment[];
  readonly note: string;
}

export interface Applied {
  /** Steps that were carried out and have proved themselves; none: it was so already. */
  readonly steps: number;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

export interface AutoStatus {
  readonly policy: Policy;
  readonly adjustments: readonly Adjustment[];
}

export interface Weighed {
  readonly id: string;
  readonly weight: number;
  readonly note: string;
}

export interface Placed {
  readonly id: string;
  readonly domain: string | null;
}

/** The answer to each request. */
export interface AnswersOf {
  readonly report: Report;
  readonly status: QuorumStatus;
  readonly plan: Plan;
  readonly apply: Applied;
  readonly auto: AutoStatus;
  readonly weigh: Weighed;
  readonly place: Placed;
}
