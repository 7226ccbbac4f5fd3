import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { endGroup } from '../shell/process-group.ts';

/** For scripts whose instance is gone, before somebody else begins them anew: time to remove lock files. */
const GROUP_GRACE_MS = 500;

/** What an instance's process tells its supervisor over the IPC channel. */
const fromChild = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), url: z.string() }),
  /** It has applied what was committed before the term that it is in: it serves. */
  z.object({ type: z.literal('caught-up') }),
  z.object({ type: z.literal('drained') }),
  /** A script runs in a group of its own, which outlives a process that is killed. */
  z.object({ type: z.literal('group'), pid: z.int().min(2), change: z.enum(['begun', 'ended']) }),
  /** Its disk is nearly full, or has room again: null. */
  z.object({ type: z.literal('room'), shortage: z.string().nullable() }),
  /** It cannot work at all, and trying again would not help. */
  z.object({ type: z.literal('unfit'), code: z.string(), message: z.string() }),
]);
type Message = z.output<typeof fromChild>;
type GroupMessage = Extract<Message, { readonly type: 'group' }>;
/** What the supervisor hears of it; the groups are looked after here. */
export type ChildMessage = Exclude<Message, GroupMessage>;
/** What an instance's process may say. */
export type ChildWord = Message;

/**
 * What it is told when the whole swarm stops: first `drain` (hand back what you work on, while there still
 * is a quorum to take note), then `stop`. `halt`: end now, and the processes of your tasks with you, which
 * SIGKILL would leave behind.
 */
export type ChildOrder = { readonly type: 'drain' | 'stop' | 'halt' };

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildHandlers {
  onMessage(message: ChildMessage): void;
  onExit(exit: ChildExit): void;
}

/** One instance's process. */
export interface Child {
  readonly pid: number | undefined;
  order(order: ChildOrder): void;
  kill(): void;
}

/** Starts a process whose output goes to `logFile`. It ends by itself when this process is gone. */
export function startChild(command: readonly string[], logFile: string, handlers: ChildHandlers): Child {
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
  const log = openSync(logFile, 'a', 0o600);
  const [program = process.execPath, ...args] = command;
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', log, log, 'ipc'],
    // Ctrl-C in the terminal is for the supervisor; it tells its children in order.
    detached: true,
  });
  closeSync(log);
  const groups = new Set<number>();
  let ended = false;
  const onExit = (exit: ChildExit): void => {
    if (ended) return;
    ended = true;
    for (const pid of groups) void endGroup(pid, GROUP_GRACE_MS);
    handlers.onExit(exit);
  };
  const onGroup = ({ pid, change }: GroupMessage): void => {
    if (change === 'ended') groups.delete(pid);
    // The last words of a process may come after its end is known.
    else if (ended) void endGroup(pid, GROUP_GRACE_MS);
    else groups.add(pid);
  };
  child.on('message', (message) => {
    const parsed = fromChild.safeParse(message);
    if (!parsed.success) return;
    if (parsed.data.type === 'group') onGroup(parsed.data);
    else handlers.onMessage(parsed.data);
  });
  child.on('exit', (code, signal) => onExit({ code, signal }));
  child.on('error', (error) => {
    handlers.onMessage({
      type: 'unfit',
      code: 'BAD_INPUT',
      message: `cannot start ${program}: ${error.message}`,
    });
    onExit({ code: null, signal: null });
  });
  return {
    pid: child.pid,
    order(order) {
      // A child that cannot be told any more is on its way out; its exit is noticed.
      if (child.connected) child.send(order, () => undefined);
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}
