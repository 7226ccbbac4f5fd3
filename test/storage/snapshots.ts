import type { Outcome } from '../../src/protocol/errors.ts';
import type { SnapshotMeta } from '../../src/protocol/state.ts';
import type {
  SnapshotReader,
  SnapshotReceipt,
  SnapshotSource,
  SnapshotStore,
} from '../../src/storage/port.ts';

/** Pieces that name themselves, so that a mix-up shows. */
export function pieces(count: number, size = 1_000): readonly Buffer[] {
  return Array.from({ length: count }, (_, at) => Buffer.alloc(size, `piece ${at};`));
}

export function save(
  store: SnapshotStore,
  meta: SnapshotMeta,
  state: Iterable<Uint8Array>,
): Promise<Outcome<void>> {
  return new Promise((resolve) => store.save(meta, state[Symbol.iterator](), resolve));
}

interface Loaded {
  readonly meta: SnapshotMeta;
  readonly pieces: readonly Buffer[];
}

export async function load(store: SnapshotStore): Promise<Outcome<Loaded>> {
  const found: Buffer[] = [];
  const outcome = await new Promise<Outcome<SnapshotMeta>>((resolve) => {
    store.load((piece) => found.push(Buffer.from(piece)), resolve);
  });
  return outcome.ok ? { ok: true, value: { meta: outcome.value, pieces: found } } : outcome;
}

export function receive(store: SnapshotStore, source: SnapshotSource): Promise<Outcome<SnapshotReceipt>> {
  return new Promise((resolve) => store.receive(source, resolve));
}

export function append(receipt: SnapshotReceipt, bytes: Uint8Array): Promise<Outcome<void>> {
  return new Promise((resolve) => receipt.append(bytes, resolve));
}

export function finish(receipt: SnapshotReceipt): Promise<Outcome<SnapshotMeta>> {
  return new Promise((resolve) => receipt.finish(resolve));
}

export function openReader(store: SnapshotStore): Promise<Outcome<SnapshotReader>> {
  return new Promise((resolve) => store.open(resolve));
}

/** All bytes of a file, read in pieces of `step`. */
export async function readAll(reader: SnapshotReader, step = 700): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < reader.totalBytes; offset += step) {
    const length = Math.min(step, reader.totalBytes - offset);
    parts.push(
      got(await new Promise<Outcome<Uint8Array>>((resolve) => reader.read(offset, length, resolve))),
    );
  }
  return Buffer.concat(parts);
}

/** The file of the latest snapshot. */
export async function latestFile(store: SnapshotStore): Promise<Buffer> {
  const reader = got(await openReader(store));
  const bytes = await readAll(reader);
  reader.close();
  return bytes;
}

export function got<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}

export function sourceOf(meta: SnapshotMeta, bytes: Uint8Array, leaderTerm = 9): SnapshotSource {
  return { index: meta.index, term: meta.term, leaderTerm, totalBytes: bytes.length };
}
