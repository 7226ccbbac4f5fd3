import { createHash, randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SwarmError } from '../../../../protocol/errors.ts';
import { isMissing, type Place } from './workspace.ts';

/** What is read whole: beyond it a file is data, not text that anybody edits. */
const MAX_TEXT_BYTES = 10 * 1024 * 1024;

/** How far a file is searched for a NUL, which no text has. */
const PROBE_BYTES = 8 * 1024;

export interface TextFile {
  readonly text: string;
  /** Of the bytes: tells whether it has changed since. */
  readonly sha256: string;
}

/** @throws SwarmError BAD_INPUT for what is no file, no text, or too large. */
export async function readText(place: Place, maxBytes = MAX_TEXT_BYTES): Promise<TextFile> {
  const bytes = await readFile(place, maxBytes);
  if (bytes.subarray(0, PROBE_BYTES).includes(0)) {
    throw new SwarmError('BAD_INPUT', `${place.inside} is no text: it holds binary data`);
  }
  return { text: decode(bytes, place), sha256: hashOf(bytes) };
}

/** Undefined when there is nothing yet. @throws as `readText`. */
export async function readIfThere(place: Place): Promise<TextFile | undefined> {
  try {
    return await readText(place);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function readFile(place: Place, maxBytes: number): Promise<Buffer> {
  // A pipe would keep us waiting for whoever opens its other end.
  const file = await open(place.real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    const fault = faultOf(found, maxBytes);
    if (fault !== undefined) throw new SwarmError('BAD_INPUT', `${place.inside} ${fault}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function faultOf(found: Stats, maxBytes: number): string | undefined {
  if (found.isDirectory()) return 'is a folder; use Glob to see what is in it';
  if (!found.isFile()) return 'is no regular file';
  return found.size > maxBytes
    ? `has ${found.size} bytes, more than the ${maxBytes} that are read`
    : undefined;
}

/** The mark at the beginning of some files is kept: an edit must not lose it. */
function decode(bytes: Buffer, { inside }: Place): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new SwarmError('BAD_INPUT', `${inside} is not UTF-8 text`);
  }
}

/**
 * Writes all of a file, or nothing: whoever reads meanwhile sees the one or the other. Keeps the file's permissions.
 *
 * @returns the hash of what is there now.
 */
export async function replaceText({ real }: Place, text: string): Promise<string> {
  const folder = dirname(real);
  await mkdir(folder, { recursive: true });
  const mode = await modeOf(real);
  const beside = join(folder, `.${basename(real).slice(0, 100)}.${randomUUID()}`);
  try {
    const file = await open(beside, 'wx', mode ?? 0o666);
    try {
      await file.writeFile(text);
      // The mask of the process has taken from the mode.
      if (mode !== undefined) await file.chmod(mode);
    } finally {
      await file.close();
    }
    await rename(beside, real);
  } finally {
    await rm(beside, { force: true });
  }
  return hashOf(Buffer.from(text));
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
