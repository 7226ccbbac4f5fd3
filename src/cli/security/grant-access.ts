import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { certifyClient } from '../../siblings/security-manager/client-certificate.ts';
import { createClient, createJoinToken } from '../../siblings/security-manager/manager.ts';
import { CLIENT_ROLES, type ClientRole } from '../../siblings/security-manager/records.ts';
import { newSecret } from '../../siblings/security-manager/tokens.ts';
import { takeCensus } from '../../swarm/census.ts';
import { swarmFolder } from '../../swarm/layout.ts';
import { loadRoster, updateRoster, updateToken } from '../../swarm/roster.ts';
import { isSecured, readBundle, writeBundle, writeKeyPair } from '../../swarm/security-folder.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { OPERATOR, printJson, printLine, reachableFolder, withSwarm } from '../reach.ts';

export interface TokenOptions extends ReachOptions {
  readonly life: number;
}

export interface ClientOptions extends ReachOptions {
  readonly role: string;
  /** In ms; 0: for ever. */
  readonly life: number;
  readonly folder?: string;
  readonly certificate?: true;
}

const CENSUS_TIMEOUT_MS = 2_000;

/** Prints a token with which one instance may join. */
export async function grantJoin(options: TokenOptions): Promise<void> {
  const folder = await reachableFolder(options);
  const { token, expiresAt } = await withSwarm(options, (swarm) =>
    createJoinToken({ by: OPERATOR, swarm, folder }, options.life),
  );
  const until = new Date(expiresAt).toISOString();
  if (options.json) return printJson({ token, expiresAt: until });
  printLine(token);
  process.stderr.write(`good once, until ${until}: raft-manager agent FILE --join wss://… --token TOKEN\n`);
}

/** Lets a client in, and prints its token, or lays a folder out with which it reaches the swarm from anywhere. */
export async function grantClient(name: string, options: ClientOptions): Promise<void> {
  const role = roleOf(options.role);
  if (options.certificate === true) return certify(name, role, options);
  const folder = await reachableFolder(options);
  const lifeMs = options.life === 0 ? null : options.life;
  const made = await withSwarm(options, (swarm) =>
    createClient({ by: OPERATOR, swarm, folder }, { name, role, lifeMs }),
  );
  const expiresAt = made.expiresAt === null ? null : new Date(made.expiresAt).toISOString();
  if (options.folder === undefined) {
    if (options.json) return printJson({ name, role, token: made.token, expiresAt });
    return printLine(made.token);
  }
  const place = resolve(options.folder);
  await layOutAccess(place, made.token, folder.root);
  tellFolder({ name, role, folder: place, expiresAt }, options);
}

/** The same by a certificate, whose key is in the folder and nowhere else. */
async function certify(name: string, role: ClientRole, options: ClientOptions): Promise<void> {
  if (options.folder === undefined)
    throw new SwarmError('BAD_INPUT', '--certificate needs --folder: where its key is to lie');
  if (options.life === 0)
    throw new SwarmError('BAD_INPUT', 'a certificate ends one day: say --life, 720h for example');
  const folder = await reachableFolder(options);
  const place = resolve(options.folder);
  const { pair, expiresAt } = await withSwarm(options, (swarm) =>
    certifyClient({ by: OPERATOR, swarm, folder }, { name, role, lifeMs: options.life }),
  );
  // Links that show a certificate are not asked for a secret; commands want one in their folder all the same.
  await layOutAccess(place, newSecret(), folder.root);
  writeKeyPair(swarmFolder(place), name as NodeId, pair);
  tellFolder({ name, role, folder: place, expiresAt: new Date(expiresAt).toISOString() }, options);
}

function tellFolder(
  access: {
    readonly name: string;
    readonly role: string;
    readonly folder: string;
    readonly expiresAt: string | null;
  },
  { json }: ClientOptions,
): void {
  if (json) return printJson(access);
  const { folder, role } = access;
  printLine(`${folder} lets whoever has it in as ${role}: raft-manager status --dir ${folder}`);
}

/** What commands need on a machine without the swarm: who it is, where it is, whom to believe, what to say. */
async function layOutAccess(place: string, token: string, root: string): Promise<void> {
  const from = swarmFolder(root);
  const census = await takeCensus(from, packageVersion(), CENSUS_TIMEOUT_MS);
  const seeds = census.nodes.flatMap(({ url }) => url ?? []);
  if (seeds.length === 0) throw new SwarmError('NOT_RUNNING', 'no node has said where it is');
  const to = swarmFolder(place);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  updateRoster(to, { ...loadRoster(from), nodes: [], seeds });
  updateToken(to, token);
  if (isSecured(from)) writeBundle(to, readBundle(from));
}

function roleOf(text: string): ClientRole {
  const role = CLIENT_ROLES.find((one) => one === text);
  if (role !== undefined) return role;
  throw new SwarmError('BAD_INPUT', `--role takes ${CLIENT_ROLES.join(', ')}, not ${text}`);
}
