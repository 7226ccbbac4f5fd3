import { MAX_AUDIT_RECORDS } from '../protocol/limits.ts';
import type { RecordWrite } from './member-command.ts';
import type { MachineState } from './state.ts';

const NAMESPACE = 'audit';
/** Records of the audit log are called by their place in it; what else is there says where it begins and ends. */
const PLACE = /^[1-9]\d{0,14}$/;

/**
 * Why one of `writes` must not be, or undefined: what stands in the audit log is changed by nobody, and dropped only from
 * the oldest on, when so many newer ones are kept. Whoever may write records at all may write there, too.
 */
export function auditObjection(state: MachineState, writes: readonly RecordWrite[]): string | undefined {
  const written = writes.filter(({ namespace }) => namespace === NAMESPACE);
  for (const write of written) {
    const why = objectionTo(write, { state, written });
    if (why !== undefined) return why;
  }
  return undefined;
}

interface Among {
  readonly state: MachineState;
  /** All that one command writes here. */
  readonly written: readonly RecordWrite[];
}

function objectionTo({ key, value, expect }: RecordWrite, among: Among): string | undefined {
  if (!PLACE.test(key)) {
    return expect === undefined
      ? `audit/${key} is written only by whoever says which version it has`
      : undefined;
  }
  const place = Number(key);
  if (value === undefined) return whyKept(place, among);
  return stands(place, among) ? `audit record ${key} stands, and is not changed any more` : undefined;
}

function whyKept(place: number, among: Among): string | undefined {
  const newer = place + MAX_AUDIT_RECORDS;
  const isAppended = among.written.some(({ key, value }) => key === `${newer}` && value !== undefined);
  if (!isAppended && !stands(newer, among))
    return `audit record ${place} is among the latest ${MAX_AUDIT_RECORDS}`;
  const isDropped = among.written.some(({ key, value }) => key === `${place - 1}` && value === undefined);
  return isDropped || !stands(place - 1, among) ? undefined : `audit record ${place} is not the oldest`;
}

function stands(place: number, { state }: Among): boolean {
  return state.records.has(`${NAMESPACE}/${place}`);
}
