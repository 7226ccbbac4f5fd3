import { expect, test } from 'vitest';
import { ProgressFeed } from '../../src/swarm/progress-feed.ts';
import type { TaskMachine } from '../../src/tasks/machine.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';
import { Log } from '../tasks/log.ts';

const TASK = { taskId: 'a', fence: 7 };

/** A feed whose batches are taken when the test says so. */
function feedOf(machine: TaskMachine) {
  const told: string[] = [];
  let wake: () => void = () => undefined;
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  const session = {
    async execute(command: unknown): Promise<never> {
      told.push((command as { readonly text: string }).text);
      wake();
      return {} as never;
    },
  };
  return { feed: new ProgressFeed({ machine, session, intervalMs: 1 }, TASK), told, next };
}

function raised(): TaskMachine {
  const log = new Log();
  log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
  return log.machine;
}

test('gathers what comes within a moment, up to the end of a line', async () => {
  const { feed, told, next } = feedOf(raised());
  const first = next();
  for (const token of ['rea', 'ding\n', 'thin']) feed.add(token);
  await first;
  const second = next();
  feed.add('king');
  await second;
  expect(told).toEqual(['reading\n', 'thinking']);
});

test('of a flood tells the latest, and never half a character', async () => {
  const { feed, told, next } = feedOf(raised());
  const first = next();
  feed.add(`${'x'.repeat(10_000)}${'\u{1f600}'.repeat(2_048)}y`);
  await first;
  expect(told[0]).toBe(`${'\u{1f600}'.repeat(2_047)}y`);
});

test('tells the rest when it is closed, and nothing after that', async () => {
  const { feed, told, next } = feedOf(raised());
  const first = next();
  feed.add('one\ntw');
  await first;
  feed.add('o\nthree');
  const end = { signal: new AbortController().signal, output: 'three' };
  await feed.close(end);
  feed.add('too late\n');
  await feed.close(end);
  expect(told).toEqual(['one\n', 'two\nthree']);
});

test.each([
  { why: 'when the work was taken away', signal: AbortSignal.abort('lost'), output: '' },
  { why: 'that the record says', signal: new AbortController().signal, output: 'soon\nthe end' },
])('tells nothing $why', async (end) => {
  const { feed, told } = feedOf(raised());
  feed.add('the end\n');
  await feed.close(end);
  feed.add('far too late\n');
  const other = feedOf(raised());
  const heard = other.next();
  other.feed.add('in time');
  await heard;
  expect(told).toEqual([]);
});

test('is silent while some member would not understand', async () => {
  const log = new Log();
  const { feed, told, next } = feedOf(log.machine);
  feed.add('early\n');
  const other = feedOf(raised());
  const laterThanThat = other.next();
  other.feed.add('now');
  await laterThanThat;
  log.ok({ kind: 'raise-level', level: LATEST_LEVEL });
  const heard = next();
  feed.add('later\n');
  await heard;
  expect(told).toEqual(['later\n']);
});
