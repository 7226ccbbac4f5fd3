import type { Executor } from '../agents/executors/port.ts';
import { type RunningInstance, startInstance } from '../compose.ts';
import type { NodeStatus } from '../node/port.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import type { SwarmFolder } from '../swarm/layout.ts';

/** One agent instance of a swarm in this process: a Raft node, and a worker that does what is assigned to it. */
export interface SwarmInstance {
  /** Its name in the log: who works on a task, who leads. */
  readonly id: string;
  /** `ws://host:port` at which the other members reach it. */
  readonly url: string;
  /** How it sees itself and the swarm just now. */
  status(): NodeStatus;
  /** Hands back what it works on, hands over if it leads, and stops. It stays a member, which is down. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly folder: SwarmFolder;
  readonly name: NodeId;
  readonly executor: Executor | undefined;
  readonly onTrouble: ((trouble: unknown) => void) | undefined;
}

/** What goes wrong in passing ends up in the answers to whoever asked; what stops an instance must be heard. */
function heard(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

export interface StartedInstance extends SwarmInstance {
  /** Hands back what it works on, and takes nothing new. */
  drain(): Promise<void>;
  /** Stops without a successor, because nobody goes on. */
  end(): Promise<void>;
}

export async function startNamed(options: StartOptions): Promise<StartedInstance> {
  const { executor, folder, name, onTrouble } = options;
  const tell = onTrouble ?? heard;
  const running = await startInstance({
    folder,
    id: name,
    version: 'library',
    ...(executor === undefined ? {} : { executor }),
    onTrouble: (error) => onTrouble?.(error),
    onRoleChanged: () => undefined,
    onRemoved: () => tell(new SwarmError('REMOVED', `${name} was removed from the swarm`)),
    onStopped: tell,
  });
  return started(running);
}

function started(running: RunningInstance): StartedInstance {
  const { instance, url } = running;
  const { id } = instance.status();
  let drained: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  const drain = (): Promise<void> => {
    drained ??= instance.drain();
    return drained;
  };
  const stop = (manner: 'hand-over' | 'at-once'): Promise<void> => {
    stopped ??= drain().then(() => running.stop(manner));
    return stopped;
  };
  return {
    id,
    url,
    status: () => instance.status(),
    stop: () => stop('hand-over'),
    drain,
    end: () => stop('at-once'),
  };
}
