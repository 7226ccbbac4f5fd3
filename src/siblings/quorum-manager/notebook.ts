import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import type { Configuration } from '../../protocol/state.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import { soundJson } from '../../swarm/sound-json.ts';
import type { RecordWrite } from '../../tasks/member-command.ts';
import type { StoredRecord } from '../../tasks/state.ts';
import { defaultPolicy, MAX_WEIGHT, MIN_WEIGHT, type Policy, policySchema } from './policy.ts';

/** What the quorum manager keeps in the log, for whoever leads: by `quorum/KEY`. */
const NAMESPACE = 'quorum';
const POLICY = 'policy';
const ADJUSTMENTS = 'adjustments';

/** Changes that are remembered for people. */
const MAX_ADJUSTMENTS = 20;

type Records = ReadonlyMap<string, StoredRecord>;

/** A value that is written back only if nobody else was faster; version 0: there is none yet. */
export interface Noted<T> {
  readonly value: T;
  readonly version: number;
}

const adjustmentSchema = z.object({
  /** Wall clock of whoever led. */
  at: z.number(),
  by: z.enum(['auto', 'apply', 'rollback']),
  leader: z.string(),
  why: z.string(),
  voters: z.array(z.string()).readonly(),
  outcome: z.string(),
});

/** One thing that the quorum manager has done. */
export type Adjustment = Readonly<z.output<typeof adjustmentSchema>>;

/** Until somebody has said something, it is as for so many voters as there are. */
export function policyIn(records: Records, { voters }: Pick<Configuration, 'voters'>): Noted<Policy> {
  return noted(records, POLICY, policySchema, defaultPolicy(voters.length));
}

export function adjustmentsIn(records: Records): Noted<readonly Adjustment[]> {
  return noted(records, ADJUSTMENTS, z.array(adjustmentSchema), []);
}

/** 1 unless somebody has said otherwise. */
export function weightIn(records: Records, id: NodeId): number {
  return noted(records, `weight.${id}`, z.number().min(MIN_WEIGHT).max(MAX_WEIGHT), 1).value;
}

/** As a person has said; undefined: as the member itself says. */
export function domainIn(records: Records, id: NodeId): string | undefined {
  return noted(records, `domain.${id}`, z.string().optional(), undefined).value;
}

export function policyWrite(policy: Policy, { version }: Noted<Policy>): RecordWrite {
  return write(POLICY, policy, version);
}

function adjustmentWrite(more: Adjustment, before: Noted<readonly Adjustment[]>): RecordWrite {
  return write(ADJUSTMENTS, [...before.value, more].slice(-MAX_ADJUSTMENTS), before.version);
}

export function weightWrite(id: NodeId, weight: number): RecordWrite {
  return weight === 1
    ? { namespace: NAMESPACE, key: `weight.${id}` }
    : { namespace: NAMESPACE, key: `weight.${id}`, value: JSON.stringify(weight) };
}

export function domainWrite(id: NodeId, domain: string | null): RecordWrite {
  const name = { namespace: NAMESPACE, key: `domain.${id}` };
  return domain === null ? name : { ...name, value: JSON.stringify(domain) };
}

/** True for an event that tells of something that is kept here. */
export function isOurs(event: { readonly type: string; readonly namespace?: string }): boolean {
  return event.type === 'record' && event.namespace === NAMESPACE;
}

function write(key: string, value: unknown, expect: number): RecordWrite {
  return { namespace: NAMESPACE, key, value: JSON.stringify(value), expect };
}

/** What a later release has written in another form is as if it were not there. */
function noted<T>(records: Records, key: string, schema: z.ZodType<T>, otherwise: T): Noted<T> {
  const stored = records.get(`${NAMESPACE}/${key}`);
  if (stored === undefined) return { value: otherwise, version: 0 };
  return { value: soundJson(stored.value, schema) ?? otherwise, version: stored.version };
}

/** Adds to what was done, for people; whoever was faster is not overwritten, and then it is not told. */
export async function noteAdjustment(
  { execute }: Pick<CompanionHost, 'execute'>,
  adjustment: Adjustment,
  records: Records,
): Promise<void> {
  try {
    await execute({ kind: 'record', writes: [adjustmentWrite(adjustment, adjustmentsIn(records))] });
  } catch (error) {
    // The change itself is in the log, whether it is told of here or not.
    if (!(error instanceof SwarmError)) throw error;
  }
}
