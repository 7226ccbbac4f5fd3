import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from './tape.ts';

/** What a disk writes as one. */
const SECTOR_BYTES = 512;

/** The files of a folder after a crash: number and bytes by name. */
export type Image = ReadonlyMap<string, { readonly file: number; readonly bytes: Buffer }>;

/** Something that was asked for and that no sync has covered: it may be on the disk, whatever else is. */
type Pending =
  | {
      readonly at: number;
      readonly kind: 'sector';
      readonly file: number;
      readonly position: number;
      readonly bytes: Buffer;
    }
  | { readonly at: number; readonly kind: 'truncate'; readonly file: number; readonly length: number }
  | {
      readonly at: number;
      readonly kind: 'name';
      readonly step: Extract<Step, { op: 'create' | 'rename' | 'remove' }>;
    };

/** A disk as it is in the middle of a tape: what is certainly on it, and what may be. */
export class CrashedDisk {
  readonly #files = new Map<number, Buffer>();
  #names = new Map<string, number>();
  #pending: readonly Pending[] = [];
  #steps = 0;

  constructor(image: Image = new Map()) {
    for (const [name, { file, bytes }] of image) {
      this.#names.set(name, file);
      this.#files.set(file, bytes);
    }
  }

  /** How much a crash may take or leave, one by one. */
  get pending(): number {
    return this.#pending.length;
  }

  take(step: Step): void {
    const at = this.#steps;
    this.#steps += 1;
    switch (step.op) {
      case 'write': {
        const sectors = sectorsOf(step, at);
        // What is overwritten before any sync covers it may well have got to the disk first.
        this.#settle((old) => sectors.some((each) => isSameSector(old, each)));
        this.#pending = [...this.#pending, ...sectors];
        return;
      }
      case 'truncate':
        this.#pending = [...this.#pending, { at, kind: 'truncate', file: step.file, length: step.length }];
        return;
      case 'create':
      case 'rename':
      case 'remove':
        this.#pending = [...this.#pending, { at, kind: 'name', step }];
        return;
      case 'sync':
        return this.#settle((each) => each.kind !== 'name' && each.file === step.file && each.at < step.upTo);
      case 'sync-names':
        return this.#settle((each) => each.kind === 'name' && each.at < step.upTo);
    }
  }

  /** What is found after a crash that has left those of the pending steps that `survives` picks, by number. */
  image(survives: (number: number) => boolean): Image {
    const files = new Map(this.#files);
    const names = new Map(this.#names);
    const owned = new Set<number>();
    for (const [number, each] of this.#pending.entries()) {
      if (survives(number)) apply(each, { files, names, owned });
    }
    return new Map(
      [...names].map(([name, file]) => [name, { file, bytes: files.get(file) ?? Buffer.alloc(0) }]),
    );
  }

  #settle(isDurable: (each: Pending) => boolean): void {
    const owned = new Set<number>();
    const state = { files: this.#files, names: this.#names, owned };
    for (const each of this.#pending) if (isDurable(each)) apply(each, state);
    this.#pending = this.#pending.filter((each) => !isDurable(each));
  }
}

function isSameSector(old: Pending, each: Pending): boolean {
  if (old.kind !== 'sector' || each.kind !== 'sector' || old.file !== each.file) return false;
  return old.position === each.position && old.bytes.length === each.bytes.length;
}

interface State {
  readonly files: Map<number, Buffer>;
  readonly names: Map<string, number>;
  /** Files whose bytes are no longer shared with another image. */
  readonly owned: Set<number>;
}

function apply(each: Pending, { files, names, owned }: State): void {
  switch (each.kind) {
    case 'name': {
      const { step } = each;
      if (step.op === 'create') names.set(step.name, step.file);
      else if (step.op === 'rename') {
        if (names.get(step.from) === step.file) names.delete(step.from);
        names.set(step.to, step.file);
      } else if (names.get(step.name) === step.file) names.delete(step.name);
      return;
    }
    case 'truncate':
      files.set(each.file, resized(files.get(each.file), each.length));
      owned.add(each.file);
      return;
    case 'sector': {
      const held = files.get(each.file);
      const length = Math.max(held?.length ?? 0, each.position + each.bytes.length);
      const isOwn = owned.has(each.file) && held !== undefined && held.length === length;
      const bytes = isOwn ? held : resized(held, length);
      bytes.set(each.bytes, each.position);
      files.set(each.file, bytes);
      owned.add(each.file);
    }
  }
}

function resized(bytes: Buffer | undefined, length: number): Buffer {
  const copy = Buffer.alloc(length);
  bytes?.copy(copy);
  return copy;
}

function sectorsOf({ file, bytes, position }: Extract<Step, { op: 'write' }>, at: number): Pending[] {
  const sectors: Pending[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR_BYTES - ((position + from) % SECTOR_BYTES));
    const sector = bytes.subarray(from, to);
    // Zeros written ahead read the same from a hole; the last ones make the file as long.
    if (to === bytes.length || !ZEROS.subarray(0, sector.length).equals(sector)) {
      sectors.push({ at, kind: 'sector', file, position: position + from, bytes: sector });
    }
    from = to;
  }
  return sectors;
}

const ZEROS = Buffer.alloc(SECTOR_BYTES);

/** Puts an image into a folder, holes as holes. */
export function layOut(image: Image, folder: string): void {
  mkdirSync(folder);
  for (const [name, { bytes }] of image) {
    const fd = openSync(join(folder, name), 'w');
    const end = bytes.length - trailingZeros(bytes);
    writeSync(fd, bytes, 0, end, 0);
    ftruncateSync(fd, bytes.length);
    closeSync(fd);
  }
}

function trailingZeros(bytes: Buffer): number {
  let end = bytes.length;
  while (end >= SECTOR_BYTES && ZEROS.equals(bytes.subarray(end - SECTOR_BYTES, end))) end -= SECTOR_BYTES;
  return bytes.length - end;
}
