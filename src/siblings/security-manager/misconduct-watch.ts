import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { BALLOT_COMPARISON_MS } from '../../protocol/limits.ts';
import type { Ballot, Misconduct } from '../../protocol/misconduct.ts';
import { members } from '../../protocol/state.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { Companion, CompanionHost } from '../../swarm/companion.ts';
import { REQUEST } from '../../swarm/wire.ts';
import type { TaskEvent } from '../../tasks/event.ts';
import { RECORD_LEVEL } from '../../tasks/records.ts';
import { appendToAudit, memberStore } from './audit-log.ts';
import { policyIn } from './audit-policy.ts';
import { AUDIT_NAMESPACE, parseRecord } from './audit-record.ts';
import { decodeBallots, encodeBallots } from './ballot-codec.ts';
import { Tally } from './tally.ts';
import { type TwoVotes, VoteLedger } from './vote-ledger.ts';

const ASK_TIMEOUT_MS = 5_000;
const NOTHING = new Uint8Array(0);

/**
 * Keeps account of what nobody does who keeps to the protocol: into the audit log it goes, counted; and a member that
 * votes twice in a term is told to stop.
 */
export function watchMisconduct(host: CompanionHost): Companion {
  return new MisconductWatch(host);
}

class MisconductWatch implements Companion {
  readonly #host: CompanionHost;
  readonly #tally = new Tally();
  /** Seen by this node itself. */
  readonly #seen = new VoteLedger();
  /** Seen by anybody, while this node leads. */
  readonly #told = new VoteLedger();
  #isUp = false;
  #isLeading = false;
  #isWriting = false;
  #timer: NodeJS.Timeout | undefined;
  #comparison: NodeJS.Timeout | undefined;

  constructor(host: CompanionHost) {
    this.#host = host;
  }

  readonly requests = new Map([[REQUEST.ballots, async () => encodeBallots(this.#seen.ballots)]]);

  start(): void {
    this.#isUp = true;
    this.#schedule();
  }

  begin(): void {
    this.#isLeading = true;
    this.#comparison = setInterval(() => void this.#compare(), BALLOT_COMPARISON_MS);
  }

  end(): void {
    this.#isLeading = false;
    clearInterval(this.#comparison);
  }

  async stop(): Promise<void> {
    this.#isUp = false;
    this.end();
    clearTimeout(this.#timer);
  }

  onApplied(_index: number, events: readonly TaskEvent[]): void {
    if (events.some(({ type }) => type === 'level')) this.#schedule();
  }

  onMisconduct(misconduct: Misconduct): void {
    this.#tally.add(misconduct);
    this.#schedule();
  }

  onBallot(ballot: Ballot): void {
    const contradiction = this.#seen.note({ ...ballot, witness: this.#host.id });
    if (contradiction === undefined) return;
    this.#name(contradiction);
    if (policyIn(this.#host.machine) !== 'off') this.#quarantine(contradiction);
  }

  /** Whoever leads writes down who belongs to the swarm from now on; the change is an operator's, or a sibling's. */
  onConfiguration(): void {
    const { voters, learners, votersOutgoing } = this.#host.status().configuration;
    if (!this.#isLeading || votersOutgoing.length > 0) return;
    const detail = `voters ${voters.join(', ')}; learners ${learners.join(', ') || 'none'}`;
    if (detail === this.#lastMembership()) return;
    this.#tally.add({ kind: 'membership', subject: `term ${this.#host.status().term}`, detail });
    this.#schedule();
  }

  #lastMembership(): string | undefined {
    let last: string | undefined;
    for (const { namespace, value } of this.#host.machine.records.values()) {
      const record = namespace === AUDIT_NAMESPACE ? parseRecord(value) : undefined;
      if (record?.kind === 'membership') last = record.detail;
    }
    return last;
  }

  /** Asks the members what each has seen, and holds it against each other. */
  async #compare(): Promise<void> {
    const { id, onTrouble, status } = this.#host;
    for (const ballot of this.#seen.ballots) this.#hear(ballot, id);
    const others = members(status().configuration).filter((member) => member !== id);
    try {
      await Promise.all(others.map((member) => this.#ask(member)));
    } catch (error) {
      onTrouble(error);
    }
  }

  async #ask(member: NodeId): Promise<void> {
    const { folder, name, urlOf, version } = this.#host;
    const url = urlOf(member);
    if (url === undefined) return;
    const client = new SwarmClient({ folder, name, version, url });
    try {
      const ballots = decodeBallots(await client.ask(REQUEST.ballots, NOTHING, ASK_TIMEOUT_MS));
      for (const ballot of ballots) this.#hear(ballot, member);
    } catch (error) {
      // It is down, or of a release that keeps no account: the others have seen their part.
      if (!(error instanceof SwarmError)) throw error;
    } finally {
      await client.close();
    }
  }

  #hear(ballot: Ballot, witness: NodeId): void {
    const contradiction = this.#told.note({ ...ballot, witness });
    if (contradiction === undefined) return;
    // Whoever saw both has named it, and done what is to be done.
    if (contradiction.first.witness === contradiction.second.witness) return;
    this.#name(contradiction);
    if (policyIn(this.#host.machine) === 'reported') this.#quarantine(contradiction);
  }

  #name(contradiction: TwoVotes): void {
    const detail = inWords(contradiction);
    this.#host.onTrouble(new SwarmError('DIVERGED', detail));
    this.onMisconduct({ kind: 'two-votes', subject: `member ${contradiction.voter}`, detail });
  }

  #quarantine(contradiction: TwoVotes): void {
    const { onTrouble, quarantine } = this.#host;
    const { voter, term } = contradiction;
    const why = `${inWords(contradiction)}: a majority of such votes elects two coordinators`;
    quarantine(voter, why).then(
      () =>
        this.onMisconduct({
          kind: 'two-votes',
          subject: `member ${voter}`,
          detail: `told to stop for what it did in term ${term}`,
        }),
      onTrouble,
    );
  }

  #schedule(): void {
    const dueAt = this.#tally.dueAt;
    if (!this.#isUp || dueAt === undefined || this.#isWriting) return;
    clearTimeout(this.#timer);
    const wait = Math.max(0, dueAt - performance.now());
    this.#timer = setTimeout(() => void this.#write(), wait);
    this.#timer.unref();
  }

  async #write(): Promise<void> {
    const { id: by, machine, onTrouble } = this.#host;
    // Some member is of a release that knows no records: when the level rises, it is tried again.
    if (machine.level < RECORD_LEVEL) return;
    const counted = this.#tally.take(performance.now());
    this.#isWriting = true;
    try {
      await appendToAudit(
        memberStore(this.#host),
        counted.map((one) => ({ ...one, by })),
        Date.now(),
      );
    } catch (error) {
      // Without a quorum nothing is written: what was counted is written with what is counted by then.
      for (const { count, ...seen } of counted) this.#tally.add(seen, count);
      if (!(error instanceof SwarmError)) onTrouble(error);
    } finally {
      this.#isWriting = false;
      this.#schedule();
    }
  }
}

function inWords({ voter, term, first, second }: TwoVotes): string {
  const [one, other] = [first, second].map(({ candidate, witness }) => `${candidate} (so ${witness})`);
  return `${voter} has voted for ${one} and for ${other} in term ${term}`;
}
