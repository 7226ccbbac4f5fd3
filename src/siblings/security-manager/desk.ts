import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { SwarmError } from '../../protocol/errors.ts';
import { isId } from '../../protocol/ids.ts';
import type { CompanionHost, RequestHandler } from '../../swarm/companion.ts';
import { loadRoster } from '../../swarm/roster.ts';
import { pack, unpack } from '../../swarm/wire.ts';
import type { LinkReport } from '../../transport/port.ts';
import { actOnRecord, memberStore } from './audit-log.ts';
import { readRequest } from './authority.ts';
import { type Guarded, recordsOf } from './guarded.ts';
import { writing } from './records.ts';
import { isProof } from './signing.ts';
import { isSecretOf } from './tokens.ts';

const MAX_REQUEST_CHARS = 4_096;

const schema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('enrol'),
    /** Number and secret of the join token. */
    token: z.string(),
    secret: z.string(),
    /** What the newcomer is called. */
    name: z.string().refine(isId),
    csr: z.string().max(MAX_REQUEST_CHARS),
    /** It was let in before, and has the key of the certificate that it was given then. */
    memberId: z.string().refine(isId).exactOptional(),
    proof: z.string().exactOptional(),
  }),
  z.object({ kind: z.literal('links') }),
]);

export type SecurityRequest = z.output<typeof schema>;
type Enrol = Extract<SecurityRequest, { kind: 'enrol' }>;

/** What a newcomer is given for its token. */
export interface Enrolled {
  readonly memberId: string;
  readonly certificate: string;
  /** The authorities that are trusted. */
  readonly ca: string;
  readonly swarm: string;
}

/** The links of one node. */
export interface LinksAnswer {
  readonly links: readonly LinkReport[];
}

/** For whoever has the key of the authority to answer. */
const SIGNING_PATIENCE_MS = 30_000;

interface DeskOptions {
  readonly guarded: Guarded;
  readonly host: CompanionHost;
  /** Resolves when a record has changed, or after `ms`. */
  nextChange(ms: number): Promise<void>;
}

/** Answers what the security manager is asked for over the links of this instance. */
export function createDesk(options: DeskOptions): RequestHandler {
  return async (body) => {
    const parsed = schema.safeParse(unpack(body));
    if (!parsed.success)
      throw new SwarmError(
        'MALFORMED',
        `not a request to the security manager: ${z.prettifyError(parsed.error)}`,
      );
    if (parsed.data.kind === 'enrol') return pack(await enrol(parsed.data, options));
    return pack({ links: options.guarded.server?.links() ?? [] } satisfies LinksAnswer);
  };
}

/** The token is used up by the same entry of the log that asks for the certificate: once, whoever else tries. */
async function enrol(request: Enrol, options: DeskOptions): Promise<Enrolled> {
  const { guarded, host } = options;
  const { folder, machine, isSecured } = guarded;
  if (!isSecured)
    throw new SwarmError('UNAUTHORIZED', 'this swarm has no certificates; join it with --token-file');
  await readRequest(request.csr);
  await host.readBarrier();
  const version = versionOfGoodToken(request, guarded);
  const memberId =
    memberIdFor(request, guarded) ?? (await host.execute({ kind: 'enrol', name: request.name })).memberId;
  const { join, request: pending } = recordsOf(machine);
  const token = join.get(request.token);
  if (token === undefined) throw spent();
  const used = { memberId, name: request.name, at: Date.now() };
  const { name, csr, proof } = request;
  const asked = { name, csr, ...(proof === undefined ? {} : { proof }) };
  try {
    const detail = `${name} was let in by token ${request.token}`;
    await actOnRecord(
      memberStore(host),
      { by: host.id, subject: `member ${memberId}`, kind: 'joined', detail },
      [
        writing('join', request.token, { ...token.value, used }, version),
        writing('request', memberId, asked, pending.get(memberId)?.version ?? 0),
      ],
    );
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'STALE_VERSION') throw spent();
    throw error;
  }
  const certificate = await certificateFor(memberId, csr, options);
  return { memberId, certificate, ca: guarded.bundle, swarm: loadRoster(folder).name };
}

function versionOfGoodToken({ token, secret }: Enrol, { machine }: Guarded): number {
  const found = recordsOf(machine).join.get(token);
  if (found === undefined || !isSecretOf(secret, found.value.hash)) {
    throw new SwarmError('UNAUTHORIZED', 'this token is not accepted');
  }
  if (found.value.used !== undefined) throw spent();
  if (found.value.expiresAt <= Date.now()) throw new SwarmError('UNAUTHORIZED', 'this token has expired');
  return found.version;
}

/** Whoever has the key of a member comes back as that member. */
function memberIdFor({ memberId, csr, proof, name }: Enrol, { machine }: Guarded): string | undefined {
  const { cert, revoked } = recordsOf(machine);
  const known = memberId === undefined || revoked.has(memberId) ? undefined : cert.get(memberId)?.value;
  return known?.name === name && isProof(known.certificate, csr, proof) ? memberId : undefined;
}

async function certificateFor(
  memberId: string,
  csr: string,
  { guarded, nextChange }: DeskOptions,
): Promise<string> {
  const wanted = keyOf(await readRequest(csr));
  for (const deadline = performance.now() + SIGNING_PATIENCE_MS; performance.now() < deadline; ) {
    const { cert, request } = recordsOf(guarded.machine);
    const made = cert.get(memberId)?.value.certificate;
    if (made !== undefined && keyOf(publicKeyOf(made)) === wanted) return made;
    if (!request.has(memberId))
      throw new SwarmError(
        'UNAUTHORIZED',
        `${memberId} was given no certificate; see the node.log of the instances beside the key of the authority`,
      );
    await nextChange(deadline - performance.now());
  }
  throw new SwarmError(
    'TIMEOUT',
    'the token is good, but nobody signs: no instance is up on the machine with the key of the authority. Start one there, and come with a new token',
  );
}

function spent(): SwarmError {
  return new SwarmError('UNAUTHORIZED', 'this token was used already; each is good once');
}

function keyOf(publicKey: string): string {
  return createHash('sha256')
    .update(createPublicKey(publicKey).export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function publicKeyOf(certificate: string): string {
  return new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'pem' }).toString();
}
