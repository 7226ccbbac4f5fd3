import { z } from 'zod';
import { soundJson } from '../../swarm/sound-json.ts';
import type { StoredRecord } from '../../tasks/state.ts';

/** What the security manager keeps in the log. Nothing in it is secret: certificates, and hashes of tokens. */
export const NAMESPACE = 'security';

export const CLIENT_ROLES = ['read', 'work', 'operate'] as const;
export type ClientRole = (typeof CLIENT_ROLES)[number];

const time = z.int().min(0);

/** Which authorities are trusted, and which of them signs. */
const caSchema = z.object({
  /**
   * - `steady`: there is one.
   * - `overlap`: the next one is being made known; nobody shows a certificate of it yet.
   * - `issue`: everybody trusts it, and members get certificates of it, one after the other.
   */
  phase: z.enum(['steady', 'overlap', 'issue']),
  trusted: z.array(z.string()).min(1),
  /** Fingerprint of the one that signs. */
  signing: z.string(),
  /** How long a member's certificate lasts. */
  lifeMs: z.int().positive(),
  /** Members that are not waited for: they have to be let in anew. */
  without: z.array(z.string()),
});
export type CaRecord = Readonly<z.output<typeof caSchema>>;

/** The certificate of a member. `former`: by the key of whose certificate it has proven who it is. */
const certSchema = z.object({
  name: z.string(),
  certificate: z.string(),
  former: z.string().exactOptional(),
});

/** A member wants a certificate. `proof`: of the key of the certificate that it has, or had under the id `former`. */
const requestSchema = z.object({
  name: z.string(),
  csr: z.string(),
  former: z.string().exactOptional(),
  proof: z.string().exactOptional(),
});
export type RequestRecord = Readonly<z.output<typeof requestSchema>>;

/** Which authorities a member trusts, and which certificate it shows on all of its links: fingerprints. */
const trustSchema = z.object({ authorities: z.array(z.string()), shows: z.string() });

const joinSchema = z.object({
  hash: z.string(),
  createdAt: time,
  expiresAt: time,
  /** By whom it was used. */
  used: z.object({ memberId: z.string(), name: z.string(), at: time }).exactOptional(),
});

const clientSchema = z.object({
  role: z.enum(CLIENT_ROLES),
  /** Of its token; absent: it has a certificate alone. */
  hash: z.string().exactOptional(),
  createdAt: time,
  expiresAt: time.nullable(),
});

const revokedSchema = z.object({ at: time, why: z.string() });

const SCHEMAS = {
  ca: caSchema,
  cert: certSchema,
  request: requestSchema,
  trust: trustSchema,
  join: joinSchema,
  client: clientSchema,
  revoked: revokedSchema,
} as const;

type Kind = keyof typeof SCHEMAS;
type ValueOf<K extends Kind> = z.output<(typeof SCHEMAS)[K]>;

/** What was found, and the version to expect when it is changed. */
interface Found<T> {
  readonly value: T;
  readonly version: number;
}

/** The records as they are now, by kind and name. What cannot be read is left out: a later release wrote it. */
export type SecurityRecords = { readonly [K in Kind]: ReadonlyMap<string, Found<ValueOf<K>>> };

/** As much of a record as is needed here, from inside a member and from outside. */
export type RawRecord = Pick<StoredRecord, 'key' | 'value' | 'version'>;

export function readRecords(raw: Iterable<RawRecord>): SecurityRecords {
  const found = Object.fromEntries(Object.keys(SCHEMAS).map((kind) => [kind, new Map()])) as {
    [K in Kind]: Map<string, Found<never>>;
  };
  for (const { key, value, version } of raw) {
    const [kind = '', name = ''] = splitKey(key);
    const schema = Object.hasOwn(SCHEMAS, kind) ? SCHEMAS[kind as Kind] : undefined;
    const read = schema === undefined ? undefined : soundJson<unknown>(value, schema);
    if (read !== undefined) found[kind as Kind].set(name, { value: read as never, version });
  }
  return found;
}

/** The one record of its kind. */
export const ONLY = '';

/** One change of a record. `expect`: the version that it must have; 0: none. */
export function writing<K extends Kind>(
  kind: K,
  name: string,
  value: ValueOf<K> | undefined,
  expect?: number,
): { namespace: string; key: string; value?: string; expect?: number } {
  return {
    namespace: NAMESPACE,
    key: name === ONLY ? kind : `${kind}:${name}`,
    ...(value === undefined ? {} : { value: JSON.stringify(value) }),
    ...(expect === undefined ? {} : { expect }),
  };
}

function splitKey(key: string): readonly string[] {
  const at = key.indexOf(':');
  return at === -1 ? [key, ONLY] : [key.slice(0, at), key.slice(at + 1)];
}
