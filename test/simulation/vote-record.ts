import type { NodeId, Term } from '../../src/protocol/ids.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { DurableImage } from './disk.ts';
import { Violation } from './violation.ts';

/** What nodes promised each other in messages, and whether their disks would remember it after a crash. */
export class VoteRecord {
  readonly #durable: (id: NodeId) => DurableImage;
  readonly #votes = new Map<string, NodeId>();
  /** The highest term in which a node gave a promise. */
  readonly #promisedTerm = new Map<NodeId, Term>();

  constructor(durable: (id: NodeId) => DurableImage) {
    this.#durable = durable;
  }

  /** A process of node `id` has come up with what its disk remembers. */
  onRecovered(id: NodeId, term: Term): void {
    const promised = this.#promisedTerm.get(id) ?? 0;
    if (term >= promised) return;
    throw new Violation('Terms rise', `${id} came back in term ${term} after a promise in term ${promised}`);
  }

  /** `message` leaves a node that is in `currentTerm`. */
  onSent(message: Message, currentTerm: Term | undefined): void {
    switch (message.type) {
      case 'vote-request':
        return this.#onVote(message.from, message.term, message.from);
      case 'vote-response':
        if (message.granted) this.#onVote(message.from, message.term, message.to);
        return;
      case 'append-response':
        // An answer that waited for the disk while a newer term began is void: nobody counts it any more.
        if (message.result.kind === 'accepted' && message.term === currentTerm) {
          this.#onAccepted(message.from, message.term, message.result.matchIndex);
        }
        return;
      default:
        return;
    }
  }

  /** At most one vote a term, across crashes, and none that could be forgotten. §5.2 */
  #onVote(voter: NodeId, term: Term, candidate: NodeId): void {
    const key = `${voter} ${term}`;
    const earlier = this.#votes.get(key);
    if (earlier !== undefined && earlier !== candidate) {
      throw new Violation(
        'One vote a term',
        `${voter} voted for ${earlier} and for ${candidate} in term ${term}`,
      );
    }
    this.#votes.set(key, candidate);
    this.#promise(voter, term);
    const { hardState } = this.#durable(voter);
    if (hardState.term > term || (hardState.term === term && hardState.votedFor === candidate)) return;
    throw new Violation(
      'Durable before it is said',
      `${voter} votes for ${candidate} in term ${term} from memory`,
    );
  }

  #onAccepted(node: NodeId, term: Term, matchIndex: number): void {
    this.#promise(node, term);
    const { lastIndex, hardState } = this.#durable(node);
    if (lastIndex >= matchIndex && hardState.term >= term) return;
    throw new Violation(
      'Durable before it is said',
      `${node} accepts up to ${matchIndex} in term ${term}; its disk holds ${lastIndex} and term ${hardState.term}`,
    );
  }

  #promise(node: NodeId, term: Term): void {
    if (term > (this.#promisedTerm.get(node) ?? 0)) this.#promisedTerm.set(node, term);
  }
}
