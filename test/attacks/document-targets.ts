import { decodeStateVector } from 'yjs';
import { parseClientRequest } from '../../src/siblings/crdt-synchronizer/client-wire.ts';
import { SharedDocument } from '../../src/siblings/crdt-synchronizer/document.ts';
import { type Operation, parseOperations } from '../../src/siblings/crdt-synchronizer/operation.ts';
import {
  encodePeer,
  parseFetched,
  parsePeerRequest,
  parsePulled,
} from '../../src/siblings/crdt-synchronizer/peer-wire.ts';
import { pack, unpack } from '../../src/swarm/wire.ts';
import { Replica } from '../siblings/crdt-synchronizer/replicas.ts';
import { refusing, type Target } from './targets.ts';

/** Of every type something, some of it taken away again. */
const SCRIPT: readonly Operation[] = [
  { op: 'inc', path: 'd/count', by: 7 },
  { op: 'set', path: 'd/register', value: { a: [1.5, true, null, 'x'] } },
  { op: 'add', path: 'd/set', value: 'a' },
  { op: 'add', path: 'd/set', value: 'b' },
  { op: 'remove', path: 'd/set', value: 'a' },
  { op: 'insert', path: 'd/map/list', values: [1, 'two', { three: 3 }] },
  { op: 'insert', path: 'd/map/text', values: 'hello world' },
  { op: 'cut', path: 'd/map/text', at: 2, count: 3 },
  { op: 'insert', path: 'd/map/text', values: 'again', at: 1 },
];

function written(): {
  readonly whole: Uint8Array;
  readonly pieces: readonly Uint8Array[];
  vector: Uint8Array;
} {
  const replica = new Replica(77);
  for (const operation of SCRIPT) replica.library.mutate(operation);
  const document = replica.library.find('d');
  if (document === undefined) throw new Error('it was just written');
  const pieces = replica.updates.map(([, update]) => update);
  return { whole: document.updateSince(), pieces, vector: document.stateVector };
}

/** What others bring of shared documents. */
export function createDocumentTargets(): readonly Target[] {
  const { pieces, vector, whole } = written();
  return [
    {
      name: 'updates of shared documents',
      share: 5,
      seeds: [whole, ...pieces],
      feed: (bytes) => takeIn(bytes, whole),
    },
    {
      name: 'requests for shared documents',
      share: 3,
      seeds: [
        encodePeer({ kind: 'pull', from: 'n1', root: 'r', presence: [] }),
        encodePeer({ kind: 'fetch', from: 'n1', wants: [['d', vector]] }),
        encodePeer({ kind: 'push', from: 'n1', updates: [['d', whole]] }),
        encodePeer({ presence: [], entries: [{ name: 'd', vector, isGone: false }] }),
        encodePeer({ updates: [['d', whole]], left: 1, part: 2, upto: vector }),
        encodePeer({ refused: [{ name: 'd', code: 'MALFORMED', message: 'why' }] }),
        pack({ kind: 'mutate', operations: SCRIPT, strong: false }),
        pack({ kind: 'wait', path: 'd', version: 'v', waitMs: 1 }),
      ],
      feed: (bytes) => ask(bytes, whole),
    },
  ];
}

/** Into a document that is empty and into one that has something; what they are then can be read, and told to others. */
function takeIn(bytes: Uint8Array, before: Uint8Array): void {
  for (const held of [undefined, before]) {
    const document = new SharedDocument({ name: 'd', onUpdate: () => undefined });
    if (held !== undefined) document.apply(held);
    refusing(() => document.apply(bytes));
    if (document.type !== undefined && !document.isGone) document.read([]);
    const { digest } = document;
    if (digest !== document.digest) throw new Error('it has two digests');
    document.updateSince(document.stateVector);
    document.measure();
    document.destroy();
  }
}

function ask(bytes: Uint8Array, held: Uint8Array): void {
  const document = new SharedDocument({ name: 'd', onUpdate: () => undefined });
  document.apply(held);
  refusing(() => {
    const request = parsePeerRequest(unpack(bytes));
    if (request.kind === 'fetch') for (const [, vector] of request.wants) document.updateSince(vector);
    if (request.kind === 'push') for (const [, update] of request.updates) document.apply(update);
  });
  refusing(() => {
    const request = parseClientRequest(unpack(bytes));
    if (request.kind === 'mutate') parseOperations(request.operations);
  });
  const pulled = parsePulled(bytes);
  if (pulled.ok) for (const { vector } of pulled.value.entries ?? []) decodeStateVector(vector);
  parseFetched(bytes);
  document.destroy();
}
