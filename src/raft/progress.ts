import type { LogIndex, NodeId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';

/** An append that is on its way: its last index, and what it weighs. */
export interface Inflight {
  readonly lastIndex: LogIndex;
  readonly bytes: number;
}

/**
 * What the leader knows of one peer's log. Every transition is a function of this file.
 *
 * - `probe`: where the logs agree is not known; one append at a time, then `paused` until an answer
 *   or the next heartbeat's answer.
 * - `replicate`: the logs agree; appends are pipelined ahead of their answers.
 * - `snapshot`: what it lacks is not in the log any more; the snapshot at `pendingIndex` is on its way. §7
 */
export type Progress =
  | {
      readonly mode: 'probe';
      readonly matchIndex: LogIndex;
      readonly nextIndex: LogIndex;
      readonly paused: boolean;
    }
  | {
      readonly mode: 'replicate';
      readonly matchIndex: LogIndex;
      readonly nextIndex: LogIndex;
      readonly inflight: readonly Inflight[];
    }
  | {
      readonly mode: 'snapshot';
      readonly matchIndex: LogIndex;
      readonly pendingIndex: LogIndex;
    };

export interface InflightBounds {
  readonly maxInflightAppends: number;
  readonly maxInflightBytes: number;
}

/** A new leader starts at the end of its own log and works back. §5.3 */
export function initialProgress(lastIndex: LogIndex): Progress {
  return { mode: 'probe', matchIndex: 0 as LogIndex, nextIndex: (lastIndex + 1) as LogIndex, paused: false };
}

/** True while nothing may be appended: a probe or a snapshot is out, or the pipeline is full in messages or bytes. */
export function isPaused(progress: Progress, bounds: InflightBounds): boolean {
  if (progress.mode === 'snapshot') return true;
  if (progress.mode === 'probe') return progress.paused;
  if (progress.inflight.length >= bounds.maxInflightAppends) return true;
  return inflightBytes(progress.inflight) >= bounds.maxInflightBytes;
}

function inflightBytes(inflight: readonly Inflight[]): number {
  return inflight.reduce((sum, append) => sum + append.bytes, 0);
}

/** An append that ends with `lastIndex` has left; an empty one has `bytes` 0 and moves nothing on. */
export function onSent(progress: Progress, append: Inflight): Progress {
  invariant(progress.mode !== 'snapshot', 'nothing is appended behind a snapshot on its way');
  if (progress.mode === 'probe') return { ...progress, paused: true };
  if (append.bytes === 0) return progress;
  invariant(append.lastIndex >= progress.nextIndex, 'a pipeline sends forward');
  return {
    ...progress,
    nextIndex: (append.lastIndex + 1) as LogIndex,
    inflight: [...progress.inflight, append],
  };
}

/** The log does not reach back to what the peer lacks: the snapshot at `pendingIndex` must do. */
export function toSnapshot(progress: Progress, pendingIndex: LogIndex): Progress {
  return { mode: 'snapshot', matchIndex: progress.matchIndex, pendingIndex };
}

/**
 * The peer holds everything up to `matchIndex`, durably. An old answer changes nothing, and one below
 * `baseIndex`, behind which the log begins, does not end a snapshot.
 */
export function onAccepted(progress: Progress, matchIndex: LogIndex, baseIndex: LogIndex): Progress {
  if (matchIndex < progress.matchIndex) return progress;
  if (progress.mode === 'snapshot') {
    if (matchIndex < baseIndex) return { ...progress, matchIndex };
    return { mode: 'replicate', matchIndex, nextIndex: (matchIndex + 1) as LogIndex, inflight: [] };
  }
  const nextIndex = Math.max(progress.nextIndex, matchIndex + 1) as LogIndex;
  const inflight =
    progress.mode === 'replicate' ? progress.inflight.filter((append) => append.lastIndex > matchIndex) : [];
  // A probe answered at its match starts the pipeline right behind it, not where the probe guessed.
  const next = progress.mode === 'probe' ? ((matchIndex + 1) as LogIndex) : nextIndex;
  return { mode: 'replicate', matchIndex, nextIndex: next, inflight };
}

/**
 * The peer lacks the entry at `rejectedIndex`; the logs may agree at `agreement`. A rejection of
 * something older than what is known by now changes nothing.
 */
export function onRejected(progress: Progress, rejectedIndex: LogIndex, agreement: LogIndex): Progress {
  if (rejectedIndex <= progress.matchIndex || progress.mode === 'snapshot') return progress;
  if (progress.mode === 'replicate') return toProbe(progress);
  if (rejectedIndex !== progress.nextIndex - 1) return progress;
  const next = Math.max(Math.min(rejectedIndex, agreement + 1), progress.matchIndex + 1);
  return { ...progress, nextIndex: next as LogIndex, paused: false };
}

/** What was on its way is lost (the link closed): begin again behind what is certain. */
export function toProbe(progress: Progress): Progress {
  if (progress.mode === 'probe') return { ...progress, paused: false };
  const nextIndex = (progress.matchIndex + 1) as LogIndex;
  return { mode: 'probe', matchIndex: progress.matchIndex, nextIndex, paused: false };
}

/** What the peer held is likely, and not certain any more: asked for where it is thought to be, and counted on nowhere. */
export function toDoubt(progress: Progress): Progress {
  return { ...toProbe(progress), matchIndex: 0 as LogIndex };
}

/** The peer answered a heartbeat, so one more probe is worth its while. */
export function onHeartbeatAnswered(progress: Progress): Progress {
  return progress.mode === 'probe' ? { ...progress, paused: false } : progress;
}

export type ProgressMap = Map<NodeId, Progress>;
