import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { createNodeClock, VirtualTime } from './virtual-time.ts';

const A = nodeId('a');
const B = nodeId('b');

function stage() {
  const time = new VirtualTime();
  const log: string[] = [];
  const say = (what: string) => (): void => {
    log.push(`${time.now} ${what}`);
  };
  const runAll = (): readonly string[] => {
    while (time.step() !== undefined);
    return log;
  };
  return { time, say, runAll };
}

describe('virtual time', () => {
  test('runs events in the order of their time, and equal ones in the order of their scheduling', () => {
    const { time, say, runAll } = stage();
    for (const [at, what] of [
      [7, 'late'],
      [3, 'first'],
      [5, 'one'],
      [5, 'two'],
      [5, 'three'],
    ] as const) {
      time.schedule({ at, owner: A, run: say(what) });
    }
    expect(runAll()).toEqual(['3 first', '5 one', '5 two', '5 three', '7 late']);
  });

  test('ends a turn after everything that arrives in its instant', () => {
    const { time, say, runAll } = stage();
    time.schedule({ at: 5, owner: A, run: () => time.defer(A, say('turn end')) });
    time.schedule({ at: 5, owner: A, run: say('second arrival') });
    time.schedule({ at: 6, owner: A, run: say('next instant') });
    expect(runAll()).toEqual(['5 second arrival', '5 turn end', '6 next instant']);
  });

  test('runs nothing of a paused process, and all of it late when it goes on', () => {
    const { time, say, runAll } = stage();
    time.pause(A);
    time.schedule({ at: 2, owner: A, run: say('of a') });
    time.schedule({ at: 3, owner: B, run: say('of b') });
    time.schedule({ at: 4, owner: A, run: say('of a again') });
    time.schedule({ at: 9, owner: undefined, run: () => time.resume(A) });
    expect(runAll()).toEqual(['3 of b', '9 of a', '9 of a again']);
  });

  test('lets a resumed process cancel what it was kept from', () => {
    const { time, say, runAll } = stage();
    time.pause(A);
    let cancel = (): void => undefined;
    time.schedule({ at: 2, owner: A, run: () => cancel() });
    cancel = time.schedule({ at: 3, owner: A, run: say('cancelled') });
    time.schedule({ at: 4, owner: undefined, run: () => time.resume(A) });
    expect(runAll()).toEqual([]);
  });

  test('forgets what a paused process was kept from when the process ends', () => {
    const { time, say, runAll } = stage();
    time.pause(A);
    time.schedule({ at: 2, owner: A, run: say('never') });
    time.schedule({ at: 4, owner: undefined, run: () => time.endPause(A) });
    time.schedule({ at: 5, owner: A, run: say('next life') });
    expect(runAll()).toEqual(['5 next life']);
  });

  test('refuses the past', () => {
    const { time, say, runAll } = stage();
    time.schedule({ at: 5, owner: A, run: say('now') });
    runAll();
    expect(() => time.schedule({ at: 4, owner: A, run: say('then') })).toThrow(/before 5/);
  });
});

describe("a node's clock", () => {
  test.each([
    { why: 'the same pace', skew: { offsetMs: 1000, rate: 1 } },
    { why: 'slow', skew: { offsetMs: 123_456, rate: 0.97 } },
    { why: 'fast', skew: { offsetMs: 7, rate: 1.03 } },
    { why: 'a pace that no fraction expresses', skew: { offsetMs: 0, rate: 0.1 + 0.9 / 0.97 } },
  ])('never wakes its node early: $why', ({ skew }) => {
    const { time, runAll } = stage();
    const clock = createNodeClock(time, A, skew);
    const woken: { readonly asked: number; readonly got: number }[] = [];
    for (let wait = 0; wait < 300; wait += 0.7) {
      const asked = clock.now() + wait;
      clock.setTimer(asked, () => woken.push({ asked, got: clock.now() }));
    }
    runAll();
    expect(woken.length).toBeGreaterThan(400);
    expect(woken.filter(({ asked, got }) => got < asked)).toEqual([]);
    expect(woken.filter(({ asked, got }) => got > asked + 2)).toEqual([]);
  });

  test('does not fire a timer within the turn that set it', () => {
    const { time, say, runAll } = stage();
    const clock = createNodeClock(time, A, { offsetMs: 0, rate: 1 });
    clock.setTimer(clock.now() - 50, say('timer'));
    clock.defer(say('turn end'));
    expect(runAll()).toEqual(['0 turn end', '1 timer']);
  });

  test('cancels', () => {
    const { time, say, runAll } = stage();
    createNodeClock(time, A, { offsetMs: 0, rate: 1 }).setTimer(5, say('never'))();
    expect(runAll()).toEqual([]);
  });
});
