import { SwarmError } from '../protocol/errors.ts';
import { decodeEnvelope } from '../tasks/codec.ts';
import type { TaskCommand } from '../tasks/command.ts';
import type { LinkRole } from '../transport/port.ts';
import type { Query } from './port.ts';
import { type Control, REQUEST } from './wire.ts';

/** Each role may do what those before it may. */
const RANK: Readonly<Record<LinkRole, number>> = { newcomer: 0, read: 1, work: 2, operate: 3, member: 4 };

/** For `propose`, `query`, `control` and `crdt` what they carry decides. */
const REQUESTS: Readonly<Record<keyof typeof REQUEST, LinkRole>> = {
  propose: 'work',
  query: 'read',
  watch: 'read',
  control: 'operate',
  storeBlob: 'member',
  readBlob: 'work',
  quorum: 'operate',
  crdt: 'read',
  ballots: 'member',
  // Newcomers ask for a certificate; the rest says who has which link, and no more than "members list" does.
  security: 'newcomer',
};

/** What stands in no row is not asked by anybody: a kind of request, of query, of command, that has been forgotten. */
const QUERIES: Readonly<Record<Query['kind'], LinkRole>> = {
  status: 'read',
  overview: 'read',
  tasks: 'read',
  task: 'read',
  reservations: 'read',
  members: 'read',
  brief: 'read',
  checkpoint: 'read',
  records: 'read',
  log: 'read',
};

const CONTROLS: Readonly<Record<Control['kind'], LinkRole>> = {
  transfer: 'operate',
  snapshot: 'operate',
  inspect: 'operate',
  'change-membership': 'operate',
  quarantine: 'member',
};

const COMMANDS: Readonly<Record<TaskCommand['kind'], LinkRole>> = {
  submit: 'work',
  claim: 'work',
  start: 'work',
  renew: 'work',
  note: 'work',
  'save-turn': 'work',
  progress: 'work',
  complete: 'work',
  fail: 'work',
  release: 'work',
  reserve: 'work',
  'release-reservation': 'work',
  'session-open': 'work',
  cancel: 'operate',
  retry: 'operate',
  approve: 'operate',
  pause: 'operate',
  resume: 'operate',
  configure: 'operate',
  checkpoint: 'operate',
  retire: 'operate',
  // What the processes of the swarm say to each other.
  assign: 'member',
  expire: 'member',
  'expire-reservation': 'member',
  'session-expire': 'member',
  register: 'member',
  unregister: 'member',
  enrol: 'member',
  announce: 'member',
  'raise-level': 'member',
  // Siblings remember in them who is trusted, and what everybody has agreed on.
  record: 'member',
};

/** Of shared documents: what clients ask, and what instances say to each other. */
const DOCUMENTS: ReadonlyMap<unknown, LinkRole> = new Map<unknown, LinkRole>([
  ['get', 'read'],
  ['list', 'read'],
  ['wait', 'read'],
  ['blackboard', 'read'],
  ['mutate', 'work'],
  ['checkpoint', 'work'],
  ['note', 'work'],
  ['progress', 'work'],
  ['pull', 'member'],
  ['fetch', 'member'],
  ['push', 'member'],
]);

const NAMES = new Map(
  Object.entries(REQUEST).map(([name, kind]) => [kind as number, name as keyof typeof REQUEST]),
);

/** What a kind of request takes at least; members alone may ask what nobody has written down. */
function roleForRequest(kind: number): LinkRole {
  const name = NAMES.get(kind);
  return name === undefined ? 'member' : REQUESTS[name];
}

/** @throws SwarmError UNAUTHORIZED when `role` may not ask this of a node. */
export function checkRequest(role: LinkRole, kind: number): void {
  require(role, roleForRequest(kind), 'this');
}

/** @throws SwarmError UNAUTHORIZED */
export function checkQuery(role: LinkRole, { kind }: { readonly kind: Query['kind'] }): void {
  require(role, QUERIES[kind], `"${kind}"`);
}

/** @throws SwarmError UNAUTHORIZED */
export function checkControl(role: LinkRole, { kind }: Control): void {
  require(role, CONTROLS[kind], `"${kind}"`);
}

/** Members alone may ask of shared documents what nobody has written down. @throws SwarmError UNAUTHORIZED */
export function checkDocuments(role: LinkRole, kind: unknown): void {
  require(role, DOCUMENTS.get(kind) ?? 'member', typeof kind === 'string' ? `"${kind}"` : 'this');
}

/** Looks into what is to go into the log, unless whoever brings it may write anything. @throws SwarmError UNAUTHORIZED */
export function checkCommand(role: LinkRole, bytes: Uint8Array): void {
  if (role === 'member') return;
  const envelope = decodeEnvelope(bytes);
  if (envelope === undefined) throw new SwarmError('MALFORMED', 'this is no command');
  require(role, COMMANDS[envelope.body.kind], `"${envelope.body.kind}"`);
}

function require(role: LinkRole, least: LinkRole, what: string): void {
  if (RANK[role] >= RANK[least]) return;
  const message = `${what} takes the role ${least}, and this link has ${role}; ask whoever runs the swarm for "raft-manager security client NAME --role ${least}"`;
  throw new SwarmError('UNAUTHORIZED', message, { role, least });
}
