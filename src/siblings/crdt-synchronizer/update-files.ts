import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SwarmError } from '../../protocol/errors.ts';
import { type Ending, readRecords, type UpdateRecord } from './update-record.ts';

/** Who writes: one life of an instance. */
export interface Life {
  /** Of 32 bits, as Yjs calls whoever writes. */
  readonly client: number;
  readonly actor: string;
}

export interface Reading {
  readonly folder: string;
  /** What is in the files, in some order; what is there twice comes twice. @throws SwarmError when it makes no sense */
  onUpdate(name: string, update: Uint8Array): void;
  /** For the operator: what was found damaged, and what is done about it. */
  onDamage(error: SwarmError): void;
}

interface Found {
  readonly life: Life | undefined;
  /** The file that was written last ends with the seal of its life. */
  readonly isSealed: boolean;
  readonly files: readonly string[];
  readonly damaged: readonly string[];
}

const FILE_NAME = /^(\d{8})\.(state|log)$/;

export const isUpdateFile = (name: string): boolean => FILE_NAME.test(name);

export function nameOf(number: number, kind: 'state' | 'log'): string {
  return `${String(number).padStart(8, '0')}.${kind}`;
}

export function numberOf(name: string): number {
  return Number.parseInt(name, 10);
}

/** Everything that is in the files of a folder, oldest first. */
export async function readFiles(reading: Reading): Promise<Found> {
  const { folder, onDamage } = reading;
  const files = (await readdir(folder)).filter(isUpdateFile).sort(inOrder);
  const damaged: string[] = [];
  let life: Life | undefined;
  let isSealed = false;
  for (const name of files) {
    const file = await readOne(name, reading);
    life = file.life ?? life;
    isSealed = file.ending === 'whole' && (file.last === undefined ? isSealed : file.last === 'sealed');
    if (isGood(file)) continue;
    damaged.push(name);
    onDamage(damageOf(folder, file));
  }
  return { files, damaged, life, isSealed };
}

interface FileRead {
  readonly name: string;
  /** How it ends, or why it cannot be read, or makes no sense. */
  ending: Ending | SwarmError;
  records: number;
  last: UpdateRecord['type'] | undefined;
  life: Life | undefined;
  /** It says itself how many records it has, and has them. */
  isComplete: boolean;
}

async function readOne(name: string, { folder, onUpdate }: Reading): Promise<FileRead> {
  const file: FileRead = {
    ...{ name, ending: 'whole', records: 0 },
    ...{ last: undefined, life: undefined, isComplete: false },
  };
  let refused: SwarmError | undefined;
  const take = (record: UpdateRecord): void => {
    if (record.type === 'update')
      refused = errorOf(folder, () => onUpdate(record.name, record.update)) ?? refused;
    else if (record.type === 'life') file.life = { client: record.client, actor: record.actor };
    else if (record.type === 'end') file.isComplete = record.records === file.records;
    file.records += 1;
    file.last = record.type;
  };
  try {
    file.ending = readRecords(await readFile(join(folder, name)), take);
  } catch (error) {
    // A disk that does not give it back: the others have it, too.
    file.ending = readingError(folder, error);
  }
  file.ending = refused ?? file.ending;
  return file;
}

/** A state gets its name when all of it is there; a log ends where its process did. */
function isGood({ ending, isComplete, name }: FileRead): boolean {
  return name.endsWith('.state') ? isComplete && ending === 'whole' : ending === 'whole' || ending === 'torn';
}

/** The log of a number goes on where the state of that number ends. */
function inOrder(one: string, other: string): number {
  return numberOf(one) - numberOf(other) || Number(one.endsWith('.log')) - Number(other.endsWith('.log'));
}

function damageOf(folder: string, { ending, name, records }: FileRead): SwarmError {
  const how = ending instanceof SwarmError ? `not to be read (${ending.message})` : ending;
  return new SwarmError(
    'DATA_DAMAGED',
    `${name} in ${folder} is ${how} behind its record ${records}: what lies before is used, the file is kept as ${name}.damaged, and the other instances are asked for the rest. What only this one knew, and wrote behind that place, is lost`,
  );
}

/** @throws what is a bug of ours */
function errorOf(folder: string, work: () => void): SwarmError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return readingError(folder, error);
  }
}

const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

export function diskError(folder: string, cause: unknown): SwarmError {
  if (cause instanceof SwarmError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SwarmError(
    NO_ROOM.has(code) ? 'DISK_FULL' : 'DISK_FAILED',
    NO_ROOM.has(code)
      ? `there is no room for the shared documents in ${folder}: ${reason}. Nothing more is taken from clients before there is`
      : `the shared documents in ${folder} cannot be written: ${reason}. Nothing more is taken from clients until this instance is started anew; mend the disk first`,
    { folder },
  );
}

/** @throws what is a bug of ours */
function readingError(folder: string, cause: unknown): SwarmError {
  if (cause instanceof SwarmError) return cause;
  if (cause instanceof Error && 'code' in cause) return diskError(folder, cause);
  throw cause;
}
