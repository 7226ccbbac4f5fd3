import { Packr } from 'msgpackr';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_SNAPSHOT_PIECE_BYTES } from '../protocol/limits.ts';
import type { ResultValues, TaskResult } from './command.ts';
import { RunningHash } from './hash.ts';
import { checkLevel } from './member.ts';
import { keep } from './records.ts';
import {
  emptyState,
  type Instance,
  type MachineState,
  type Member,
  type Reservation,
  type Settings,
  type StoredRecord,
} from './state.ts';
import type { TaskRecord } from './task.ts';
import type { Usage } from './usage.ts';
import { isWellFormed } from './well-formed.ts';

/** Everything that decides what a machine answers from now on. */
export interface MachineImage {
  readonly state: MachineState;
  readonly hash: RunningHash;
  /** Log index of the latest command applied. */
  readonly appliedIndex: number;
}

interface Header {
  readonly format: number;
  readonly appliedIndex: number;
  readonly hash: string;
  readonly nextOrder: number;
  readonly paused: string | undefined;
  readonly settings: Settings;
  readonly level: number;
  /** Absent before the log speaks of it, so that releases which do not make the same image. */
  readonly usage?: Usage;
  /** Items of each section. */
  readonly counts: Readonly<Partial<Record<Section, number>>>;
}

interface SavedSession {
  readonly id: string;
  readonly lastIndex: number;
  readonly ack: number;
  readonly answers: readonly (readonly [number, TaskResult])[];
}

/** In the order in which they come; what is in a section is in the order of its map. */
interface Sections {
  readonly members: Member;
  readonly tasks: TaskRecord;
  readonly instances: Instance;
  readonly reservations: Reservation;
  readonly sessions: SavedSession;
  readonly closedSessions: string;
  readonly submissions: readonly [string, readonly string[]];
  readonly claims: readonly [string, ResultValues['claim']];
  /** Not named at all while there is none: an older release does not know the section. */
  readonly records: StoredRecord;
}

type Section = keyof Sections;

const FORMAT = 1;
/** An answer kept in a session is the deepest part, at 9. */
const MAX_DEPTH = 12;
/** Items are gathered up to here; the last one may reach a little further. */
const PIECE_BYTES = MAX_SNAPSHOT_PIECE_BYTES / 16;

// A field that is undefined stays a field: the running hash folds names too.
const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  int64AsType: 'number',
  encodeUndefinedAsNil: true,
});

/**
 * The whole of a machine in pieces, as it is at this moment: records are never changed in place, so only
 * references are taken now, and the bytes are made as the pieces are asked for.
 *
 * The first piece is a header; each further one is `[section, item, item…]` in MessagePack.
 */
export function captureImage({ state, hash, appliedIndex }: MachineImage): Iterator<Uint8Array> {
  const sections: { readonly [Name in Section]?: readonly Sections[Name][] } = {
    members: [...state.members.values()],
    tasks: [...state.tasks.values()],
    instances: [...state.instances.values()],
    reservations: [...state.reservations.values()],
    sessions: [...state.sessions.values()].map(({ id, lastIndex, ack, answers }) => {
      return { id, lastIndex, ack, answers: [...answers] };
    }),
    closedSessions: [...state.closedSessions.keys()],
    submissions: [...state.submissions],
    claims: [...state.claims],
    ...(state.records.size === 0 ? {} : { records: [...state.records.values()] }),
  };
  const counts = Object.fromEntries(
    Object.entries(sections).map(([name, items]) => [name, items.length]),
  ) as Header['counts'];
  const { nextOrder, paused, settings, level, usage } = state;
  const scalars = { nextOrder, paused, settings, level, ...(usage === undefined ? {} : { usage }) };
  return pieces({ format: FORMAT, appliedIndex, hash: hash.hex, ...scalars, counts }, sections);
}

function* pieces(
  header: Header,
  sections: Readonly<Partial<Record<Section, readonly unknown[]>>>,
): Generator<Uint8Array> {
  yield packr.pack(header);
  for (const [name, items] of Object.entries(sections)) {
    let batch: Uint8Array[] = [];
    let bytes = 0;
    for (const item of items) {
      const packed = packr.pack(item).slice();
      batch.push(packed);
      bytes += packed.length;
      if (bytes < PIECE_BYTES) continue;
      yield joined(name, batch);
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield joined(name, batch);
  }
}

/** MessagePack's list of 32-bit length: what is packed already is put behind each other. */
function joined(section: string, items: readonly Uint8Array[]): Uint8Array {
  const parts = [packr.pack(section).slice(), ...items];
  const piece = new Uint8Array(LIST_HEAD_BYTES + parts.reduce((sum, part) => sum + part.length, 0));
  const view = new DataView(piece.buffer);
  view.setUint8(0, LIST_32);
  view.setUint32(1, parts.length);
  let at = LIST_HEAD_BYTES;
  for (const part of parts) {
    piece.set(part, at);
    at += part.length;
  }
  return piece;
}

const LIST_32 = 0xdd;
const LIST_HEAD_BYTES = 5;

/** Takes in what `captureImage` gave, piece by piece, beside whatever there is. */
export class ImageReader {
  readonly #state = emptyState();
  readonly #seen = new Map<string, number>();
  /** Queued tasks that came before something they wait for. */
  readonly #early: TaskRecord[] = [];
  #header: Header | undefined;

  /** @throws SwarmError DATA_DAMAGED */
  add(piece: Uint8Array): void {
    if (!isWellFormed(piece, MAX_DEPTH)) throw damaged('a piece is no MessagePack document');
    const value = withUndefined(packr.unpack(piece));
    if (this.#header === undefined) this.#header = readHeader(value);
    else if (Array.isArray(value)) this.#addItems(value as [unknown, ...unknown[]]);
    else throw damaged('a piece names no section');
  }

  /** @throws SwarmError DATA_DAMAGED when pieces are missing. */
  finish(): MachineImage {
    const header = this.#header;
    if (header === undefined) throw damaged('it has no header');
    for (const [name, count] of Object.entries(header.counts)) {
      const found = this.#seen.get(name) ?? 0;
      if (found !== count) throw damaged(`it lacks ${count - found} of ${count} ${name}`);
    }
    for (const record of this.#early) this.#state.index.refresh(record);
    const { nextOrder, paused, settings, level, usage, hash, appliedIndex } = header;
    Object.assign(this.#state, {
      nextOrder,
      paused,
      settings,
      level,
      ...(usage === undefined ? {} : { usage }),
    });
    return { state: this.#state, hash: RunningHash.from(hash), appliedIndex };
  }

  #addItems([section, ...items]: readonly [unknown, ...unknown[]]): void {
    const add = this.#adders[section as Section];
    if (add === undefined) throw damaged(`section ${String(section)} is unknown here`);
    for (const item of items) (add as (item: unknown) => void)(item);
    this.#seen.set(String(section), (this.#seen.get(String(section)) ?? 0) + items.length);
  }

  readonly #adders: { readonly [Name in Section]: (item: Sections[Name]) => void } = {
    members: (member) => this.#state.members.set(member.id, member),
    tasks: (record) => this.#addTask(record),
    instances: (instance) => this.#state.instances.set(instance.id, instance),
    reservations: (reservation) => this.#state.reservations.set(reservation.id, reservation),
    sessions: ({ id, lastIndex, ack, answers }) =>
      this.#state.sessions.set(id, { id, lastIndex, ack, answers: new Map(answers) }),
    closedSessions: (id) => this.#state.closedSessions.set(id, true),
    submissions: ([key, ids]) => this.#state.submissions.set(key, ids),
    claims: ([key, answer]) => this.#state.claims.set(key, answer),
    records: (stored) => {
      keep(this.#state, stored);
      this.#state.recordChars += stored.value.length;
    },
  };

  /** Not all at the end: a hundred thousand records would hold up everything else. */
  #addTask(record: TaskRecord): void {
    const { tasks, index } = this.#state;
    tasks.set(record.id, record);
    index.update(undefined, record);
    const isEarly = record.phase.state === 'queued' && record.spec.dependsOn.some((id) => !tasks.has(id));
    if (isEarly) this.#early.push(record);
  }
}

function readHeader(value: unknown): Header {
  const header = value as Partial<Header> | undefined;
  if (header?.format !== FORMAT) {
    throw damaged(`its format is ${String(header?.format)}, this release reads ${FORMAT}`);
  }
  if (typeof header.hash !== 'string' || typeof header.counts !== 'object')
    throw damaged('its header is cut');
  checkLevel(header.level ?? 1);
  return header as Header;
}

/** Nil stands for undefined, for there is no null in a state. In place: the order of fields counts. */
function withUndefined(value: unknown): unknown {
  if (value === null) return undefined;
  if (typeof value !== 'object') return value;
  const fields = value as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    const field = fields[name];
    if (field === null) fields[name] = undefined;
    // A view of the whole piece, which would be kept with it.
    else if (field instanceof Uint8Array) fields[name] = new Uint8Array(field);
    else if (typeof field === 'object') withUndefined(field);
  }
  return value;
}

function damaged(what: string): SwarmError {
  return new SwarmError('DATA_DAMAGED', `the snapshot of the task log cannot be used: ${what}`);
}
