import { MAX_ALL_RECORD_CHARS, MAX_RECORDS } from '../protocol/limits.ts';
import { auditObjection } from './audit-rule.ts';
import { accept, type Change, refuse } from './change.ts';
import type { TaskResult } from './command.ts';
import type { RecordCommand, RecordWrite } from './member-command.ts';
import type { MachineState, StoredRecord } from './state.ts';

/** From here on the log carries records of siblings. */
export const RECORD_LEVEL = 4;

/** All of the writes or none. The version of what is written is the log index of the command. */
export function writeRecords(change: Change, { writes }: RecordCommand): TaskResult<'record'> {
  const { index, state } = change;
  for (const write of writes) {
    const version = versionOf(state, write);
    if (write.expect === undefined || write.expect === version) continue;
    const found = version === 0 ? 'is not there' : `is at version ${version}`;
    return refuse(
      'STALE_VERSION',
      `${nameOf(write)} ${found}, and ${write.expect} was expected; read it again`,
    );
  }
  const objection = auditObjection(state, writes);
  if (objection !== undefined) return refuse('STALE_VERSION', objection);
  const full = whyFull(state, writes);
  if (full !== undefined) return refuse('LIMIT_EXCEEDED', full);
  for (const write of writes) put(change, write);
  return accept({ version: index });
}

/** 0: there is none. */
function versionOf({ records }: MachineState, write: RecordWrite): number {
  return records.get(nameOf(write))?.version ?? 0;
}

function whyFull(state: MachineState, writes: readonly RecordWrite[]): string | undefined {
  const lengths = new Map<string, number>();
  for (const write of writes) lengths.set(nameOf(write), write.value?.length ?? -1);
  let { size } = state.records;
  let chars = state.recordChars;
  for (const [name, length] of lengths) {
    const before = state.records.get(name);
    size += (length < 0 ? 0 : 1) - (before === undefined ? 0 : 1);
    chars += Math.max(0, length) - (before?.value.length ?? 0);
  }
  if (size > Math.max(MAX_RECORDS, state.records.size)) return `${MAX_RECORDS} records are kept already`;
  if (chars <= Math.max(MAX_ALL_RECORD_CHARS, state.recordChars)) return undefined;
  return `all records together may have ${MAX_ALL_RECORD_CHARS} characters`;
}

function put({ state, index, at, hash, events }: Change, write: RecordWrite): void {
  const { namespace, key, value } = write;
  const name = nameOf(write);
  const before = state.records.get(name);
  if (before === undefined && value === undefined) return;
  state.recordChars += (value?.length ?? 0) - (before?.value.length ?? 0);
  if (value === undefined) state.records.delete(name);
  else keep(state, { namespace, key, value, version: index, at });
  hash.value(name);
  hash.value(value);
  events.push({ type: 'record', namespace, key, version: value === undefined ? undefined : index });
}

/** Also what a snapshot brings. */
export function keep(state: MachineState, stored: StoredRecord): void {
  state.records.set(nameOf(stored), stored);
}

function nameOf({ namespace, key }: Pick<RecordWrite, 'namespace' | 'key'>): string {
  return `${namespace}/${key}`;
}
