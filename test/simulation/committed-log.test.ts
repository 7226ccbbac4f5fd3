import { describe, expect, test } from 'vitest';
import { encodeConfiguration } from '../../src/protocol/configuration-codec.ts';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import { type Configuration, configuration } from '../../src/protocol/state.ts';
import { CommittedLog } from './committed-log.ts';
import type { NodeView } from './invariants.ts';

const ids = (text: string) => text.split('').map(nodeId);
const simple = (voters: string): Configuration => configuration(ids(voters));
const joint = (voters: string, votersOutgoing: string): Configuration => {
  return { ...simple(voters), votersOutgoing: ids(votersOutgoing), autoLeave: true };
};

/** Commits `configs` one after the other, beginning with `abc`; every disk holds everything. */
function commit(...configs: readonly Configuration[]): CommittedLog {
  const log = new CommittedLog({
    bootstrap: simple('abc'),
    durable: () => ({
      hardState: { term: term(1), votedFor: undefined },
      lastIndex: logIndex(99),
      base: { index: logIndex(99), term: term(1) },
      termAt: () => term(1),
    }),
    onCommitted: () => undefined,
  });
  configs.forEach((config, at) => {
    const view = { id: nodeId('a'), configurations: { latest: config, at: () => config } };
    const data = encodeConfiguration(config);
    const entry = { index: logIndex(at + 1), term: term(1), kind: 'config', data } as const;
    log.admit(view as unknown as NodeView, term(1), entry);
  });
  return log;
}

describe('from one configuration to the next', () => {
  test.each([
    { why: 'one comes', configs: [simple('abcd')] },
    { why: 'one goes', configs: [simple('ab')] },
    { why: 'two come, jointly', configs: [joint('abcde', 'abc'), simple('abcde')] },
    { why: 'one for another, jointly', configs: [joint('abd', 'abc'), simple('abd')] },
  ])('$why: fine', ({ configs }) => {
    expect(commit(...configs).configuration).toEqual(configs.at(-1));
  });

  test.each([
    { why: 'two come at once', configs: [simple('abcde')] },
    { why: 'one for another at once', configs: [simple('abd')] },
    { why: 'a joint phase out of nowhere', configs: [joint('abd', 'xyz')] },
    { why: 'a joint phase that ends elsewhere', configs: [joint('abd', 'abc'), simple('abe')] },
  ])('$why: their quorums need not meet', ({ configs }) => {
    expect(() => commit(...configs)).toThrow(/Overlapping quorums/);
  });
});

describe('what nodes do not show', () => {
  test('lies behind something that is committed', () => {
    const log = commit(simple('ab'));
    expect(() => log.checkPosition(nodeId('a'), { index: logIndex(1), term: term(1) })).not.toThrow();
    expect(() => log.checkPosition(nodeId('a'), { index: logIndex(1), term: term(2) })).toThrow(
      /not committed/,
    );
    expect(() => log.checkPosition(nodeId('a'), { index: logIndex(2), term: term(1) })).toThrow(
      /not committed/,
    );
  });

  test('comes to the same state everywhere', () => {
    const log = commit(simple('ab'));
    log.checkDigest(nodeId('a'), logIndex(1), 'x');
    expect(() => log.checkDigest(nodeId('b'), logIndex(1), 'y')).toThrow(/Equal states/);
  });
});
