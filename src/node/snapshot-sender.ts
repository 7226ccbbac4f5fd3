import { crc32 } from 'node:zlib';
import { NO_DATA } from '../protocol/entry.ts';
import type { SwarmError } from '../protocol/errors.ts';
import type { Millis, NodeId } from '../protocol/ids.ts';
import { MAX_SNAPSHOT_CHUNK_BYTES } from '../protocol/limits.ts';
import type { Message, SnapshotAnswer } from '../protocol/message.ts';
import type { Core } from '../raft/core.ts';
import type { SnapshotReader, SnapshotStore } from '../storage/port.ts';

interface SenderOptions {
  readonly core: Core;
  readonly store: SnapshotStore;
  /** How long an answer may take before it is asked for again. */
  readonly patienceMs: Millis;
  send(message: Message): void;
  onTrouble(error: SwarmError): void;
}

/**
 * One peer's transfer. `asked`: the peer shall say how much it holds; `reading`: the next chunk comes from the
 * disk; `sent`: the chunk at `offset` is on its way.
 */
interface Session {
  readonly peer: NodeId;
  reader: SnapshotReader | undefined;
  phase: 'opening' | 'asked' | 'reading' | 'sent';
  offset: number;
  retryAt: Millis;
}

/**
 * Sends snapshots to peers, one chunk under way to each: a chunk leaves when the one before it is on the
 * peer's disk, so neither the peer's memory nor the link can fill up, and heartbeats never wait for more than one.
 */
export class SnapshotSender {
  readonly #options: SenderOptions;
  readonly #sessions = new Map<NodeId, Session>();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** `peer` needs a snapshot; one that was broken off goes on where the peer says. */
  begin(peer: NodeId): void {
    const session = this.#sessions.get(peer) ?? this.#newSession(peer);
    const { core, store } = this.#options;
    const { reader } = session;
    if (reader !== undefined && reader.meta.index >= core.log.base.index) return this.#ask(session, reader);
    if (session.phase === 'opening' && session.retryAt > core.now) return;
    reader?.close();
    session.reader = undefined;
    session.phase = 'opening';
    session.retryAt = core.now + this.#options.patienceMs;
    store.open((outcome) => {
      if (!this.#isCurrent(session) || session.phase !== 'opening') {
        if (outcome.ok) outcome.value.close();
      } else if (outcome.ok) {
        session.reader = outcome.value;
        this.#ask(session, outcome.value);
      } else this.#options.onTrouble(outcome.error);
    });
  }

  onAnswer(answer: SnapshotAnswer): void {
    const session = this.#sessions.get(answer.from);
    const reader = session?.reader;
    if (session === undefined || reader === undefined || reader.meta.index !== answer.index) return;
    if (answer.status === 'installed') return this.#end(session);
    // Tried again in its time, from the start: the peer has thrown away what it had.
    if (answer.status === 'refused') return;
    const isNews =
      session.phase === 'asked' || (session.phase === 'sent' && answer.heldBytes > session.offset);
    if (!isNews) return;
    session.retryAt = this.#options.core.now + this.#options.patienceMs;
    if (answer.heldBytes < reader.totalBytes) this.#sendNext(session, reader, answer.heldBytes);
  }

  /** What was on its way is lost; the reader stays open for the day on which the peer is back. */
  onLinkClosed(peer: NodeId): void {
    const session = this.#sessions.get(peer);
    if (session !== undefined) session.retryAt = Number.POSITIVE_INFINITY;
  }

  /** This node leads no longer, or stops. */
  endAll(): void {
    for (const session of this.#sessions.values()) this.#end(session);
  }

  /** When the first peer is asked again. */
  deadline(): Millis {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { retryAt } of this.#sessions.values()) earliest = Math.min(earliest, retryAt);
    return earliest;
  }

  expire(now: Millis): void {
    for (const session of this.#sessions.values()) {
      if (session.retryAt > now) continue;
      // Also where the disk is still at work, or the time would never come again.
      session.retryAt = now + this.#options.patienceMs;
      this.begin(session.peer);
    }
    this.#dropIdle();
  }

  /** Peers that have caught up by another way, or belong here no longer. */
  #dropIdle(): void {
    const { role } = this.#options.core;
    for (const session of this.#sessions.values()) {
      const isWanted = role.kind === 'leader' && role.progress.get(session.peer)?.mode === 'snapshot';
      if (!isWanted) this.#end(session);
    }
  }

  #newSession(peer: NodeId): Session {
    const session: Session = { peer, reader: undefined, phase: 'opening', offset: 0, retryAt: 0 };
    this.#sessions.set(peer, session);
    return session;
  }

  #ask(session: Session, reader: SnapshotReader): void {
    if (session.phase === 'reading') return;
    session.phase = 'asked';
    this.#send(session, reader, { offset: 0, data: NO_DATA });
  }

  #sendNext(session: Session, reader: SnapshotReader, offset: number): void {
    session.phase = 'reading';
    session.offset = offset;
    const length = Math.min(MAX_SNAPSHOT_CHUNK_BYTES, reader.totalBytes - offset);
    reader.read(offset, length, (outcome) => {
      if (!this.#isCurrent(session) || session.reader !== reader) return;
      session.phase = 'sent';
      if (outcome.ok) this.#send(session, reader, { offset, data: outcome.value });
      else this.#options.onTrouble(outcome.error);
    });
  }

  #send(session: Session, reader: SnapshotReader, chunk: { offset: number; data: Uint8Array }): void {
    const { core, send, patienceMs } = this.#options;
    session.retryAt = core.now + patienceMs;
    send({
      type: 'snapshot-chunk',
      from: core.id,
      to: session.peer,
      term: core.term,
      index: reader.meta.index,
      snapshotTerm: reader.meta.term,
      totalBytes: reader.totalBytes,
      ...chunk,
      crc: crc32(chunk.data),
    });
  }

  #end(session: Session): void {
    session.reader?.close();
    this.#sessions.delete(session.peer);
  }

  #isCurrent(session: Session): boolean {
    return this.#sessions.get(session.peer) === session;
  }
}
