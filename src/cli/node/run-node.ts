import { pino } from 'pino';
import { startInstance } from '../../compose.ts';
import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { reportGroups } from '../../shell/program.ts';
import type { ChildOrder, ChildWord } from '../../swarm/child.ts';
import { INSTANCE_EXIT, instanceExitCode, named } from '../../swarm/exit-code.ts';
import { swarmFolder } from '../../swarm/layout.ts';
import { HeldOutput } from '../held-output.ts';
import { packageVersion } from '../package-version.ts';

/** For an instance without supervisor to hand back its work; without a quorum that may never succeed. */
const ORPHAN_GRACE_MS = 10_000;

const STDOUT = 1;

export interface NodeCommandOptions {
  readonly swarm: string;
  readonly id: string;
}

export async function runNode({ swarm, id }: NodeCommandOptions): Promise<void> {
  // A disk that has no room for a line is no reason to end, nor to wait.
  const log = pino({ base: { node: id } }, new HeldOutput(STDOUT));
  const tell = (message: ChildWord): void => {
    process.send?.(message);
  };
  reportGroups((pid, change) => tell({ type: 'group', pid, change }));
  const stopFor = (cause: unknown, what: string): void => {
    const error = named(cause);
    const exitCode = instanceExitCode(error);
    const reason = error instanceof Error ? error.message : String(error);
    log.fatal({ err: error, exitCode }, `${what}: ${reason}`);
    tellUnfit(error, () => process.exit(exitCode));
  };
  try {
    const running = await startInstance({
      folder: swarmFolder(swarm),
      id: id as NodeId,
      version: packageVersion(),
      onTrouble: (error) => {
        if (error instanceof SwarmError && error.code === 'DIVERGED')
          log.error({ err: error }, error.message);
        else log.warn({ err: error }, 'trouble');
      },
      onRoleChanged: ({ role, term, leaderId }) => log.info({ role, term, leaderId }, 'role'),
      onRoomChanged: (shortage) => {
        tell({ type: 'room', shortage: shortage?.message ?? null });
        if (shortage === undefined) log.info('the disk has room again');
        else log.error({ err: shortage }, shortage.message);
      },
      onRemoved: () => {
        log.warn('removed from the swarm; "raft-manager members add" lets it in again, as a learner');
        void running.stop('hand-over').then(() => process.exit(INSTANCE_EXIT.stopped));
      },
      onStopped: (error) => stopFor(error, 'stopped by itself'),
    });
    log.info({ url: running.url, pid: process.pid }, 'ready');
    let leaving: Promise<void> | undefined;
    const drain = (): Promise<void> => {
      leaving ??= running.instance.drain();
      return leaving;
    };
    const leave = async (manner: 'hand-over' | 'at-once'): Promise<void> => {
      await drain();
      await running.stop(manner);
      process.exit(INSTANCE_EXIT.stopped);
    };
    process.on('message', (order: ChildOrder) => {
      if (order.type === 'halt') process.exit(INSTANCE_EXIT.crashed);
      if (order.type === 'stop') void leave('at-once');
      else void drain().then(() => tell({ type: 'drained' }));
    });
    // The supervisor is gone: nobody would restart this process, and nobody could stop it.
    process.on('disconnect', () => {
      setTimeout(() => process.exit(INSTANCE_EXIT.crashed), ORPHAN_GRACE_MS).unref();
      void leave('at-once');
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void leave('hand-over'));
    tell({ type: 'ready', url: running.url });
    void running.instance.caughtUp.then(() => tell({ type: 'caught-up' }));
  } catch (error) {
    stopFor(error, 'cannot start');
  }
}

/** Says that trying again would not help, where that is so, and goes on when the word is out. */
function tellUnfit(error: unknown, done: () => void): void {
  const message: ChildWord | undefined =
    error instanceof SwarmError ? { type: 'unfit', code: error.code, message: error.message } : undefined;
  if (message === undefined || process.send === undefined || !process.connected) return done();
  process.send(message, () => done());
}
