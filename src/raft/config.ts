import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';
import {
  MAX_APPEND_BYTES,
  MAX_INFLIGHT_APPENDS,
  MAX_INFLIGHT_BYTES,
  MAX_PENDING_READS,
  MAX_UNCOMMITTED_BYTES,
  SNAPSHOT_TAIL_BYTES,
  SNAPSHOT_TAIL_ENTRIES,
} from '../protocol/limits.ts';

const millis = z.number().int().positive();
const count = z.number().int().positive();

const schema = z
  .strictObject({
    /** Time between heartbeats of an idle leader. */
    heartbeatIntervalMs: millis.default(100),
    /** A follower that hears nothing campaigns after a random time in this range. §5.2 */
    electionTimeoutMinMs: millis.default(1000),
    electionTimeoutMaxMs: millis.default(2000),
    /** The same range where silence is certain and not suspected: the leader's link closed, or a swarm starts. */
    hastyTimeoutMinMs: millis.default(10),
    hastyTimeoutMaxMs: millis.default(60),
    /** How long one hasty voting round may take, disk included, before the next is tried. */
    hastyRoundMs: millis.default(150),
    /** Hasty rounds that may be lost before the node goes back to the ordinary range. */
    hastyRounds: z.number().int().min(0).max(100).default(6),
    /** Each lost round doubles the random range, at most this often. */
    maxBackoffDoublings: z.number().int().min(0).max(10).default(3),
    /** Election rank: 0 stands first. Each step adds an eighth of a range's width to the wait. */
    rank: z.number().int().min(0).max(16).default(0),
    standing: z.enum(['eligible', 'last-resort', 'never']).default('eligible'),
    /** A last-resort node waits this many maximal election timeouts on top. */
    lastResortTimeouts: z.number().int().min(1).max(20).default(3),
    /**
     * Lets reads be served on the leader's lease where they ask for it. The same on every node of a swarm: it
     * turns off whatever would elect a new leader before an election timeout is over.
     */
    leaseReads: z.boolean().default(false),
    /** How far clocks of two nodes may drift apart within an election timeout. */
    clockDriftPercent: z.number().min(0).max(90).default(10),
    /** What a snapshot covers but the log keeps, so that a follower that lags a little needs none. */
    snapshotTailBytes: z.number().int().min(0).default(SNAPSHOT_TAIL_BYTES),
    snapshotTailEntries: z.number().int().min(0).default(SNAPSHOT_TAIL_ENTRIES),
    maxAppendBytes: count.default(MAX_APPEND_BYTES),
    maxInflightAppends: count.default(MAX_INFLIGHT_APPENDS),
    maxInflightBytes: count.default(MAX_INFLIGHT_BYTES),
    maxUncommittedBytes: count.default(MAX_UNCOMMITTED_BYTES),
    maxPendingReads: count.default(MAX_PENDING_READS),
  })
  .refine((c) => c.electionTimeoutMinMs > 2 * c.heartbeatIntervalMs, {
    message: 'electionTimeoutMinMs must exceed two heartbeatIntervalMs, or healthy leaders are deposed',
    path: ['electionTimeoutMinMs'],
  })
  .refine((c) => c.electionTimeoutMaxMs > c.electionTimeoutMinMs, {
    message: 'electionTimeoutMaxMs must exceed electionTimeoutMinMs, or votes split for ever',
    path: ['electionTimeoutMaxMs'],
  })
  .refine((c) => c.hastyTimeoutMaxMs > c.hastyTimeoutMinMs, {
    message: 'hastyTimeoutMaxMs must exceed hastyTimeoutMinMs, or votes split for ever',
    path: ['hastyTimeoutMaxMs'],
  });

export type RaftConfig = Readonly<z.output<typeof schema>>;
export type RaftConfigOverrides = z.input<typeof schema>;

/**
 * The defaults of one machine with `overrides`.
 *
 * @throws SwarmError BAD_INPUT naming each field that is unknown, out of range or at odds with another.
 */
export function raftConfig(overrides: RaftConfigOverrides = {}): RaftConfig {
  const parsed = schema.safeParse(overrides);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`,
  );
  throw new SwarmError('BAD_INPUT', `raft configuration: ${problems.join('; ')}`, { problems });
}
