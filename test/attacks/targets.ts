import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { lintAgent } from '../../src/agents/lint.ts';
import { type ErrorCode, SwarmError } from '../../src/protocol/errors.ts';
import { clusterId, logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import { parseRecord } from '../../src/siblings/security-manager/audit-record.ts';
import { decodeBallots, encodeBallots } from '../../src/siblings/security-manager/ballot-codec.ts';
import { SnapshotDecoder, SnapshotEncoder } from '../../src/storage/snapshot-file.ts';
import { decodeRecord, putEntry, RECORD_HEADER_BYTES, target } from '../../src/storage/wal-record.ts';
import { refuseLevel } from '../../src/swarm/level.ts';
import { parseQuery } from '../../src/swarm/queries.ts';
import { parseTaskFile } from '../../src/swarm/task-file.ts';
import { pack, unpackError } from '../../src/swarm/wire.ts';
import { encodeEnvelope } from '../../src/tasks/codec.ts';
import { TaskMachine } from '../../src/tasks/machine.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { decodeRequests, decodeResponses, encodeRequests } from '../../src/transport/client-codec.ts';
import { decodeMessages } from '../../src/transport/codec-decode.ts';
import { encodeMessages } from '../../src/transport/codec-encode.ts';
import { decodeHello, encodeHello } from '../../src/transport/hello.ts';
import { createGuard } from '../../src/transport/http-guard.ts';
import { Log } from '../tasks/log.ts';
import { anyMessage } from '../transport/messages.ts';
import { COSTLY_AGENTS, COSTLY_TASKS } from './costly-files.ts';

/** One place where bytes of strangers come in. */
export interface Target {
  readonly name: string;
  /** Of a hundred inputs, so many. */
  readonly share: number;
  readonly seeds: readonly Uint8Array[];
  /** @throws whatever is no clean refusal; or rejects with it */
  feed(bytes: Buffer): void | Promise<void>;
}

const ROOT = resolve(import.meta.dirname, '../..');
const CLUSTER = clusterId('c1');
const ENDS = { from: nodeId('n1'), to: nodeId('n2') };

/** What a refusal of input may be. */
const CLEAN: ReadonlySet<ErrorCode> = new Set([
  ...(['MALFORMED', 'BAD_INPUT', 'DATA_DAMAGED', 'DATA_FOREIGN', 'LIMIT_EXCEEDED', 'UNAUTHORIZED'] as const),
]);

export function isClean(error: unknown): boolean {
  return error instanceof SwarmError && CLEAN.has(error.code);
}

function isRefused(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (!isClean(error)) throw error;
    return true;
  }
}

export function refusing(work: () => unknown): void {
  isRefused(work);
}

const frames = fc.sample(fc.array(anyMessage, { minLength: 1, maxLength: 4 }), { numRuns: 60, seed: 1 });
const body = pack({ kind: 'records', namespace: 'audit' });
const requests = encodeRequests([
  { requestId: 1, kind: 2, body },
  { requestId: 2, kind: 1, body: envelope({ kind: 'pause', reason: 'x' }) },
]);
const numbered = encodeRequests([{ requestId: 1, kind: 2, body }], 77);

function envelope(command: unknown): Uint8Array {
  return encodeEnvelope({ at: 1, body: command as never });
}

const COMMANDS = [
  {
    kind: 'submit',
    key: 'k',
    tasks: [{ id: 'a', run: 'true', priority: 'normal', requires: ['x'], dependsOn: [], env: { A: 'b' } }],
  },
  { kind: 'record', writes: [{ namespace: 'audit', key: '1', value: '{}', expect: 0 }] },
  { kind: 'raise-level', level: LATEST_LEVEL },
  { kind: 'register', instanceId: 'i', agent: 'a', capabilities: ['x'], capacity: 1, life: 'l' },
  { kind: 'assign', assignments: [{ taskId: 'a', instanceId: 'i' }] },
  { kind: 'claim', requestId: 'r', claimant: { id: 'i', capabilities: ['x'] } },
  { kind: 'reserve', requestId: 'r', holder: 'i', patterns: ['src/**'], mode: 'exclusive' },
  { kind: 'checkpoint', full: false },
].map(envelope);

function machineTarget(): Target {
  let machine = new TaskMachine();
  let index = 0;
  return {
    name: 'commands of the log',
    share: 20,
    seeds: COMMANDS,
    feed(data) {
      // What was taken must not pile up: each machine lives for a while.
      if (index === 2_000) {
        machine = new TaskMachine();
        index = 0;
      }
      index += 1;
      // As a client's command comes to the log.
      if (isRefused(() => refuseLevel(data))) return;
      machine.apply({ index: logIndex(index), term: term(1), kind: 'command', data });
    },
  };
}

function stateSeeds(): readonly Uint8Array[] {
  const log = new Log();
  log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
  log.register('i');
  log.submit('a', 'b', 'c');
  return [...{ [Symbol.iterator]: () => log.machine.capture() }].map((piece) => Uint8Array.from(piece));
}

function walSeeds(): readonly Uint8Array[] {
  const data = Buffer.from('some command');
  const to = target(RECORD_HEADER_BYTES + data.length);
  const entry = { index: logIndex(7), term: term(3), kind: 'command', data } as const;
  putEntry(to, { at: 0, group: 5, flags: 3 }, entry);
  return [to.bytes];
}

function snapshotSeeds(): readonly Uint8Array[] {
  const encoder = new SnapshotEncoder();
  const configuration = { voters: [nodeId('n1')], votersOutgoing: [], learners: [], learnersNext: [] };
  const meta = { index: logIndex(9), term: term(2), configuration } as never;
  return [
    Buffer.concat([encoder.header(CLUSTER, meta), encoder.piece(Buffer.from('state')), encoder.trailer()]),
  ];
}

const filesIn = (folder: string, ends: string): readonly Uint8Array[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(ends))
    .map((name) => readFileSync(join(ROOT, folder, name)));

const guard = createGuard({ addresses: [], port: 7100 });
const identity = { clusterId: CLUSTER, nodeId: nodeId('n1'), token: 'secret', version: '1', nonce: 'a' };

/** Every place where bytes come in that somebody else chose. */
export function createTargets(): readonly Target[] {
  return [
    {
      name: 'frames of peers',
      share: 25,
      seeds: frames.flatMap((messages) => [encodeMessages(messages), encodeMessages(messages, 77)]),
      feed: (bytes) => void decodeMessages(bytes, ENDS, bytes[0] === 2 ? 77 : undefined),
    },
    {
      name: 'frames of clients and nodes',
      share: 15,
      seeds: [requests, numbered],
      feed(bytes) {
        decodeRequests(bytes);
        decodeRequests(bytes, 77);
        decodeResponses(bytes);
      },
    },
    {
      name: 'hellos',
      share: 10,
      seeds: (['peer', 'client'] as const).map((kind) => Buffer.from(encodeHello(identity, kind, 'link'))),
      feed: (bytes) => void decodeHello(bytes),
    },
    {
      name: 'hosts and paths',
      share: 5,
      seeds: ['127.0.0.1:7100', '[::1]:7100', '[0:0:0:0:0:0:0:1]:7100', 'localhost:7100'].map((text) =>
        Buffer.from(text),
      ),
      feed(bytes) {
        const host = bytes.toString('latin1');
        guard({ headers: { host }, url: host, rawHeaders: ['Host', host] } as unknown as IncomingMessage);
      },
    },
    {
      name: 'queries, errors and votes in MessagePack',
      share: 10,
      seeds: [
        body,
        pack({ kind: 'log', from: 1, limit: 7 }),
        encodeBallots([{ term: term(1), voter: nodeId('a'), candidate: nodeId('b') }]),
      ],
      feed(bytes) {
        refusing(() => parseQuery(bytes));
        unpackError(bytes);
        refusing(() => decodeBallots(bytes));
      },
    },
    machineTarget(),
    {
      name: 'states in snapshots',
      share: 3,
      seeds: stateSeeds(),
      feed: (bytes) =>
        refusing(() => {
          const restoration = new TaskMachine().restore();
          restoration.add(bytes);
          restoration.finish();
        }),
    },
    {
      name: 'records of the log on disk',
      share: 5,
      seeds: walSeeds(),
      feed(bytes) {
        if (bytes.length < RECORD_HEADER_BYTES) return;
        decodeRecord(bytes, 0);
        // With a checksum that fits, as only somebody with the disk in his hands could write it.
        const end = RECORD_HEADER_BYTES + bytes.readUInt32LE(4);
        if (end <= bytes.length) bytes.writeUInt32LE(crc32(bytes.subarray(4, end)), 0);
        refusing(() => decodeRecord(bytes, 0));
      },
    },
    {
      name: 'snapshot files',
      share: 2,
      seeds: snapshotSeeds(),
      feed: (bytes) =>
        refusing(() => {
          const decoder = new SnapshotDecoder({ path: 'x', clusterId: CLUSTER, onPiece: () => undefined });
          decoder.add(bytes);
          decoder.finish();
        }),
    },
    {
      name: 'audit records',
      share: 2,
      seeds: [
        Buffer.from(
          JSON.stringify({
            sequence: 1,
            at: 1,
            by: 'n1',
            subject: 'x',
            kind: 'flood',
            count: 1,
            detail: '',
            prev: '0'.repeat(64),
          }),
        ),
      ],
      feed: (bytes) => void parseRecord(bytes.toString()),
    },
    ...fileTargets(),
  ];
}

const costly = (files: Readonly<Record<string, string>>): readonly Uint8Array[] =>
  Object.values(files).map((text) => Buffer.from(text));

function fileTargets(): readonly Target[] {
  const agent = (bytes: Buffer): void =>
    void lintAgent({ path: 'x.md', text: bytes.toString(), sha256: 'x' });
  const tasks = (bytes: Buffer): void => refusing(() => parseTaskFile('x.yaml', bytes.toString()));
  return [
    { name: 'agent files', share: 2, seeds: filesIn('agents', '.md'), feed: agent },
    { name: 'agent files made to be costly', share: 0.1, seeds: costly(COSTLY_AGENTS), feed: agent },
    { name: 'task files', share: 1, seeds: filesIn('examples', '.yaml'), feed: tasks },
    { name: 'task files made to be costly', share: 0.1, seeds: costly(COSTLY_TASKS), feed: tasks },
  ];
}
