/** One call of one client. */
export interface Operation<Input, Output> {
  readonly input: Input;
  /** `undefined`: the client never learned what became of it. */
  readonly output: Output | undefined;
  /** Place of the call in the history; only the order matters, and no two places are equal. */
  readonly invokedAt: number;
  /** Place of the answer; Infinity when none came: it may take effect at any later time, or never. */
  readonly returnedAt: number;
}

/** What one object does when its operations come one after the other. */
export interface Model<State extends string | number, Input, Output> {
  readonly initial: State;
  /** True for operations that change no state, whatever it is. */
  isRead(input: Input): boolean;
  /** The state afterwards, or `undefined` when `output` cannot come from `state`. */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
}

interface Node<Input, Output> {
  readonly operation: Operation<Input, Output>;
  /** Its bit in the set of operations that have been put in order. */
  readonly bit: number;
  readonly kind: 'call' | 'return';
  /** Of a call: its return, absent while the answer is unknown. */
  readonly match: Node<Input, Output> | undefined;
  previous: Node<Input, Output> | undefined;
  next: Node<Input, Output> | undefined;
}

/**
 * True when the operations on one object can be put in a sequence that `model` allows, each between
 * its call and its answer.
 *
 * The search of Wing and Gong (JPDC 1993) with the memory of Lowe (2017): an order of the same
 * operations that led to the same state need not be tried twice.
 */
export function isLinearizable<State extends string | number, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): boolean {
  const history = new EventList(operations);
  const ordered = new Uint32Array((operations.length + 31) >>> 5);
  const visited = new Visited<State>();
  const path: { readonly call: Node<Input, Output>; readonly before: State }[] = [];
  let state = model.initial;
  let at = history.first;
  // Whoever never got an answer may as well not have happened.
  while (history.openReturns > 0) {
    if (at?.kind === 'call') {
      const after = model.step(state, at.operation.input, at.operation.output);
      flip(ordered, at.bit);
      if (after !== undefined && visited.add(ordered, after)) {
        path.push({ call: at, before: state });
        state = after;
        history.lift(at);
        at = history.first;
      } else {
        flip(ordered, at.bit);
        at = at.next;
      }
      continue;
    }
    // An answer came before its operation took effect: the last choice was wrong.
    const last = path.pop();
    if (last === undefined) return false;
    // A read that fits now can always come first: there is no need to try it later.
    const isFree = model.isRead(last.call.operation.input);
    state = last.before;
    flip(ordered, last.call.bit);
    history.unlift(last.call);
    at = isFree ? undefined : last.call.next;
  }
  return true;
}

/** Calls and returns in the order of their time; calls are taken out with their returns and put back. */
class EventList<Input, Output> {
  openReturns = 0;
  #first: Node<Input, Output> | undefined;

  constructor(operations: readonly Operation<Input, Output>[]) {
    const placed = operations.flatMap((operation, bit) => this.#place(operation, bit));
    placed.sort((a, b) => a.time - b.time);
    placed.forEach(({ node }, at) => {
      node.previous = placed[at - 1]?.node;
      node.next = placed[at + 1]?.node;
    });
    this.#first = placed[0]?.node;
  }

  get first(): Node<Input, Output> | undefined {
    return this.#first;
  }

  lift(call: Node<Input, Output>): void {
    this.#remove(call);
    if (call.match === undefined) return;
    this.#remove(call.match);
    this.openReturns -= 1;
  }

  unlift(call: Node<Input, Output>): void {
    if (call.match !== undefined) {
      this.#restore(call.match);
      this.openReturns += 1;
    }
    this.#restore(call);
  }

  #place(operation: Operation<Input, Output>, bit: number) {
    const answered = Number.isFinite(operation.returnedAt);
    const links = { previous: undefined, next: undefined };
    const answer: Node<Input, Output> | undefined = answered
      ? { operation, bit, kind: 'return', match: undefined, ...links }
      : undefined;
    const call: Node<Input, Output> = { operation, bit, kind: 'call', match: answer, ...links };
    if (answer === undefined) return [{ time: operation.invokedAt, node: call }];
    this.openReturns += 1;
    return [
      { time: operation.invokedAt, node: call },
      { time: operation.returnedAt, node: answer },
    ];
  }

  #remove(node: Node<Input, Output>): void {
    if (node.previous === undefined) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next !== undefined) node.next.previous = node.previous;
  }

  /** Undoes the last `#remove`, of which `node` still knows its neighbours. */
  #restore(node: Node<Input, Output>): void {
    if (node.previous === undefined) this.#first = node;
    else node.previous.next = node;
    if (node.next !== undefined) node.next.previous = node;
  }
}

/** Which (set of operations, state) were reached before. */
class Visited<State extends string | number> {
  readonly #buckets = new Map<number, { readonly ordered: Uint32Array; readonly state: State }[]>();

  /** False when it was there already. */
  add(ordered: Uint32Array, state: State): boolean {
    const hash = hashOf(ordered);
    const bucket = this.#buckets.get(hash);
    if (bucket === undefined) {
      this.#buckets.set(hash, [{ ordered: ordered.slice(), state }]);
      return true;
    }
    if (bucket.some((seen) => seen.state === state && equalSets(seen.ordered, ordered))) return false;
    bucket.push({ ordered: ordered.slice(), state });
    return true;
  }
}

function flip(set: Uint32Array, bit: number): void {
  const word = bit >>> 5;
  set[word] = (set[word] ?? 0) ^ (1 << (bit & 31));
}

function equalSets(a: Uint32Array, b: Uint32Array): boolean {
  return a.every((word, at) => word === b[at]);
}

function hashOf(set: Uint32Array): number {
  let hash = 0;
  for (const word of set) hash = Math.imul(hash ^ word, 0x9e3779b1) ^ (hash >>> 15);
  return hash;
}

/** Splits a history by object: linearizability is local, so each may be checked alone. */
export function partition<Input extends { readonly key: string }, Output>(
  operations: readonly Operation<Input, Output>[],
): ReadonlyMap<string, readonly Operation<Input, Output>[]> {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const part = parts.get(operation.input.key);
    if (part === undefined) parts.set(operation.input.key, [operation]);
    else part.push(operation);
  }
  return parts;
}
