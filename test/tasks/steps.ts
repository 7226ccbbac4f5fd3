import fc from 'fast-check';
import type { TaskCommand } from '../../src/tasks/command.ts';

/** Random commands over few names, so that they meet each other. */

export const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

const id = fc.constantFrom(...IDS);
const worker = fc.constantFrom('w1', 'w2', 'w3');
const life = fc.constantFrom('one', 'two');
const few = <T>(item: fc.Arbitrary<T>) => fc.uniqueArray(item, { maxLength: 2 });
const capabilities = fc.constantFrom<string[][]>([], ['x'], ['y'], ['x', 'y'], ['x', 'y']);
const kind = <K extends TaskCommand['kind']>(name: K) => fc.constant(name);

const spec = fc.record(
  {
    id,
    dependsOn: few(id),
    requires: few(fc.constantFrom('x', 'y')),
    retries: fc.nat(2),
    maxTokens: fc.integer({ min: 1, max: 60 }),
  },
  { requiredKeys: ['id'] },
);

/** One in four as it comes; in the others tasks wait only for such that stand earlier in the alphabet. */
const tasks = fc
  .tuple(fc.nat(3), fc.uniqueArray(spec, { minLength: 1, maxLength: 3, selector: (task) => task.id }))
  .map(([raw, specs]) =>
    specs.map((task) => {
      const dependsOn = (task.dependsOn ?? []).filter((on) => raw === 0 || on < task.id);
      return raw === 1 && task.retries === 0 ? { ...task, dependsOn, gate: 'ci' } : { ...task, dependsOn };
    }),
  );

const submit = fc.record({
  kind: kind('submit'),
  key: fc.integer({ min: 1, max: 20 }).map((key) => `k${key}`),
  tasks,
});

const claim = fc.record(
  {
    kind: kind('claim'),
    requestId: fc.integer({ min: 1, max: 20 }).map((number) => `r${number}`),
    claimant: fc.record({ id: worker, capabilities }),
    taskId: id,
  },
  { requiredKeys: ['kind', 'requestId', 'claimant'] },
);

const assign = fc.record({
  kind: kind('assign'),
  assignments: fc.array(fc.record({ taskId: id, instanceId: worker }), { maxLength: 4 }),
});

const register = fc.record({
  kind: kind('register'),
  instanceId: worker,
  agent: fc.constant('any'),
  capabilities,
  capacity: fc.integer({ min: 1, max: 3 }),
  life,
});

const rare = fc.oneof(
  fc.record({
    kind: kind('unregister'),
    instanceId: worker,
    life,
    cause: fc.constantFrom('stopped', 'lost'),
  }),
  fc.record({ kind: kind('cancel'), taskId: id }),
  fc.record({ kind: kind('retry'), taskId: id }),
  fc.record({ kind: kind('approve'), taskId: id, by: fc.constant('ann') }),
  fc.record({ kind: kind('pause') }),
  fc.record({ kind: kind('resume') }),
  fc.record({ kind: kind('resume') }),
  fc.record({ kind: kind('configure'), maxActive: fc.integer({ min: 1, max: 8 }) }),
);

/** Little more than one attempt uses up, so that it does run out. */
const budget = fc.record({
  kind: kind('configure'),
  maxTokens: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant(null)),
});

/** Commands that need no fence. */
const command = fc.oneof(
  { weight: 4, arbitrary: submit },
  { weight: 3, arbitrary: claim },
  { weight: 1, arbitrary: assign },
  { weight: 2, arbitrary: register },
  { weight: 3, arbitrary: rare },
  { weight: 1, arbitrary: budget },
);

/** Completions are what most of the others must not undo. */
const fencedKind = fc.oneof(
  { weight: 6, arbitrary: fc.constant('complete' as const) },
  {
    weight: 7,
    arbitrary: fc.constantFrom(
      ...(['start', 'note', 'fail', 'release', 'expire', 'reserve', 'renew'] as const),
    ),
  },
  { weight: 5, arbitrary: fc.constantFrom('save-turn' as const, 'save-turn' as const, 'progress' as const) },
);

/** What happens next in a run. A worker presents the fence of the task's lease, or one of `back` entries ago. */
export const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      body: command,
      client: fc.constantFrom('c1', 'c2', undefined),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('work' as const),
      kind: fencedKind,
      pick: fc.nat(20),
      fence: fc.constantFrom('current' as const, 'current' as const, 'earlier' as const),
      back: fc.nat(30),
      /** How much further the attempt's meter stands; undefined: it says nothing of it. */
      spent: fc.option(fc.nat(12), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('plan' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), back: fc.nat(20) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: -1_000, max: 3_000 }) }),
  },
);

export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
