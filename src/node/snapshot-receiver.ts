import { crc32 } from 'node:zlib';
import { SwarmError } from '../protocol/errors.ts';
import type { Message, SnapshotAnswer, SnapshotChunk } from '../protocol/message.ts';
import type { SnapshotMeta } from '../protocol/state.ts';
import type { Core } from '../raft/core.ts';
import type { SnapshotReceipt, SnapshotStore } from '../storage/port.ts';
import type { Restoration } from './port.ts';

interface ReceiverOptions {
  readonly core: Core;
  readonly store: SnapshotStore;
  restore(): Restoration;
  send(message: Message): void;
  /** The snapshot is durable and its state is in `restoration`, ready to take the place of the present one. */
  onReceived(snapshot: SnapshotMeta, restoration: Restoration): void;
  onTrouble(error: SwarmError): void;
}

/** `idle`: the next bytes may come. Otherwise the disk is at work, and what comes is not heard. */
interface Transfer {
  /** The latest of the source's chunks: whom to answer, and for what. */
  readonly first: SnapshotChunk;
  receipt: SnapshotReceipt | undefined;
  phase: 'opening' | 'idle' | 'appending' | 'finishing';
}

/** Takes in the snapshot that the leader sends: bytes to the disk, then the whole of it into the state machine. */
export class SnapshotReceiver {
  readonly #options: ReceiverOptions;
  #transfer: Transfer | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** A chunk of the leader that this node follows. */
  onChunk(chunk: SnapshotChunk): void {
    const { log, durability } = this.#options.core;
    if (chunk.index <= log.commitIndex) {
      this.#transfer = undefined;
      // What is committed may not be on the own disk yet: the sender asks again.
      if (chunk.index <= durability.durableIndex) this.#answer(chunk, 'installed');
      return;
    }
    const transfer = this.#transfer;
    if (transfer === undefined || !isSameSource(transfer.first, chunk)) return this.#begin(chunk);
    const { receipt, phase } = transfer;
    if (receipt === undefined || phase === 'opening' || phase === 'appending') return;
    if (phase === 'idle' && chunk.data.length > 0 && chunk.offset === receipt.heldBytes) {
      if (crc32(chunk.data) === chunk.crc) return this.#append(transfer, receipt, chunk);
      this.#options.onTrouble(
        new SwarmError('MALFORMED', `a piece of the snapshot from ${chunk.from} is damaged`),
      );
    }
    this.#answer(chunk, 'receiving', receipt.heldBytes);
  }

  #begin(chunk: SnapshotChunk): void {
    const transfer: Transfer = { first: chunk, receipt: undefined, phase: 'opening' };
    this.#transfer = transfer;
    const { index, snapshotTerm, totalBytes, term } = chunk;
    this.#options.store.receive({ index, term: snapshotTerm, totalBytes, leaderTerm: term }, (outcome) => {
      if (this.#transfer !== transfer) return;
      if (!outcome.ok) return this.#giveUp(transfer, outcome.error);
      transfer.receipt = outcome.value;
      transfer.phase = 'idle';
      this.#goOn(transfer, outcome.value);
    });
  }

  #append(transfer: Transfer, receipt: SnapshotReceipt, chunk: SnapshotChunk): void {
    transfer.phase = 'appending';
    receipt.append(chunk.data, (outcome) => {
      if (this.#transfer !== transfer) return;
      if (!outcome.ok) return this.#giveUp(transfer, outcome.error);
      transfer.phase = 'idle';
      this.#goOn(transfer, receipt);
    });
  }

  /** Says how far it is, and when all is there, looks whether it is good. */
  #goOn(transfer: Transfer, receipt: SnapshotReceipt): void {
    this.#answer(transfer.first, 'receiving', receipt.heldBytes);
    if (receipt.heldBytes < transfer.first.totalBytes) return;
    transfer.phase = 'finishing';
    receipt.finish((outcome) => {
      if (this.#transfer !== transfer) return;
      if (outcome.ok) this.#load(transfer);
      else this.#giveUp(transfer, outcome.error);
    });
  }

  #load(transfer: Transfer): void {
    const restoration = this.#options.restore();
    let failure: SwarmError | undefined;
    const add = (piece: Uint8Array): void => {
      if (failure !== undefined) return;
      try {
        restoration.add(piece);
      } catch (error) {
        if (!(error instanceof SwarmError)) throw error;
        failure = error;
      }
    };
    this.#options.store.load(add, (outcome) => {
      if (this.#transfer !== transfer) return;
      if (failure !== undefined) return this.#giveUp(transfer, failure);
      if (!outcome.ok) return this.#giveUp(transfer, outcome.error);
      this.#transfer = undefined;
      this.#options.onReceived(outcome.value, restoration);
      this.#answer(transfer.first, 'installed');
    });
  }

  #giveUp(transfer: Transfer, error: SwarmError): void {
    this.#transfer = undefined;
    this.#options.onTrouble(error);
    this.#answer(transfer.first, 'refused');
  }

  #answer(chunk: SnapshotChunk, status: SnapshotAnswer['status'], heldBytes = 0): void {
    const { core, send } = this.#options;
    send({
      type: 'snapshot-answer',
      from: core.id,
      to: chunk.from,
      // Of the term in which it was asked: a later leader has asked nothing.
      term: chunk.term,
      index: chunk.index,
      status,
      heldBytes,
    });
  }
}

/** Pieces of two leaders never mix, nor those of two snapshots. */
function isSameSource(left: SnapshotChunk, right: SnapshotChunk): boolean {
  return (
    left.from === right.from &&
    left.term === right.term &&
    left.index === right.index &&
    left.snapshotTerm === right.snapshotTerm &&
    left.totalBytes === right.totalBytes
  );
}
