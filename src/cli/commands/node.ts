import { Command } from 'commander';
import type { NodeId } from '../../protocol/ids.ts';
import type { ChildOrder, ChildWord } from '../../swarm/child.ts';
import { packageVersion } from '../package-version.ts';

/** One instance of a swarm, started by its supervisor and never by hand. */
export function nodeCommand(): Command {
  return new Command('node')
    .description('one instance of a swarm; its supervisor starts it')
    .requiredOption('--swarm <folder>', 'folder of the swarm')
    .requiredOption('--id <id>', 'id of the instance')
    .action(runNode);
}

/** For an instance without supervisor to hand back its work; without a quorum that may never succeed. */
const ORPHAN_GRACE_MS = 10_000;

interface NodeCommandOptions {
  readonly swarm: string;
  readonly id: string;
}

async function runNode({ swarm, id }: NodeCommandOptions): Promise<void> {
  const { pino } = await import('pino');
  const { startInstance } = await import('../../compose.ts');
  const { reportGroups } = await import('../../shell/program.ts');
  const { swarmFolder } = await import('../../swarm/layout.ts');
  const { SwarmError } = await import('../../protocol/errors.ts');
  const log = pino({ base: { node: id } }, pino.destination({ sync: true }));
  const tell = (message: ChildWord): void => {
    process.send?.(message);
  };
  reportGroups((pid, change) => tell({ type: 'group', pid, change }));
  try {
    const running = await startInstance({
      folder: swarmFolder(swarm),
      id: id as NodeId,
      version: packageVersion(),
      onTrouble: (error) => log.warn({ err: error }, 'trouble'),
      onRoleChanged: ({ role, term, leaderId }) => log.info({ role, term, leaderId }, 'role'),
      onRemoved: () => {
        log.warn('removed from the swarm; "raft-manager members add" lets it in again, as a learner');
        void running.stop('hand-over').then(() => process.exit(0));
      },
      onStopped: (error) => {
        log.fatal({ err: error }, 'the node has stopped by itself');
        process.exit(1);
      },
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
      process.exit(0);
    };
    process.on('message', (order: ChildOrder) => {
      if (order.type === 'halt') process.exit(1);
      if (order.type === 'stop') void leave('at-once');
      else void drain().then(() => tell({ type: 'drained' }));
    });
    // The supervisor is gone: nobody would restart this process, and nobody could stop it.
    process.on('disconnect', () => {
      setTimeout(() => process.exit(1), ORPHAN_GRACE_MS).unref();
      void leave('at-once');
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void leave('hand-over'));
    tell({ type: 'ready', url: running.url });
  } catch (error) {
    log.fatal({ err: error }, 'cannot start');
    if (error instanceof SwarmError) tell({ type: 'unfit', code: error.code, message: error.message });
    process.exitCode = 1;
    process.disconnect?.();
  }
}
