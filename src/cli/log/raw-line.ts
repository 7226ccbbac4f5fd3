import type { DurableEnd } from '../../storage/offline-log.ts';
import type { RawRecord, Stretch } from '../../storage/offline-segment.ts';
import { decodeEnvelope } from '../../tasks/codec.ts';
import { plain } from '../view/text.ts';

/** One line of `log --raw --json`. Offsets and lengths are in bytes. */
export type RawLine =
  | {
      readonly type: 'log';
      readonly folder: string;
      readonly segments: number;
      /** Pid of the process that uses it now. */
      readonly heldBy: number | null;
      /** The second mark. */
      readonly durable: DurableEnd | null;
    }
  | { readonly type: 'segment'; readonly file: string; readonly bytes: number }
  | {
      readonly type: 'record';
      readonly file: string;
      readonly offset: number;
      readonly bytes: number;
      readonly kind: string;
      readonly group: number;
      readonly endsWrite: boolean;
      readonly endsGroup: boolean;
      readonly crc: 'ok';
      readonly term: number | null;
      readonly index: number | null;
      readonly bodyBytes: number;
      /** What it says, of whatever is not an entry; of a command its kind. */
      readonly says: string;
    }
  | {
      readonly type: 'zeros' | 'torn' | 'damaged';
      readonly file: string;
      readonly offset: number;
      readonly bytes: number;
      readonly why: string;
    }
  | { readonly type: 'verdict'; readonly state: 'sound' | 'damaged' | 'in-use'; readonly why: string };

export function rawLine(file: string, stretch: Stretch): RawLine {
  const { offset, end, type } = stretch;
  const bytes = end - offset;
  if (type === 'zeros') return { type, file, offset, bytes, why: 'nothing is written here yet' };
  if (type !== 'record') return { type, file, offset, bytes, why: stretch.why };
  const { record, group, endsWrite, endsGroup, bodyBytes } = stretch;
  const placed = { type, file, offset, bytes, group, endsWrite, endsGroup, crc: 'ok', bodyBytes } as const;
  return { ...placed, ...toldOf(record) };
}

type Of<Type extends RawLine['type']> = Extract<RawLine, { readonly type: Type }>;
type Told = Pick<Of<'record'>, 'kind' | 'term' | 'index' | 'says'>;

function toldOf(record: RawRecord): Told {
  const { kind } = record;
  switch (record.kind) {
    case 'segment': {
      const { clusterId, nodeId } = record.owner;
      const says = `format ${record.version}, node ${nodeId}, cluster ${clusterId}`;
      return { kind, term: null, index: null, says };
    }
    case 'start':
      return { kind, ...record.at, says: 'the log before this segment ends here' };
    case 'restart':
      return {
        kind,
        ...record.at,
        says: 'the log begins anew behind this; a snapshot holds what came before',
      };
    case 'truncate':
      return { kind, term: null, index: record.from, says: 'entries from here on are cut' };
    case 'hard-state': {
      const { term, votedFor } = record.hardState;
      return { kind, term, index: null, says: votedFor === undefined ? 'no vote' : `voted for ${votedFor}` };
    }
    case 'mark':
      return { kind, term: null, index: null, says: 'what is before this is durable' };
    case 'entry': {
      const { index, term, data } = record.entry;
      const command = record.entry.kind === 'command' ? decodeEnvelope(data)?.body.kind : undefined;
      return { kind: record.entry.kind, term, index, says: command ?? '' };
    }
  }
}

/** The same for people. */
export function readableLine(line: RawLine): string {
  switch (line.type) {
    case 'log':
      return readableHead(line);
    case 'segment':
      return `${line.file}: ${line.bytes} bytes`;
    case 'record':
      return readableRecord(line);
    case 'verdict':
      return `${VERDICTS[line.state]}: ${plain(line.why)}`;
    default:
      return `  ${line.offset}\t${STRETCHES[line.type]}, ${line.bytes} bytes: ${line.why}`;
  }
}

function readableHead({ durable, folder, heldBy, segments }: Of<'log'>): string {
  const mark = durable === null ? 'unknown' : `segment ${durable.segment}, byte ${durable.bytes}`;
  const user = heldBy === null ? '' : `; in use by process ${heldBy}: its end moves meanwhile`;
  return `${plain(folder)}: segments ${segments}; durable up to: ${mark}${user}`;
}

function readableRecord({
  bytes,
  endsGroup,
  endsWrite,
  group,
  index,
  kind,
  offset,
  says,
  term,
}: Of<'record'>): string {
  const place = `${index === null ? '' : ` index ${index}`}${term === null ? '' : ` term ${term}`}`;
  const lastOfWrite = endsWrite ? ' end of write' : '';
  const ends = endsGroup ? ' end of group' : lastOfWrite;
  const said = says === '' ? '' : `: ${plain(says)}`;
  return `  ${offset}\t${kind}${place}, ${bytes} bytes, group ${group}${ends}, crc ok${said}`;
}

const VERDICTS = {
  sound: 'sound',
  damaged: 'DAMAGED',
  'in-use': 'not to be judged while it is in use',
} as const;

const STRETCHES = { zeros: 'zeros', torn: 'TORN TAIL', damaged: 'DAMAGED' } as const;
