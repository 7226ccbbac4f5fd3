import { SwarmError } from '../../protocol/errors.ts';
import type { CompanionFactory, CompanionHost } from '../../swarm/companion.ts';
import { checkDocuments } from '../../swarm/roles.ts';
import { pack, REQUEST, unpack } from '../../swarm/wire.ts';
import type { TaskEvent } from '../../tasks/event.ts';
import type { LinkRole } from '../../transport/port.ts';
import { CHECKPOINTS, stateIn } from './checkpoint.ts';
import { type CheckpointedJson, type ClientRequest, parseClientRequest } from './client-wire.ts';
import { Links } from './links.ts';
import { parsePeerRequest } from './peer-wire.ts';
import { MAX_WORKING, type OwnWords } from './presence.ts';
import type { Synchronizer } from './synchronizer.ts';

/** Documents that the instances share outside the log. */
export const crdtSynchronizer: CompanionFactory = (host) => {
  const desk = new Desk(host);
  return {
    requests: new Map([[REQUEST.crdt, (body, { role }) => desk.answer(body, role)]]),
    start: () => desk.start(),
    onApplied: (_index, events) => desk.onApplied(events),
    onConfiguration: () => desk.whenOpen((synchronizer) => synchronizer.onConfiguration()),
    onRestored: () => desk.loadAll(),
    stop: () => desk.stop(),
  };
};

const PEER_KINDS: ReadonlySet<unknown> = new Set(['pull', 'fetch', 'push']);

/** The synchronizer in its instance: what the log says, and what is asked over the links. */
class Desk {
  readonly #host: CompanionHost;
  readonly #links: Links;
  #opening: Promise<Synchronizer> | undefined;
  #open: Synchronizer | undefined;
  #isClearingUp = false;

  constructor(host: CompanionHost) {
    this.#host = host;
    this.#links = new Links(host);
  }

  start(): void {
    this.#opening = this.#begin();
    this.#opening.catch(this.#host.onTrouble);
  }

  async #begin(): Promise<Synchronizer> {
    const { folder, id, name, onTrouble } = this.#host;
    // Yjs is read when everything else is up: an election does not wait for it.
    const { Synchronizer: Engine } = await import('./synchronizer.ts');
    const engine = new Engine({
      ...{ self: id, folder: folder.documents(name), ask: this.#links.ask },
      configuration: () => this.#host.status().configuration,
      readBarrier: () => this.#host.readBarrier(),
      onTrouble,
      words: () => this.#words(),
      mayForget: (document) => this.#mayForget(document),
    });
    await engine.open();
    this.#open = engine;
    this.loadAll();
    return engine;
  }

  async stop(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    try {
      await (await opening)?.close();
    } catch (error) {
      // Why it could not be opened was said then.
      if (!(error instanceof SwarmError)) throw error;
    }
    await this.#links.close();
  }

  whenOpen(work: (synchronizer: Synchronizer) => void): void {
    if (this.#open !== undefined) work(this.#open);
  }

  onApplied(events: readonly TaskEvent[]): void {
    for (const event of events) {
      if (event.type === 'record' && event.namespace === CHECKPOINTS) this.#load(event.key);
    }
  }

  /** Everything that the log keeps of documents. */
  loadAll(): void {
    for (const { key, namespace } of this.#host.machine.records.values()) {
      if (namespace === CHECKPOINTS) this.#load(key);
    }
  }

  #load(name: string): void {
    const value = this.#host.machine.records.get(`${CHECKPOINTS}/${name}`)?.value;
    if (value === undefined || this.#open === undefined) return;
    try {
      const state = stateIn(value);
      if (state !== undefined) this.#open.load(name, state);
    } catch (error) {
      this.#host.onTrouble(error);
    }
  }

  async answer(body: Uint8Array, role: LinkRole): Promise<Uint8Array> {
    if (this.#opening === undefined) throw new SwarmError('STOPPED', `${this.#host.id} is stopping`);
    const request = unpack(body) as { readonly kind?: unknown } | null;
    checkDocuments(role, request?.kind);
    const synchronizer = await this.#opening;
    if (PEER_KINDS.has(request?.kind)) return this.#answerPeer(synchronizer, request);
    return pack(await this.#answerClient(synchronizer, parseClientRequest(request)));
  }

  #answerPeer(synchronizer: Synchronizer, given: unknown): Promise<Uint8Array> {
    const request = parsePeerRequest(given);
    return new Promise((resolve, reject) => {
      synchronizer.handlePeer(request, (outcome) =>
        outcome.ok ? resolve(outcome.value) : reject(outcome.error),
      );
    });
  }

  async #answerClient(synchronizer: Synchronizer, request: ClientRequest): Promise<unknown> {
    switch (request.kind) {
      case 'mutate':
        return synchronizer.mutate(request.operations, request.strong);
      case 'get':
        return synchronizer.get(request.path, request.strong);
      case 'list':
        return synchronizer.list();
      case 'wait':
        return synchronizer.wait(request);
      case 'note':
        return synchronizer.note(request);
      case 'progress':
        return synchronizer.progress(request);
      case 'blackboard':
        return synchronizer.blackboard();
      case 'checkpoint':
        return this.#checkpoint(synchronizer, request.name);
    }
  }

  /** Proposes the state of a document to the log. @throws SwarmError as `Swarm.execute` does */
  async #checkpoint(synchronizer: Synchronizer, name: string): Promise<CheckpointedJson> {
    const record = synchronizer.capture(name);
    const value = JSON.stringify(record);
    const { version: index } = await this.#host.execute({
      kind: 'record',
      writes: [{ namespace: CHECKPOINTS, key: name, value }],
    });
    const at = this.#host.machine.records.get(`${CHECKPOINTS}/${name}`)?.at ?? Date.now();
    const whole = record.update !== null;
    return { committed: true, index, timestamp: at, name, version: record.version, whole };
  }

  /**
   * A document that was cleared would come back with its checkpoint: that goes first. Whoever lags behind in the log
   * does not know yet whether there is one.
   */
  #mayForget(document: string): boolean {
    const { appliedIndex, commitIndex, leaderId, role } = this.#host.status();
    if (leaderId === undefined || appliedIndex !== commitIndex) return false;
    if (!this.#host.machine.records.has(`${CHECKPOINTS}/${document}`)) return true;
    if (role === 'leader' && !this.#isClearingUp) {
      this.#isClearingUp = true;
      this.#host
        .execute({ kind: 'record', writes: [{ namespace: CHECKPOINTS, key: document }] })
        .catch(this.#host.onTrouble)
        .finally(() => {
          this.#isClearingUp = false;
        });
    }
    return false;
  }

  #words(): OwnWords {
    const { id, machine } = this.#host;
    const { appliedIndex, leaderId, role, term } = this.#host.status();
    return {
      ...{ role, term, leader: leaderId ?? null, applied: appliedIndex },
      working: [...machine.heldBy(id)].slice(0, MAX_WORKING),
    };
  }
}
