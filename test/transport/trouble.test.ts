import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { withoutRepeats } from '../../src/transport/trouble.ts';

const MINUTE = 60_000;

function filtered() {
  const told: string[] = [];
  let now = 0;
  const report = withoutRepeats(
    ({ message }) => told.push(message),
    () => now,
  );
  return {
    told,
    say: (message: string, at: number): void => {
      now = at;
      report(new SwarmError('NOT_RUNNING', message));
    },
  };
}

describe('trouble that goes on', () => {
  test('is told at once, and then once a minute', () => {
    const { told, say } = filtered();
    for (let at = 0; at <= 3 * MINUTE; at += 1_000) say('b is away', at);
    expect(told).toHaveLength(4);
  });

  test('is told at once when it changes', () => {
    const { told, say } = filtered();
    say('b is away', 0);
    say('b refuses us', 1_000);
    say('b refuses us', 2_000);
    say('c is away', 3_000);
    expect(told).toEqual(['b is away', 'b refuses us', 'c is away']);
  });

  test('that alternates is still told once a minute', () => {
    const { told, say } = filtered();
    for (let at = 0; at < MINUTE; at += 2_000) {
      say('b is away', at);
      say('b refuses us', at + 1_000);
    }
    expect(told).toHaveLength(2);
  });

  test('of ever new kinds is cut off, and heard again later', () => {
    const { told, say } = filtered();
    for (let i = 0; i < 10_000; i++) say(`stranger ${i}`, i);
    expect(told).toHaveLength(256);
    say('b is away', MINUTE + 10_000);
    expect(told.at(-1)).toBe('b is away');
  });
});
