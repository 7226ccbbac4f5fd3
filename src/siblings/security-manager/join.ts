import { randomUUID, X509Certificate } from 'node:crypto';
import { SwarmError } from '../../protocol/errors.ts';
import type { ClusterId, NodeId } from '../../protocol/ids.ts';
import { adoptIdentity, memberIdOf, standingOf } from '../../swarm/identity.ts';
import { type JoinedFolderOptions, joinedFolder, prepareJoinedFolder } from '../../swarm/joined-folder.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import { certificatesIn, whyDistrusted } from '../../swarm/link-credentials.ts';
import { isRemoved, noteRemoval } from '../../swarm/removal.ts';
import { readKeyPair, writeBundle, writeKeyPair } from '../../swarm/security-folder.ts';
import { pack, REQUEST, unpack, unpackError } from '../../swarm/wire.ts';
import { STATUS_ERROR, STATUS_OK } from '../../transport/client-codec.ts';
import type { LinkCredentials } from '../../transport/client-credentials.ts';
import { openClientLink } from '../../transport/client-link.ts';
import { pinnedAuthority } from '../../transport/client-pin.ts';
import { createRequest, fingerprintOf, newKey, publicHalf } from './authority.ts';
import type { Enrolled, SecurityRequest } from './desk.ts';
import { checkNotRevoked, isRevoked } from './own-revocation.ts';
import { proveWith } from './signing.ts';
import { isJoinToken, type JoinToken, readJoinToken, saidToken } from './tokens.ts';

/** For the swarm to enrol it, and for whoever has the key of the authority to sign. */
const PATIENCE_MS = 40_000;

/**
 * Makes ready the folder of an instance that joins a swarm. With a join token it gets its certificate first, and what
 * else `prepareJoinedFolder` has to ask for.
 *
 * @throws SwarmError UNAUTHORIZED when the token is not accepted, or the node there is of another swarm than the token;
 *   and as `prepareJoinedFolder` does.
 */
export async function enterFolder(options: JoinedFolderOptions): Promise<SwarmFolder> {
  const { name, project, seeds, token } = options;
  if (token === undefined || !isJoinToken(token)) return prepareJoinedFolder(options);
  if (seeds.length === 0)
    throw new SwarmError('BAD_INPUT', 'a join token takes the address of a node: --join wss://host:port');
  const join = readJoinToken(token);
  const before = joinedFolder(project, name);
  const place = standingHere(before, name);
  const formerly = { folder: before, name, memberId: memberIdOf(before, name) };
  const key = newKey();
  const enrolled = await enrolAtAny(seeds, { join, name, key, place }).catch((error: unknown) => {
    if (!(error instanceof SwarmError) || error.code !== 'UNAUTHORIZED') throw error;
    checkNotRevoked(formerly);
    // Whoever is started anew by the same command has its certificate already, or proves by its key who it was.
    if (wasLetIn(place)) return undefined;
    throw error;
  });
  if (enrolled === undefined) {
    const { token: used, ...rest } = options;
    return prepareJoinedFolder(rest);
  }
  // Nobody lets it in as who it was: what it kept of that is of no use any more.
  if (isRevoked(formerly)) noteRemoval(before, name);
  const folder = await prepareJoinedFolder({
    ...options,
    swarm: { clusterId: join.clusterId, name: enrolled.swarm },
  });
  writeBundle(folder, enrolled.ca);
  writeKeyPair(folder, name, { certificate: enrolled.certificate, key });
  if (enrolled.memberId !== place.memberId) {
    adoptIdentity(folder, name, { memberId: enrolled.memberId as NodeId, former: place.former });
  }
  return folder;
}

/** Who the instance has been here. */
interface Place {
  /** It still has what it kept as this member. */
  readonly memberId: NodeId | undefined;
  /** It was this member, and has lost what it kept. */
  readonly former: NodeId | undefined;
  /** The key of the certificate that it was given. */
  readonly key: string | undefined;
}

function wasLetIn({ former, key, memberId }: Place): boolean {
  return key !== undefined && (memberId ?? former) !== undefined;
}

function standingHere(folder: SwarmFolder, name: NodeId): Place {
  const key = readKeyPair(folder, name)?.key;
  const isOut = isRemoved(folder, name) || isRevoked({ folder, name, memberId: memberIdOf(folder, name) });
  if (isOut) return { memberId: undefined, former: undefined, key };
  const standing = standingOf(folder, name, { isFounder: false });
  if (standing.kind === 'forgotten') return { memberId: undefined, former: standing.former, key };
  return {
    memberId: standing.kind === 'member' ? memberIdOf(folder, name) : undefined,
    former: undefined,
    key,
  };
}

interface Enrolling {
  readonly join: JoinToken;
  readonly name: NodeId;
  /** Its own, which leaves this machine never. */
  readonly key: string;
  readonly place: Place;
}

async function enrolAtAny(urls: readonly string[], enrolling: Enrolling): Promise<Enrolled> {
  let last: SwarmError | undefined;
  for (const url of urls) {
    try {
      return await enrolAt(url, enrolling);
    } catch (error) {
      // Another node may be there. What the swarm has said to the token counts, whoever said it.
      if (!(error instanceof SwarmError) || error.code !== 'NOT_RUNNING') throw error;
      last = error;
    }
  }
  throw last ?? new SwarmError('NOT_RUNNING', 'no node of the swarm to be joined answers');
}

async function enrolAt(url: string, { join, name, key, place }: Enrolling): Promise<Enrolled> {
  const ca = await pinnedAuthority(url, join.pin);
  const csr = await createRequest(key);
  const { memberId } = place;
  const proof = memberId === undefined || place.key === undefined ? undefined : proveWith(place.key, csr);
  const request: SecurityRequest = {
    kind: 'enrol',
    ...{ token: join.name, secret: join.secret, name, csr },
    ...(memberId === undefined || proof === undefined ? {} : { memberId, proof }),
  };
  const enrolled = await ask(url, request, { join, ca, name });
  if (certificatesIn(enrolled.ca).every((one) => fingerprintOf(one) !== join.pin)) {
    throw new SwarmError('UNAUTHORIZED', `${url} names other authorities than the one of the token`);
  }
  const made = new X509Certificate(enrolled.certificate);
  if (made.publicKey.export({ type: 'spki', format: 'pem' }).toString() !== publicHalf(key)) {
    throw new SwarmError('UNAUTHORIZED', `${url} has sent somebody else's certificate`);
  }
  return enrolled;
}

async function ask(
  url: string,
  request: SecurityRequest,
  { join, ca, name }: { readonly join: JoinToken; readonly ca: string; readonly name: NodeId },
): Promise<Enrolled> {
  const trust = { authorities: certificatesIn(ca), revoked: new Set<string>() };
  const credentials: LinkCredentials = { ca, objection: (shown) => whyDistrusted(shown, trust, Date.now()) };
  const link = await openClientLink({
    url,
    credentials,
    identity: {
      clusterId: join.clusterId as ClusterId,
      nodeId: name,
      token: saidToken({ kind: 'join', name: join.name, secret: join.secret }),
      version: 'join',
      nonce: randomUUID(),
    },
  });
  try {
    return await new Promise<Enrolled>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new SwarmError('TIMEOUT', `${link.nodeId} does not answer`)),
        PATIENCE_MS,
      );
      link.request(REQUEST.security, pack(request), (status, body) => {
        clearTimeout(late);
        if (status === STATUS_OK) resolve(unpack(body) as Enrolled);
        else if (status === STATUS_ERROR) reject(unpackError(body));
        else
          reject(
            new SwarmError(
              'OUTCOME_UNKNOWN',
              `${link.nodeId} went away before it answered; come with a new token`,
            ),
          );
      });
    });
  } finally {
    await link.close();
  }
}
