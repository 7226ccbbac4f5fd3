import { randomInt, randomUUID } from 'node:crypto';
import type { AgentDefinition } from './agents/definition.ts';
import type { Executor } from './agents/executors/port.ts';
import { checkExecutor, createExecutor } from './agents/executors/registry.ts';
import { loadAgentFile } from './agents/load.ts';
import { systemClock } from './node/clock.ts';
import { createNode } from './node/node.ts';
import type { NodeStatus } from './node/port.ts';
import { SwarmError } from './protocol/errors.ts';
import type { ClusterId, NodeId } from './protocol/ids.ts';
import { DEFAULT_VERIFY_MS } from './protocol/limits.ts';
import { raftConfig } from './raft/config.ts';
import { crdtSynchronizer } from './siblings/crdt-synchronizer/companion.ts';
import { createQuorumManager } from './siblings/quorum-manager/companion.ts';
import {
  type InstanceSecurity,
  openInstanceSecurity,
} from './siblings/security-manager/instance-security.ts';
import { watchMisconduct } from './siblings/security-manager/misconduct-watch.ts';
import type { SnapshotStore } from './storage/port.ts';
import { openWal, type WalOptions } from './storage/wal.ts';
import { AddressBook } from './swarm/address-book.ts';
import { type AttemptOptions, createAttemptRunner } from './swarm/attempt.ts';
import { BlobStore } from './swarm/blob-store.ts';
import { SwarmClient } from './swarm/client.ts';
import type { CompanionFactory } from './swarm/companion.ts';
import { decideHooks } from './swarm/hook-policy.ts';
import { confirmIdentity, type PendingAdmission } from './swarm/identity.ts';
import { Instance } from './swarm/instance.ts';
import { type Admission, admitMember, announceMember, askMembers, comeUpAs } from './swarm/joining.ts';
import type { SwarmFolder } from './swarm/layout.ts';
import { checkNoQuarantine, noteQuarantine, quarantined } from './swarm/quarantine.ts';
import {
  bootstrapConfiguration,
  foundingLevel,
  loadRoster,
  type Roster,
  type RosterNode,
} from './swarm/roster.ts';
import { Service } from './swarm/service.ts';
import { TaskMachine } from './tasks/machine.ts';
import { LATEST_LEVEL } from './tasks/member.ts';
import { PROMPT_WORK } from './tasks/task.ts';
import { openTransportServer, type TransportServerOptions } from './transport/server.ts';

/** Siblings that work inside every instance. */
const COMPANIONS: readonly CompanionFactory[] = [createQuorumManager, watchMisconduct, crdtSynchronizer];

export interface ComposeOptions {
  readonly folder: SwarmFolder;
  readonly id: NodeId;
  readonly version: string;
  /** Tasks it is given at once, 1 unless said otherwise; 0: it takes what it wants by itself. */
  readonly capacity?: number;
  /** Does the work instead of what the roster names. */
  readonly executor?: Executor;
  onTrouble(error: unknown): void;
  onRoleChanged(status: NodeStatus): void;
  /** Commands are refused from now on (`DISK_FULL`), or taken again (undefined). */
  onRoomChanged?(shortage: SwarmError | undefined): void;
  /** The swarm goes on without it, for good. */
  onRemoved?(): void;
  onStopped(error: Error): void;
}

export interface RunningInstance {
  readonly url: string;
  readonly instance: Instance;
  /**
   * Settles when the swarm knows it, and where it is. Who is taken out of the swarm before that may be let in
   * afterwards.
   */
  readonly entered: Promise<void>;
  /** Stops the node and frees port and folder. */
  stop(manner: 'hand-over' | 'at-once'): Promise<void>;
}

/**
 * Wires one instance of a swarm from its folder: WAL, links, Raft node, task machine, hooks, executor.
 *
 * @throws SwarmError DATA_LOCKED, DATA_FOREIGN, DATA_DAMAGED, DISK_FAILED, DISK_FULL, PORT_IN_USE, BAD_INPUT
 */
export async function startInstance(options: ComposeOptions): Promise<RunningInstance> {
  const { folder, id, version, onTrouble, capacity = 1 } = options;
  const roster = loadRoster(folder);
  const member = memberOf(roster, options);
  checkNoQuarantine(folder, id);
  const clusterId = roster.clusterId as ClusterId;
  const definition = await loadAgentFile(member.agentFile);
  const executor = await executorOf(roster, options.executor);
  const newcomer = { folder, name: id, version };
  const { memberId, admission } = await comeUpAs(newcomer, { isFounder: roster.seeds === undefined });
  const machine = new TaskMachine();
  const security = await openInstanceSecurity({
    ...{ ...newcomer, memberId, machine, former: admission?.former },
    onRevoked: (error) => endWith(error, options, stop),
  });
  const storage = await openWal({
    ...{ folder: folder.wal(id), clusterId, nodeId: memberId },
    ...{ hasPeers: hasPeers(roster), ...repairWords(id, onTrouble) },
  });
  confirmIdentity(folder, id, memberId);
  const life = randomUUID();
  const said = { clusterId, version, token: security.token };
  const blobs = new BlobStore(folder.blobs(id));
  await loadSnapshot(storage.snapshots, machine);
  const addresses = new AddressBook({ folder, name: id, machine });
  // It must find the others before it can read in their log where they are.
  if (admission !== undefined) addresses.learn(await askMembers(newcomer));
  const runAttempt = createAttemptRunner({
    ...placeOf(roster, folder),
    ...{ instanceId: memberId, life, definition, executor, machine },
    hooks: await decideHooks(definition, roster.requireHooks),
    status: () => instance.status(),
  });
  const instance = new Instance({
    ...options,
    ...{ id: memberId, name: id, life, capacity, machine, addresses, blobStore: blobs, runAttempt },
    ...{ agent: definition.name, capabilities: abilitiesOf(definition, executor) },
    ...{ leaseMs: roster.leaseMs, verifyEveryMs: roster.verifyEveryMs ?? DEFAULT_VERIFY_MS, budget: roster },
    companions: [...COMPANIONS, security.companion],
    levelOf: (peer) => server.levelOf(peer) ?? foundingLevel(roster, peer),
    connect: (peer) => {
      const url = addresses.find(peer as NodeId);
      return url === undefined ? undefined : new SwarmClient({ folder, name: memberId, version, url });
    },
  });
  let service: Service | undefined;
  const server = await openTransportServer({
    identity: { ...said, nodeId: memberId, level: LATEST_LEVEL, nonce: life },
    host: roster.host ?? '127.0.0.1',
    port: member.port,
    ...(member.advertised === undefined ? {} : { advertised: [member.advertised] }),
    ...{ security: security.links, credentials: security.credentials },
    resolve: async (peer) => addresses.find(peer),
    leastLevel: () => machine.level,
    random: Math.random,
    onClient: (connection) => {
      if (service === undefined) throw new SwarmError('BUSY', `${id} is starting`);
      return service.accept(connection);
    },
    health: () => ({ id: memberId, clusterId, swarm: roster.name, ...healthOf(instance.status()) }),
    onTrouble,
    ...heardOnLinks(instance, security),
  });
  security.attach(server);
  const node = createNode({
    id: memberId,
    clusterId,
    bootstrap: bootstrapConfiguration(roster),
    config: raftConfig({ rank: member.rank, standing: member.standing }),
    seed: randomInt(2 ** 32),
    storage,
    transport: server.transport,
    clock: systemClock,
    machine,
    listener: instance.listener,
  });
  const entrant = { ...newcomer, memberId, url: server.url, shallVote: member.voter };
  instance.start(node, server.url);
  const entrance = enter({ ...entrant, ...admission }, roster, onTrouble);
  const stop = async (manner: 'hand-over' | 'at-once'): Promise<void> => {
    entrance.abandon();
    await instance.stop(manner);
    await server.close();
  };
  service = new Service({
    ...{ node, machine, blobs, version, snapshots: storage.snapshots },
    watchers: instance.watchers,
    requests: instance.requests,
    onQuarantined: (why) => keepOut(options, why, stop),
  });
  return { url: server.url, instance, entered: entrance.entered, stop };
}

/** What the links tell of those at their other ends, and of this one. */
function heardOnLinks(
  instance: Instance,
  security: InstanceSecurity,
): Pick<TransportServerOptions, 'onMisconduct' | 'onBallot' | 'onRevoked'> {
  return {
    onMisconduct: (misconduct) => instance.noteMisconduct(misconduct),
    onBallot: (ballot) => instance.noteBallot(ballot),
    onRevoked: () => security.heardOfRevocation(),
  };
}

/** What it holds differs from the others: it stops, keeps it, and does not come up before somebody has decided. */
function keepOut(
  { folder, id, onStopped }: Pick<ComposeOptions, 'folder' | 'id' | 'onStopped'>,
  why: string,
  stop: RunningInstance['stop'],
): void {
  noteQuarantine(folder, id, why);
  endWith(quarantined(folder, id, why), { onStopped }, stop);
}

function endWith(
  error: SwarmError,
  { onStopped }: Pick<ComposeOptions, 'onStopped'>,
  stop: RunningInstance['stop'],
): void {
  stop('at-once').then(() => onStopped(error), onStopped);
}

type Found = Omit<Admission, keyof PendingAdmission | 'signal' | 'onRefused'>;

/** Whoever votes alone has nobody to ask for what it has lost. */
function hasPeers({ nodes, seeds }: Roster): boolean {
  return seeds !== undefined || nodes.filter(({ voter }) => voter).length > 1;
}

function repairWords(
  id: NodeId,
  tell: (error: unknown) => void,
): Pick<WalOptions, 'onSalvaged' | 'onRepaired'> {
  return {
    onSalvaged: ({ damage, floor, kept }) =>
      tell(
        new SwarmError(
          'DATA_DAMAGED',
          `${damage.message.split('. ')[0]}. ${id} does not vote until others have sent it the log up to entry ${floor.index}; what was found is kept (${kept[0]} and beside it)`,
        ),
      ),
    onRepaired: () => tell(new Error(`${id} has all of its log again, and votes`)),
  };
}

/** Whoever joined has to be let in; who was in before says where it is now; founders find each other in their folder. */
function enter(
  found: Found | (Found & PendingAdmission),
  { seeds }: Roster,
  onTrouble: (error: unknown) => void,
): { readonly entered: Promise<void>; abandon(): void } {
  const leaving = new AbortController();
  const { signal } = leaving;
  const entrant = { ...found, signal, onRefused: onTrouble };
  const work = async (): Promise<void> => {
    if ('former' in entrant) await admitMember(entrant);
    else if (seeds !== undefined) await announceMember(entrant);
  };
  const entered = work();
  entered.catch((error: unknown) => {
    if (!signal.aborted) onTrouble(error);
  });
  return { entered, abandon: () => leaving.abort() };
}

/** @throws SwarmError UNKNOWN_NODE */
function memberOf(roster: Roster, { folder, id }: Pick<ComposeOptions, 'folder' | 'id'>): RosterNode {
  const member = roster.nodes.find((entry) => entry.id === id);
  if (member !== undefined) return member;
  const names = roster.nodes.map((node) => node.id).join(', ');
  throw new SwarmError('UNKNOWN_NODE', `${id} is not in ${folder.roster}; it names ${names}`);
}

/** What the work of all instances has in common. */
function placeOf(
  { maxTurns, model, name, workspace }: Roster,
  { root }: SwarmFolder,
): Pick<AttemptOptions, 'swarmName' | 'swarmRoot' | 'model' | 'maxTurns' | 'environment' | 'workspace'> {
  return { swarmName: name, swarmRoot: root, model, maxTurns, environment: process.env, workspace };
}

/** @throws SwarmError BAD_INPUT when it cannot work here. */
async function executorOf(roster: Roster, given: Executor | undefined): Promise<Executor> {
  const executor = given ?? (await createExecutor(roster.executor));
  await checkExecutor(executor, process.env);
  return executor;
}

/** Whoever does not refuse a prompt is given prompts, too. */
function abilitiesOf({ capabilities, name }: AgentDefinition, executor: Executor): readonly string[] {
  const doesPrompts = executor.refuse({ id: name, prompt: 'anything' }) === undefined;
  return doesPrompts ? [...capabilities, PROMPT_WORK] : capabilities;
}

/** The state machine as the newest snapshot says. */
function loadSnapshot(snapshots: SnapshotStore, machine: TaskMachine): Promise<void> {
  if (snapshots.latest === undefined) return Promise.resolve();
  const restoration = machine.restore();
  return new Promise((resolve, reject) => {
    let failure: unknown;
    const add = (piece: Uint8Array): void => {
      try {
        if (failure === undefined) restoration.add(piece);
      } catch (error) {
        failure = error;
      }
    };
    snapshots.load(add, (outcome) => {
      if (failure !== undefined) return reject(failure);
      if (!outcome.ok) return reject(outcome.error);
      restoration.finish();
      resolve();
    });
  });
}

function healthOf({ role, term, leaderId, commitIndex }: NodeStatus): Readonly<Record<string, unknown>> {
  return { role, term, leaderId: leaderId ?? null, commitIndex };
}
