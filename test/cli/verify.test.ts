import { expect, test } from 'vitest';
import { exitOf } from '../../src/cli/service/execute-verify.ts';

test.each([
  { why: 'all say the same', verdicts: ['equal', 'equal', 'equal'], exit: 0 },
  { why: 'one is down, and a majority says the same', verdicts: ['equal', 'equal', 'unreachable'], exit: 0 },
  { why: 'most could not be asked', verdicts: ['equal', 'unreachable', 'unreachable'], exit: 3 },
  { why: 'nobody could be asked', verdicts: ['unreachable', 'unreachable', 'unreachable'], exit: 3 },
  { why: 'one holds something else', verdicts: ['equal', 'equal', 'differs'], exit: 1 },
  {
    why: 'one is damaged, and the others are down',
    verdicts: ['damaged', 'unreachable', 'unreachable'],
    exit: 1,
  },
] as const)('verify ends with $exit: $why', ({ verdicts, exit }) => {
  expect(exitOf(verdicts.map((verdict) => ({ verdict })))).toBe(exit);
});
