import type { WebSocket } from 'ws';
import { type ErrorCode, type Outcome, SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { MAX_FRAME_BYTES } from '../protocol/limits.ts';
import type { Message } from '../protocol/message.ts';
import type { LinkCredentials } from './client-credentials.ts';
import { closeWith } from './closing.ts';
import { encodeMessages } from './codec-encode.ts';
import { arrange } from './departure.ts';
import { type Dialled, type DialOptions, dial } from './handshake.ts';
import type { Hello, Identity } from './hello.ts';
import { type Sequence, take } from './sequence.ts';

const RENEWED = new SwarmError('STOPPED', 'a new link has taken its place');

const FIRST_BACKOFF_MS = 20;
const MAX_BACKOFF_MS = 1_000;

/**
 * Who is refused for what it is will hardly be let in a second later. Nothing is lost by patience: a peer that
 * has come to want us dials us itself, and then we dial at once.
 */
const MAX_REFUSED_BACKOFF_MS = 15_000;
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'UNKNOWN_NODE',
  'WRONG_CLUSTER',
  'WRONG_PROTOCOL',
  'UNAUTHORIZED',
  'REVOKED',
]);

export interface PeerLinkOptions {
  readonly peer: NodeId;
  readonly ours: Identity;
  /** What the own server listens on. */
  readonly host: string;
  /** Asked before each attempt: a restarted peer has another port. `undefined`: not known yet. */
  readonly resolve: (peer: NodeId) => Promise<string | undefined>;
  /** The level of the log: a peer of a release that knows less could not follow it. */
  readonly leastLevel: () => number;
  /** Asked before each attempt; undefined: without TLS. */
  readonly credentials?: () => LinkCredentials | undefined;
  /** In [0, 1); spreads the attempts of many nodes. */
  readonly random: () => number;
  /** Unsent bytes at which the peer counts as too slow, and the link is dropped. */
  readonly maxBufferedBytes: number;
  readonly onUp: () => void;
  readonly onDown: () => void;
  /** The peer has said that this node was revoked. */
  readonly onRevoked?: (error: SwarmError) => void;
  /** Why an attempt or a link failed; for the log of the operator. */
  readonly onTrouble: (error: SwarmError) => void;
}

type LinkState =
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'resolving' }
  | { readonly kind: 'dialling'; readonly cancel: () => void }
  | UpState
  | { readonly kind: 'closed' };

interface UpState {
  readonly kind: 'up';
  readonly socket: WebSocket;
  readonly hello: Hello;
  readonly outgoing: Sequence | undefined;
  readonly link: Dialled;
  readonly since: number;
  /** The last piece of a snapshot is not with the kernel yet. */
  bulk: 'sent' | 'waiting';
}

/** The outbound half of a pair: carries our messages to one peer, and comes back whenever it breaks. */
export class PeerLink {
  private readonly options: PeerLinkOptions;
  private state: LinkState = { kind: 'resolving' };
  /** Attempts since the link was last up for a good while. */
  private attempts = 0;

  constructor(options: PeerLinkOptions) {
    this.options = options;
    this.connect();
  }

  get isUp(): boolean {
    return this.state.kind === 'up';
  }

  /** The link as it was dialled; undefined while it is down. */
  get link(): Dialled | undefined {
    return this.state.kind === 'up' ? this.state.link : undefined;
  }

  /** Trust has changed: a link to somebody who is not to be talked to any more is cut. */
  recheck(): void {
    if (this.state.kind !== 'up') return;
    const { certificate } = this.state.link;
    const credentials = this.options.credentials?.();
    if (certificate === undefined || credentials === undefined) return;
    const why = credentials.objection(certificate);
    if (why === undefined) return;
    this.report(new SwarmError('UNAUTHORIZED', why));
    this.leave(this.state.socket);
  }

  /**
   * Opens another link beside the one that is up, with the certificate that is shown now, and changes over to it: nothing
   * is lost, and nobody sees the peer go. Where that fails, the old one stays.
   */
  async renew(): Promise<void> {
    const { state } = this;
    if (state.kind !== 'up') return;
    const { peer, ours, resolve } = this.options;
    const url = await resolve(peer);
    if (url === undefined) return;
    const again = { ...this.dialling(url), ours: { ...ours, renewal: true } };
    const outcome = await new Promise<Outcome<Dialled>>((settle) => void dial(again, settle));
    if (!outcome.ok) return this.report(outcome.error);
    if (this.state !== state) return void closeWith(outcome.value.socket, RENEWED);
    this.adopt(outcome.value);
    await closeWith(state.socket, RENEWED);
  }

  /**
   * One frame, and one for each piece of a snapshot; more only if the messages do not fit. Dropped while the link is
   * down, and a piece also while the one before it waits: heartbeats must never queue behind two.
   */
  send(messages: readonly Message[]): void {
    if (this.state.kind !== 'up') return;
    const { prompt, bulk, foreign } = arrange(messages, this.state.hello.protocol);
    if (foreign.length > 0) this.report(tooNew(foreign, this.state.hello));
    if (prompt.length > 0) this.sendFrame(prompt);
    for (const piece of bulk) this.sendPiece(piece);
  }

  /**
   * The peer was heard: dial now rather than at the end of the back-off. A link to an earlier life of
   * its process (`nonce` differs) leads nowhere and is dialled anew.
   */
  poke(nonce: string): void {
    this.attempts = 0;
    if (this.state.kind === 'up' && this.state.hello.nonce !== nonce) this.leave(this.state.socket);
    if (this.state.kind !== 'waiting') return;
    clearTimeout(this.state.timer);
    this.connect();
  }

  /** For good. Says nothing more, `onDown` included. */
  async close(error: SwarmError): Promise<void> {
    const { state } = this;
    this.state = { kind: 'closed' };
    if (state.kind === 'waiting') clearTimeout(state.timer);
    if (state.kind === 'dialling') state.cancel();
    if (state.kind === 'up') await closeWith(state.socket, error);
  }

  private sendPiece(piece: Message): void {
    const { state } = this;
    if (state.kind !== 'up' || state.bulk === 'waiting') return;
    state.bulk = 'waiting';
    this.sendFrame([piece], () => {
      state.bulk = 'sent';
    });
  }

  /** `onSent`: the kernel has all of it, or the link is gone. */
  private sendFrame(messages: readonly Message[], onSent?: () => void): void {
    if (this.state.kind !== 'up') return;
    const { socket, outgoing } = this.state;
    const frame = encodeMessages(messages, outgoing?.next);
    if (frame.length > MAX_FRAME_BYTES) return this.sendHalves(messages, frame.length);
    if (socket.bufferedAmount + frame.length > this.options.maxBufferedBytes) return this.dropSlow(socket);
    take(outgoing);
    socket.send(frame, onSent);
  }

  /** So rare that encoding twice is cheaper than measuring every frame beforehand. */
  private sendHalves(messages: readonly Message[], length: number): void {
    if (messages.length === 1) return this.report(frameTooLarge(length));
    const middle = messages.length >> 1;
    this.sendFrame(messages.slice(0, middle));
    this.sendFrame(messages.slice(middle));
  }

  private connect(): void {
    const { peer, resolve } = this.options;
    const attempt: LinkState = { kind: 'resolving' };
    this.state = attempt;
    const withUrl = (url: string | undefined): void => {
      if (this.state !== attempt) return;
      if (url === undefined) return this.retryLater();
      const cancel = dial(this.dialling(url), (outcome) => {
        if (this.state.kind !== 'dialling' || this.state.cancel !== cancel) return;
        if (outcome.ok) return this.goUp(outcome.value);
        this.report(outcome.error);
        if (outcome.error.code === 'REVOKED') this.options.onRevoked?.(outcome.error);
        this.retryLater(REFUSALS.has(outcome.error.code) ? MAX_REFUSED_BACKOFF_MS : MAX_BACKOFF_MS);
      });
      this.state = { kind: 'dialling', cancel };
    };
    resolve(peer).then(withUrl, (cause: unknown) => {
      this.report(new SwarmError('UNKNOWN_NODE', `no address is known: ${String(cause)}`));
      withUrl(undefined);
    });
  }

  private dialling(url: string): DialOptions {
    const { host, peer, ours, leastLevel, credentials } = this.options;
    const objection = (id: NodeId): string | undefined =>
      id === peer ? undefined : `${id} answers where ${peer} was looked for`;
    const expected = { kind: 'peer', objection, leastLevel } as const;
    return { url, ours, expected, from: host, credentials: credentials?.() };
  }

  private goUp(link: Dialled): void {
    this.adopt(link);
    this.options.onUp();
  }

  private adopt(link: Dialled): void {
    const { socket, hello, sequences } = link;
    const outgoing = sequences?.outgoing;
    this.state = { kind: 'up', socket, hello, outgoing, link, since: performance.now(), bulk: 'sent' };
    // The other half of the pair is the peer's own link; nothing is said against the stream.
    socket.once('message', () =>
      closeWith(socket, new SwarmError('MALFORMED', 'only the dialler sends here')),
    );
    socket.on('close', () => this.goDown(socket));
  }

  private goDown(socket: WebSocket): void {
    if (this.state.kind !== 'up' || this.state.socket !== socket) return;
    // A peer that accepts and drops at once must not be dialled fifty times a second for ever.
    if (performance.now() - this.state.since > MAX_BACKOFF_MS) this.attempts = 0;
    this.retryLater();
    this.options.onDown();
  }

  private dropSlow(socket: WebSocket): void {
    this.report(new SwarmError('LIMIT_EXCEEDED', 'the peer reads too slowly; the link is opened anew'));
    this.leave(socket);
  }

  private leave(socket: WebSocket): void {
    socket.terminate();
    this.goDown(socket);
  }

  private retryLater(maxBackoffMs = MAX_BACKOFF_MS): void {
    const ceiling = Math.min(maxBackoffMs, FIRST_BACKOFF_MS * 2 ** this.attempts);
    this.attempts += 1;
    const delay = ceiling * (0.5 + this.options.random() / 2);
    this.state = { kind: 'waiting', timer: setTimeout(() => this.connect(), delay) };
  }

  /** Many links report to one log. */
  private report({ code, message, details }: SwarmError): void {
    const { peer, onTrouble } = this.options;
    onTrouble(new SwarmError(code, `link to ${peer}: ${message}`, { ...details, peer }));
  }
}

function tooNew(messages: readonly Message[], { version, protocol }: Hello): SwarmError {
  const types = [...new Set(messages.map(({ type }) => type))].join(', ');
  const message = `release ${version} there does not know ${types} yet; upgrade that node`;
  return new SwarmError('WRONG_PROTOCOL', message, { protocol });
}

function frameTooLarge(length: number): SwarmError {
  return new SwarmError(
    'LIMIT_EXCEEDED',
    `a message of ${length} bytes is over ${MAX_FRAME_BYTES} and was dropped`,
    {
      length,
      limit: MAX_FRAME_BYTES,
    },
  );
}
