import { POLICY_RECORD } from '../../swarm/quarantine.ts';
import type { TaskMachine } from '../../tasks/machine.ts';

/**
 * Who is quarantined for two votes in one term:
 *
 * - `off`: nobody; it is in the audit log.
 * - `witnessed`: whom one and the same member has seen give both. One liar can then cost the swarm one member at most by
 *   a lie about it, as any member can by an order.
 * - `reported`: also whom two members together have seen to, each of whom may be wrong.
 */
const QUARANTINE_POLICIES = ['off', 'witnessed', 'reported'] as const;

export type QuarantinePolicy = (typeof QUARANTINE_POLICIES)[number];

const DEFAULT_QUARANTINE_POLICY: QuarantinePolicy = 'witnessed';

export function policyIn({ records }: Pick<TaskMachine, 'records'>): QuarantinePolicy {
  const value = records.get(`${POLICY_RECORD.namespace}/${POLICY_RECORD.key}`)?.value;
  return QUARANTINE_POLICIES.find((policy) => policy === value) ?? DEFAULT_QUARANTINE_POLICY;
}
