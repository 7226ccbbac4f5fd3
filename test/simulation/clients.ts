import type { Applied, RaftNode } from '../../src/node/port.ts';
import type { ErrorCode, Outcome } from '../../src/protocol/errors.ts';
import type { LogIndex, NodeId } from '../../src/protocol/ids.ts';
import type { Chance } from './chance.ts';
import {
  encodeAppend,
  type ListInput,
  type ListMachine,
  type ListOperation,
  type Values,
} from './list-machine.ts';
import { Violation } from './violation.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Tallies what was seen to happen. */
export type Count = (name: string, times: number) => void;

/** A node as a client meets it. */
export interface Server {
  readonly node: RaftNode<Values>;
  readonly machine: ListMachine;
}

export interface ClientsOptions {
  readonly time: VirtualTime;
  readonly chance: Chance;
  /** Who may be called now. */
  readonly nodes: () => readonly NodeId[];
  /** The process called so, if it runs. */
  readonly server: (id: NodeId) => Server | undefined;
  readonly note: (who: string, what: string) => void;
  readonly count: Count;
  readonly keys: number;
  /** Share of the reads that trust the leader's lease. */
  readonly leaseReadShare: number;
  /** Reads skip the barrier, to prove that the history check would see it. */
  readonly readsWithoutBarrier: boolean;
}

/** Refusals that promise that nothing was proposed, or that it can never be committed. */
const NOT_APPLIED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NOT_LEADER',
  'NO_QUORUM',
  'BUSY',
  'PROPOSAL_DROPPED',
  'PROPOSAL_TOO_LARGE',
  'TRANSFER_IN_PROGRESS',
  'STOPPED',
]);

const READ_SHARE = 0.35;

const ignore = (): void => undefined;

/** Clients of a simulated swarm, and what they were told: the history that must be linearizable. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #operations: ListOperation[] = [];
  readonly #pending = new Set<{ readonly input: ListInput; readonly invokedAt: number }>();
  readonly #refused = new Set<number>();
  readonly #appliedAt = new Map<number, LogIndex>();
  #place = 0;
  #nextId = 1;
  #isOpen = true;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** A crowd that calls any node, with a pause of `everyMs` between one call and the next, answered or not. */
  start(everyMs: { readonly min: number; readonly max: number }): void {
    const { time, chance } = this.#options;
    const arrive = (): void => {
      if (!this.#isOpen) return;
      this.#call();
      time.schedule({
        at: time.now + chance.integer(everyMs.min, everyMs.max),
        owner: undefined,
        run: arrive,
      });
    };
    arrive();
  }

  /** No client begins anything from now on. */
  stop(): void {
    this.#isOpen = false;
  }

  /** Everything that was answered or may have happened. */
  history(): readonly ListOperation[] {
    const open = [...this.#pending].map((call) => ({
      ...call,
      output: undefined,
      returnedAt: Number.POSITIVE_INFINITY,
    }));
    return [...this.#operations, ...open];
  }

  get pendingCalls(): number {
    return this.#pending.size;
  }

  get keys(): readonly string[] {
    return Array.from({ length: this.#options.keys }, (_, at) => `k${at}`);
  }

  /** Appends through node `to`. */
  append(to: NodeId, key: string, done: (error: ErrorCode | undefined) => void): void {
    const server = this.#options.server(to);
    if (server === undefined) return done('STOPPED');
    const id = this.#nextId++;
    this.#options.note(to, `client appends ${id} to ${key}`);
    const end = this.#begin<Applied<Values>>({ kind: 'append', key, id }, to, done, ({ result }) => result);
    server.node.propose(encodeAppend({ key, id }), (outcome) => {
      if (outcome.ok) this.#expectPlace(id, outcome.value.index);
      else if (NOT_APPLIED.has(outcome.error.code)) this.#refuse(id, outcome.error.code);
      end(outcome);
    });
  }

  /** Reads through node `to`, from its own state machine. */
  read(to: NodeId, key: string, done: (error: ErrorCode | undefined) => void): void {
    const server = this.#options.server(to);
    if (server === undefined) return done('STOPPED');
    this.#options.note(to, `client reads ${key}`);
    const end = this.#begin<LogIndex>({ kind: 'read', key }, to, done, () => server.machine.read(key));
    if (this.#options.readsWithoutBarrier) end({ ok: true, value: 0 as LogIndex });
    else {
      const { chance, leaseReadShare } = this.#options;
      server.node.readBarrier(end, chance.happens(leaseReadShare) ? 'lease' : 'quorum');
    }
  }

  /** A command was committed at `index`: at one place only, and never after its client was told that it was not. */
  onCommitted(id: number, index: LogIndex): void {
    const known = this.#appliedAt.get(id);
    if (known !== undefined && known !== index) {
      throw new Violation('Exactly once', `append ${id} is committed at ${known} and at ${index}`);
    }
    this.#appliedAt.set(id, index);
    if (this.#refused.has(id)) {
      throw new Violation(
        'Honest refusal',
        `append ${id} is committed at ${index}, but its client was told it was not`,
      );
    }
  }

  #call(): void {
    const { time, chance, nodes } = this.#options;
    const to = chance.pick(nodes());
    const key = chance.pick(this.keys);
    const isRead = chance.happens(READ_SHARE);
    // A paused process takes the request in when it goes on, like everything that is addressed to it.
    const run = (): void => (isRead ? this.read(to, key, ignore) : this.append(to, key, ignore));
    time.schedule({ at: time.now, owner: to, run });
  }

  #begin<T>(
    input: ListInput,
    to: NodeId,
    done: (error: ErrorCode | undefined) => void,
    output: (value: T) => Values,
  ): (outcome: Outcome<T>) => void {
    const call = { input, invokedAt: this.#place++ };
    this.#pending.add(call);
    let isEnded = false;
    return (outcome) => {
      if (isEnded) throw new Violation('Called back once', `${input.kind} through ${to} was answered twice`);
      isEnded = true;
      this.#pending.delete(call);
      const label = outcome.ok ? 'ok' : outcome.error.code;
      this.#options.count(`${input.kind} ${label}`, 1);
      this.#options.note(
        to,
        `answers ${input.kind} ${input.kind === 'append' ? input.id : input.key}: ${label}`,
      );
      this.#record(call, outcome, output);
      done(outcome.ok ? undefined : outcome.error.code);
    };
  }

  #record<T>(
    call: { readonly input: ListInput; readonly invokedAt: number },
    outcome: Outcome<T>,
    output: (value: T) => Values,
  ): void {
    if (outcome.ok) {
      this.#operations.push({ ...call, output: output(outcome.value), returnedAt: this.#place++ });
    } else if (call.input.kind === 'append' && !NOT_APPLIED.has(outcome.error.code)) {
      this.#operations.push({ ...call, output: undefined, returnedAt: Number.POSITIVE_INFINITY });
    }
  }

  #expectPlace(id: number, index: LogIndex): void {
    const known = this.#appliedAt.get(id) ?? index;
    // The answer may come within the very event that commits the entry, before anybody else could see it.
    this.#appliedAt.set(id, known);
    if (known === index) return;
    throw new Violation(
      'Exactly once',
      `append ${id} was answered with index ${index}, committed at ${known}`,
    );
  }

  #refuse(id: number, code: ErrorCode): void {
    this.#refused.add(id);
    const index = this.#appliedAt.get(id);
    if (index === undefined) return;
    throw new Violation(
      'Honest refusal',
      `append ${id} was answered with ${code}, but is committed at ${index}`,
    );
  }
}
