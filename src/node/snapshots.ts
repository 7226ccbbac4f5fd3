import type { Entry } from '../protocol/entry.ts';
import type { Outcome, SwarmError } from '../protocol/errors.ts';
import type { LogIndex, Millis, NodeId } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';
import type { SnapshotMeta } from '../protocol/state.ts';
import type { Core } from '../raft/core.ts';
import type { Event } from '../raft/effects.ts';
import type { SnapshotStore } from '../storage/port.ts';
import type { Restoration, StateMachine } from './port.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import { SnapshotSender } from './snapshot-sender.ts';
import { SnapshotTaker } from './snapshot-taker.ts';

interface SnapshotsOptions {
  readonly core: Core;
  readonly store: SnapshotStore;
  readonly machine: Pick<StateMachine, 'capture' | 'restore'>;
  readonly everyBytes: number;
  readonly everyEntries: number;
  send(message: Message): void;
  step(event: Event): void;
  onTrouble(error: SwarmError): void;
}

/** Everything a node does with snapshots: takes its own, sends them to who lags behind, takes in the leader's. */
export class Snapshots {
  readonly #core: Core;
  readonly #taker: SnapshotTaker;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  /** A state that came whole, until the core says that it takes the place of the present one. */
  #restoration: Restoration | undefined;

  constructor(options: SnapshotsOptions) {
    const { core, machine, step } = options;
    this.#core = core;
    this.#taker = new SnapshotTaker({
      ...options,
      capture: () => machine.capture(),
      onSaved: (snapshot) => step({ type: 'snapshot-saved', snapshot }),
    });
    this.#sender = new SnapshotSender({ ...options, patienceMs: core.config.electionTimeoutMinMs });
    this.#receiver = new SnapshotReceiver({
      ...options,
      restore: () => machine.restore(),
      onReceived: (snapshot, restoration) => {
        this.#restoration = restoration;
        step({ type: 'snapshot-received', snapshot });
        this.#restoration = undefined;
      },
    });
  }

  onApplied(entry: Entry): void {
    this.#taker.onApplied(entry);
  }

  /** End of a turn. What becomes of it, the store tells. */
  takeIfDue(appliedIndex: LogIndex): void {
    if (this.#taker.isDue()) this.#taker.take(appliedIndex, () => undefined);
  }

  take(appliedIndex: LogIndex, done: (outcome: Outcome<SnapshotMeta>) => void): void {
    this.#taker.take(appliedIndex, done);
  }

  sendTo(peer: NodeId): void {
    this.#sender.begin(peer);
  }

  /** After the core has heard it: whom this node follows is settled then. */
  onMessage(message: Message): void {
    const { role, term } = this.#core;
    if (message.term !== term) return;
    if (message.type === 'snapshot-answer') this.#sender.onAnswer(message);
    else if (
      message.type === 'snapshot-chunk' &&
      role.kind === 'follower' &&
      role.leaderId === message.from
    ) {
      this.#receiver.onChunk(message);
    }
  }

  onLinkClosed(peer: NodeId): void {
    this.#sender.onLinkClosed(peer);
  }

  endSending(): void {
    this.#sender.endAll();
  }

  /** The core has taken the log back to the snapshot that came: now the state machine follows. */
  finishRestoration(): void {
    this.#restoration?.finish();
    this.#taker.onRestored();
  }

  deadline(): Millis {
    return this.#sender.deadline();
  }

  expire(now: Millis): void {
    this.#sender.expire(now);
  }

  stop(error: SwarmError): void {
    this.#taker.stop(error);
    this.#sender.endAll();
  }
}
