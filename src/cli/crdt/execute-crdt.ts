import { SwarmError } from '../../protocol/errors.ts';
import type { ChangedJson, ListedJson, ReadingJson } from '../../siblings/crdt-synchronizer/client-wire.ts';
import { CrdtClient } from '../../siblings/crdt-synchronizer/crdt-client.ts';
import { DATA_TYPES, type DataType, type Json } from '../../siblings/crdt-synchronizer/data-type.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder, tableOptions } from '../reach.ts';
import { claimantName } from '../tasks/whoami.ts';
import { blackboardLines } from '../view/blackboard-view.ts';
import { type Column, table } from '../view/table.ts';

export interface CrdtOptions extends ReachOptions {
  readonly via?: string;
  readonly strong?: true;
}

export interface WriteOptions extends CrdtOptions {
  readonly type?: string;
}

export interface CutOptions extends WriteOptions {
  readonly at?: number;
  readonly count?: number;
}

export interface SpeakerOptions extends CrdtOptions {
  readonly as?: string;
}

const COLUMNS: readonly Column<ListedJson>[] = [
  { title: 'DOCUMENT', value: ({ name }) => name, least: 12 },
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'BYTES', value: ({ bytes }) => String(bytes), align: 'right' },
  { title: 'VERSION', value: ({ version }) => version },
];

export async function listDocuments(options: CrdtOptions): Promise<void> {
  const documents = await withDocuments(options, (crdt, how) => crdt.list(how));
  if (options.json) return printJson(documents);
  if (documents.length === 0) return printLine('no documents');
  for (const line of table(documents, COLUMNS, tableOptions())) printLine(line);
}

export async function getDocument(path: string, options: CrdtOptions): Promise<void> {
  show(await withDocuments(options, (crdt, how) => crdt.get(path, how)), options);
}

export async function watchDocument(path: string, options: CrdtOptions): Promise<void> {
  await withDocuments(options, async (crdt) => {
    for await (const reading of crdt.watch(path)) {
      if (options.json) printJson(reading);
      else printLine(reading === null ? '(nothing)' : valueText(reading.value));
    }
  });
}

export async function checkpointDocument(name: string, options: CrdtOptions): Promise<void> {
  const done = await withDocuments(options, (crdt, how) => crdt.checkpoint(name, how));
  if (options.json) return printJson(done);
  const whole = done.whole ? '' : ' (too large for the log: it says only which state it was)';
  printLine(`${name} is in the log at index ${done.index}, version ${done.version}${whole}`);
}

export async function createDocument(path: string, options: WriteOptions): Promise<void> {
  const type = typeOf(options) ?? 'or-map';
  tell(
    await withDocuments(options, (crdt, how) => crdt.create(path, type, how)),
    options,
    `${path}: ${type}`,
  );
}

export async function setRegister(path: string, value: string, options: WriteOptions): Promise<void> {
  tell(
    await withDocuments(options, (crdt, how) => crdt.set(path, jsonOf(value), how)),
    options,
    `${path}: set`,
  );
}

/** Says what it has come to at the instance that counted. */
export async function countUp(path: string, by: string | undefined, options: WriteOptions): Promise<void> {
  const amount = Number(by ?? '1');
  if (!Number.isSafeInteger(amount))
    throw new SwarmError('BAD_INPUT', `a count is a whole number, not ${by}`);
  const reading = await withDocuments(options, async (crdt, how) => {
    await crdt.increment(path, amount, { ...how, ...made(options) });
    return crdt.get(path, { timeoutMs: options.timeout });
  });
  show(reading, options);
}

export async function addToSet(
  path: string,
  values: readonly string[],
  options: WriteOptions,
): Promise<void> {
  const operations = values.map((value) => ({ op: 'add', path, value: jsonOf(value) }) as const);
  const changed = await withDocuments(options, (crdt, how) => crdt.mutate(operations, how));
  tell(changed, options, `${path}: ${values.length} added`);
}

export async function removeFrom(
  path: string,
  values: readonly string[],
  options: CutOptions,
): Promise<void> {
  const { at, count = 1 } = options;
  if ((at === undefined) === (values.length === 0)) {
    throw new SwarmError(
      'BAD_INPUT',
      'say which elements of the set go, or with --at from where on; "crdt clear" takes all',
    );
  }
  const operations =
    at === undefined
      ? values.map((value) => ({ op: 'remove', path, value: jsonOf(value) }) as const)
      : [{ op: 'cut', path, at, count } as const];
  const changed = await withDocuments(options, (crdt, how) => crdt.mutate(operations, how));
  tell(changed, options, `${path}: ${at === undefined ? values.length : count} removed`);
}

export async function insertInto(
  path: string,
  values: readonly string[],
  options: CutOptions,
): Promise<void> {
  const where = options.at === undefined ? {} : { at: options.at };
  const changed = await withDocuments(options, async (crdt, how) => {
    const type = typeOf(options) ?? (await typeAt(crdt, path, options));
    const content = type === 'rga-text' ? values.join(' ') : values.map(jsonOf);
    return crdt.insert(path, content, { ...how, ...where, ...made(options) });
  });
  tell(changed, options, `${path}: inserted`);
}

export async function clearDocument(path: string, options: WriteOptions): Promise<void> {
  tell(await withDocuments(options, (crdt, how) => crdt.clear(path, how)), options, `${path}: cleared`);
}

export async function leaveNote(text: string, options: SpeakerOptions): Promise<void> {
  const changed = await withDocuments(options, (crdt, how) => crdt.note(text, speaker(options), how));
  tell(changed, options, 'noted');
}

export async function tellProgress(text: string, options: SpeakerOptions): Promise<void> {
  const changed = await withDocuments(options, (crdt, how) => crdt.progress(text, speaker(options), how));
  tell(changed, options, 'noted');
}

export async function showBlackboard(options: CrdtOptions): Promise<void> {
  const board = await withDocuments(options, (crdt, how) => crdt.blackboard(how));
  if (options.json) return printJson(board);
  for (const line of blackboardLines(board)) printLine(line);
}

interface How {
  readonly timeoutMs: number;
  readonly strong: boolean;
}

async function withDocuments<T>(
  options: CrdtOptions,
  work: (crdt: CrdtClient, how: How) => Promise<T>,
): Promise<T> {
  const { strong = false, timeout, via } = options;
  const client = new SwarmClient({
    folder: await reachableFolder(options),
    name: `crdt-${process.pid}`,
    version: packageVersion(),
    ...(via === undefined ? {} : { only: via }),
  });
  try {
    return await work(new CrdtClient(client), { timeoutMs: timeout, strong });
  } finally {
    await client.close();
  }
}

function show(reading: ReadingJson, { json }: CrdtOptions): void {
  if (json) return printJson(reading);
  printLine(valueText(reading.value));
  if (reading.hidden.length === 0) return;
  process.stderr.write(
    `raft-manager: ${reading.path} was also made as ${reading.hidden.join(', ')} at the same time; it is of type ${reading.type}, and the rest is kept and not shown\n`,
  );
}

function tell(changed: ChangedJson, { json }: CrdtOptions, words: string): void {
  if (json) printJson(changed);
  else printLine(words);
}

function valueText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** As people write it: what is no JSON is a text. */
function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function typeOf({ type }: WriteOptions): DataType | undefined {
  if (type === undefined) return undefined;
  const found = DATA_TYPES.find((one) => one === type || one === `rga-${type}`);
  if (found !== undefined) return found;
  throw new SwarmError('BAD_INPUT', `there is no type ${type}; there are ${DATA_TYPES.join(', ')}`);
}

function made(options: WriteOptions): { readonly type?: DataType } {
  const type = typeOf(options);
  return type === undefined ? {} : { type };
}

async function typeAt(
  crdt: CrdtClient,
  path: string,
  { timeout }: CrdtOptions,
): Promise<DataType | undefined> {
  try {
    return (await crdt.get(path, { timeoutMs: timeout })).type;
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'UNKNOWN_DOCUMENT') return undefined;
    throw error;
  }
}

/** Who says it: what was given, the agent that this is a hook or a task of, or whoever works here. */
function speaker({ as }: SpeakerOptions): string {
  return claimantName(as ?? process.env.AGENT_ID);
}
