import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { z } from 'zod';
import { EXECUTOR_NAMES } from '../agents/executors/names.ts';
import { SwarmError } from '../protocol/errors.ts';
import { isId, type NodeId } from '../protocol/ids.ts';
import { type Configuration, configuration } from '../protocol/state.ts';
import { isCode, isMissing, writeWhole } from './files.ts';
import { foundIdentity } from './identity.ts';
import { readJsonText } from './json-text.ts';
import { type SwarmFolder, swarmFolder } from './layout.ts';

const id = z.string().refine(isId, 'expected 1 to 64 letters, digits, dots, underscores or dashes');

const nodeSchema = z.strictObject({
  id,
  /** Name of the agent, as its file says. */
  agent: z.string(),
  /** Absolute path of the agent's markdown file. */
  agentFile: z.string(),
  voter: z.boolean(),
  /** How it stands for election, from its definition when the swarm was made. */
  rank: z.int().min(0),
  standing: z.enum(['eligible', 'last-resort', 'never']),
  /** 0: any free port. */
  port: z.int().min(0).max(65_535),
  /** Host, and port if it is another one, that the others are told; default: what it listens on. */
  advertised: z.string().exactOptional(),
});

const schema = z.strictObject({
  format: z.literal(1),
  name: id,
  clusterId: z.string().min(1),
  createdAt: z.string(),
  /** The log's level (`LATEST_LEVEL`) that the release knew with which the swarm was made. */
  level: z.int().min(1).exactOptional(),
  /** Where tasks run. */
  workspace: z.string(),
  executor: z.enum(EXECUTOR_NAMES),
  /** For executors of prompts: what tasks get that do not ask for anything else. */
  model: z.string().exactOptional(),
  maxTurns: z.int().positive().exactOptional(),
  /** What all tasks together may use up, until the log says otherwise. */
  maxTokens: z.int().positive().exactOptional(),
  maxCostMicros: z.int().positive().exactOptional(),
  /** Without allowed hooks a task fails instead of running without them. */
  requireHooks: z.boolean(),
  leaseMs: z.int().positive(),
  /** How often the members are compared with each other, in milliseconds; 0: never. Default: a minute. */
  verifyEveryMs: z.int().min(0).exactOptional(),
  /** None in a folder with which a client alone reaches the swarm. */
  nodes: z.array(nodeSchema),
  /** Of an instance that joined a swarm that lives elsewhere: addresses at which that was reached. */
  seeds: z.array(z.string()).min(1).exactOptional(),
  /** Of an instance that joined a swarm of this machine: the folder of that. */
  beside: z.string().exactOptional(),
  /** What its port listens on; default: loopback. */
  host: z.string().exactOptional(),
});

/** Who belongs to a swarm and how it works: written once, before its first start. */
export type Roster = Readonly<z.output<typeof schema>>;
export type RosterNode = Roster['nodes'][number];

/** Voters of a swarm of `size`: 1, 3 or 5; whoever is left over learns. */
export function voterCount(size: number): number {
  if (size < 3) return 1;
  return size < 5 ? 3 : 5;
}

/**
 * What a founding member is known to understand though it has not been heard: it runs the release with which the
 * swarm was made, or a later one. Undefined for everybody else.
 */
export function foundingLevel({ level, nodes, seeds }: Roster, member: NodeId): number | undefined {
  return seeds === undefined && nodes.some((node) => node.id === member) ? level : undefined;
}

/** Nobody, for whoever joined: who belongs to the swarm, its log says. */
export function bootstrapConfiguration(roster: Roster): Configuration {
  if (roster.seeds !== undefined) return configuration([]);
  const ids = (voter: boolean): NodeId[] =>
    roster.nodes.filter((node) => node.voter === voter).map((node) => node.id as NodeId);
  return configuration(ids(true), ids(false));
}

/**
 * Lays out a new swarm's folder: roster, and the secret that its members and clients share. It appears
 * whole or not at all: of two commands that make it at once, one wins.
 *
 * @throws SwarmError ALREADY_RUNNING when the other one did.
 */
export function createSwarm(
  root: string,
  roster: Roster,
  token: string = randomBytes(32).toString('base64url'),
): SwarmFolder {
  const draft = draftSwarm(`${root}.${process.pid}.draft`, roster, token);
  try {
    renameSync(draft.root, root);
  } catch (error) {
    rmSync(draft.root, { recursive: true, force: true });
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'EEXIST')) throw error;
    const message = `another command has just made a swarm in ${root}; look at it with "raft-manager status"`;
    throw new SwarmError('ALREADY_RUNNING', message);
  }
  return swarmFolder(root);
}

/** The same where nobody looks for it yet. */
export function draftSwarm(
  root: string,
  roster: Roster,
  token: string = randomBytes(32).toString('base64url'),
): SwarmFolder {
  const draft = swarmFolder(root);
  updateToken(draft, token);
  updateRoster(draft, roster);
  if (roster.seeds === undefined) for (const node of roster.nodes) foundIdentity(draft, node.id as NodeId);
  return draft;
}

/** What is no matter of the log may change between two starts. */
export function updateRoster(folder: SwarmFolder, roster: Roster): void {
  writeWhole(folder.roster, `${JSON.stringify(schema.parse(roster), undefined, 2)}\n`, 0o600);
}

export function updateToken(folder: SwarmFolder, token: string): void {
  writeWhole(folder.token, token, 0o600);
}

export function newClusterId(): string {
  return randomBytes(12).toString('hex');
}

/** A roster that another file holds. @throws SwarmError DATA_DAMAGED */
export function parseRoster(value: unknown, path: string): Roster {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { message = 'unknown', path: place = [] } = parsed.error.issues[0] ?? {};
  throw new SwarmError(
    'DATA_DAMAGED',
    `${path} holds no roster of this version: ${place.join('.')} ${message}`,
  );
}

/**
 * Reads a swarm's roster.
 *
 * @throws SwarmError NOT_RUNNING when there is none; DATA_DAMAGED when it cannot be understood.
 */
export function loadRoster(folder: SwarmFolder): Roster {
  let text: string;
  try {
    text = readFileSync(folder.roster, 'utf8');
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new SwarmError(
      'NOT_RUNNING',
      `there is no swarm in ${folder.root}; start one with "raft-manager up"`,
    );
  }
  const read = readJsonText(text, schema);
  if (read.ok) return read.value;
  const place = `${folder.roster}:${read.line}:${read.column}`;
  throw new SwarmError('DATA_DAMAGED', `${place} is not a roster of this version: ${read.why}`, {
    path: folder.roster,
  });
}

/**
 * The swarm's secret.
 *
 * @throws SwarmError UNAUTHORIZED when others than its owner may read the file, or it is missing.
 */
export function loadToken(folder: SwarmFolder): string {
  try {
    const mode = statSync(folder.token).mode & 0o077;
    if (mode !== 0) {
      const message = `${folder.token} is open to other users; run "chmod 600 ${folder.token}"`;
      throw new SwarmError('UNAUTHORIZED', message);
    }
    return readFileSync(folder.token, 'utf8').trim();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new SwarmError('UNAUTHORIZED', `${folder.token} is missing; a swarm without it cannot be joined`);
  }
}
