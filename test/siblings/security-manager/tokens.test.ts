import { expect, test } from 'vitest';
import {
  hashOf,
  isJoinToken,
  isSecretOf,
  newSecret,
  readJoinToken,
  readSaidToken,
  saidToken,
  writeJoinToken,
} from '../../../src/siblings/security-manager/tokens.ts';

const JOIN = { clusterId: 'c0ffee', pin: 'a'.repeat(64), name: 'j1', secret: newSecret() };

test('a join token says which swarm, whom to believe, and the secret', () => {
  const text = writeJoinToken(JOIN);
  expect(isJoinToken(text)).toBe(true);
  expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(readJoinToken(text)).toEqual(JOIN);
});

test.each([
  { why: 'cut short', text: writeJoinToken(JOIN).slice(0, -9) },
  { why: 'something else', text: 'secret' },
  { why: 'without a pin', text: writeJoinToken({ ...JOIN, pin: 'none' }) },
  { why: 'empty', text: 'rmj1_' },
])('a join token that is $why is refused', ({ text }) => {
  expect(() => readJoinToken(text)).toThrow(/no join token/);
});

test('what is said in a hello comes back, and the secret of a swarm is none of these', () => {
  const said = { kind: 'client', name: 'ci', secret: newSecret() } as const;
  expect(readSaidToken(saidToken(said))).toEqual(said);
  expect(readSaidToken(newSecret())).toBeUndefined();
});

test('of a secret only its hash is kept, and no other secret has that', () => {
  const secret = newSecret();
  expect(isSecretOf(secret, hashOf(secret))).toBe(true);
  expect(isSecretOf(newSecret(), hashOf(secret))).toBe(false);
  expect(isSecretOf(secret, '')).toBe(false);
});
