import type { Checkpoint, SwarmTools } from '../agents/executors/port.ts';
import type { TaskFence } from '../tasks/command.ts';
import { ProgressFeed, type ProgressFeedOptions, type WorkEnd } from './progress-feed.ts';
import { createSwarmTools, type SwarmToolsOptions } from './swarm-tools.ts';
import { TaskCheckpoint, type TaskCheckpointOptions } from './task-checkpoint.ts';

/** Where one attempt deals with the log while it works. */
export interface AttemptDesk {
  readonly checkpoint: Checkpoint;
  readonly swarm: SwarmTools;
  tell(text: string): void;
  /** The work is over: what is still to be told is told now. */
  close(end: WorkEnd): Promise<void>;
}

export type AttemptDeskOptions = SwarmToolsOptions & TaskCheckpointOptions & ProgressFeedOptions;

export function openDesk(options: AttemptDeskOptions, task: TaskFence): AttemptDesk {
  const feed = new ProgressFeed(options, task);
  return {
    checkpoint: new TaskCheckpoint(options, task),
    swarm: createSwarmTools(options, task),
    tell: (text) => feed.add(text),
    close: (end) => feed.close(end),
  };
}
