import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Real processes are slow to start on two cores; nothing in the tests depends on these bounds. */
const patience = { testTimeout: 120_000, hookTimeout: 120_000 };

/** Nothing in these keeps anything for itself outside a test: they share one load of the code. */
const core = ['agents', 'node', 'raft', 'tasks'].map((floor) => `test/${floor}/**/*.test.ts`);

/** These go first: with one of them left for the end, the other processors have nothing to do meanwhile. */
const SLOW =
  /\/(crash-points|simulation|steering|renewal|rotation|salvage|wal|process\/(mcp|failover|run|membership))\.test\.ts$/;

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = ({ moduleId }: TestSpecification): boolean => SLOW.test(moduleId);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    // The runner leaves a core idle otherwise, which on two cores is half of the machine.
    maxWorkers: '100%',
    projects: [
      { test: { name: 'core', include: core, isolate: false, ...patience } },
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            ...core,
            'test/architecture.test.ts',
            'test/process/**',
            'test/chaos/**',
            'test/faults/**',
            'test/attacks/swarm.test.ts',
          ],
          ...patience,
        },
      },
      { test: { name: 'architecture', include: ['test/architecture.test.ts'], ...patience } },
      {
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          // What is tested is in processes of its own, and half of the time they wait for each other.
          isolate: false,
          // After the others: processes that are short of a core are slow to elect.
          sequence: { groupOrder: 1 },
          ...patience,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...patience,
        },
      },
      {
        test: {
          name: 'attacks',
          include: ['test/attacks/swarm.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 4 },
          testTimeout: 600_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts', 'test/storage/every-byte.test.ts'],
          env: { RAFT_MANAGER_EVERY_BYTE: '1' },
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          ...patience,
        },
      },
    ],
  },
});
