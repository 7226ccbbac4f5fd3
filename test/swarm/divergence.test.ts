import { describe, expect, test } from 'vitest';
import { nodeId } from '../../src/protocol/ids.ts';
import { findDivergence, type Testimony } from '../../src/swarm/divergence.ts';

/** `a=X b=Y/log c=-`: hash of the state, of the log, or silence. */
function said(text: string): readonly Testimony[] {
  return text.split(' ').map((word): Testimony => {
    const [id = '', hashes = ''] = word.split('=');
    const [state = '-', log = '-', digest = '-'] = hashes.split('/');
    const orNull = (hash: string): string | null => (hash === '-' ? null : hash);
    return { id: nodeId(id), stateHash: orNull(state), logHash: orNull(log), digest: orNull(digest) };
  });
}

const ids = (text: string) =>
  text
    .split(' ')
    .filter((id) => id !== '')
    .map(nodeId);

interface Row {
  readonly why: string;
  readonly voters: string;
  readonly outgoing?: string;
  readonly words: string;
}

function look({ voters, outgoing = '', words }: Row) {
  return findDivergence(said(words), { voters: ids(voters), votersOutgoing: ids(outgoing) });
}

describe('members agree', () => {
  test.each<Row>([
    { why: 'all say the same', voters: 'a b c', words: 'a=1/x/d b=1/x/d c=1/x/d' },
    { why: 'silence is no other word', voters: 'a b c', words: 'a=1 b=- c=-' },
    { why: 'a log that does not reach back says nothing', voters: 'a b c', words: 'a=1/x b=1/- c=1/x' },
    { why: 'nobody was reached', voters: 'a b c', words: 'a=- b=- c=-' },
  ])('$why: $words', (row) => {
    expect(look(row)).toEqual({ kind: 'agreed' });
  });
});

describe('whoever differs from a majority is named', () => {
  test.each<Row & { readonly divergent: string; readonly what: string }>([
    { why: 'one of three', voters: 'a b c', words: 'a=1 b=1 c=2', divergent: 'c', what: 'stateHash' },
    { why: 'the one who asks', voters: 'a b c', words: 'a=2 b=1 c=1', divergent: 'a', what: 'stateHash' },
    {
      why: 'two of five, each in its own way',
      voters: 'a b c d e',
      words: 'a=1 b=1 c=1 d=2 e=3',
      divergent: 'd e',
      what: 'stateHash',
    },
    {
      why: 'one of five, one is down',
      voters: 'a b c d e',
      words: 'a=1 b=1 c=1 d=2 e=-',
      divergent: 'd',
      what: 'stateHash',
    },
    { why: 'a learner', voters: 'a b c', words: 'a=1 b=1 c=1 l=2', divergent: 'l', what: 'stateHash' },
    { why: 'the log alone', voters: 'a b c', words: 'a=1/x b=1/x c=1/y', divergent: 'c', what: 'logHash' },
    {
      why: 'the state under the same hash',
      voters: 'a b c',
      words: 'a=1/x/d b=1/x/d c=1/x/e',
      divergent: 'c',
      what: 'digest',
    },
    {
      why: 'once, by what comes first',
      voters: 'a b c',
      words: 'a=1/x b=1/x c=2/y',
      divergent: 'c',
      what: 'stateHash',
    },
    {
      why: 'in both halves of a joint phase',
      voters: 'a b c',
      outgoing: 'a b d',
      words: 'a=1 b=1 c=2 d=1',
      divergent: 'c',
      what: 'stateHash',
    },
  ])('$why: $words', ({ divergent, what, ...row }) => {
    const agreement = look(row);
    expect(agreement).toMatchObject({ kind: 'divergent' });
    if (agreement.kind !== 'divergent') return;
    expect(agreement.members.map(({ id }) => id)).toEqual(ids(divergent));
    expect(agreement.members.map((member) => member.what)).toEqual(ids(divergent).map(() => what));
  });
});

describe('nobody is stopped where nobody can tell who is right', () => {
  test.each<Row & { readonly what?: string }>([
    { why: 'two voters', voters: 'a b', words: 'a=1 b=2' },
    { why: 'three voters, three words', voters: 'a b c', words: 'a=1 b=2 c=3' },
    { why: 'one of three is down: two are left', voters: 'a b c', words: 'a=1 b=2 c=-' },
    { why: 'half of four', voters: 'a b c d', words: 'a=1 b=1 c=2 d=2' },
    {
      why: 'most that were heard, and no majority of all',
      voters: 'a b c d e',
      words: 'a=1 b=1 c=2 d=- e=-',
    },
    { why: 'learners do not make a majority', voters: 'a b c', words: 'a=1 b=2 c=- l=2 m=2' },
    { why: 'the only voter against all learners', voters: 'a', words: 'a=1 l=2 m=2' },
    {
      why: 'the halves of a joint phase',
      voters: 'a b c',
      outgoing: 'd e f',
      words: 'a=1 b=1 c=1 d=2 e=2 f=2',
    },
    { why: 'a majority of one half alone', voters: 'a b c', outgoing: 'c d e', words: 'a=1 b=1 c=1 d=2 e=2' },
    {
      why: 'of the log, though the state is clear',
      voters: 'a b c',
      words: 'a=1/x b=1/y c=2/z',
      what: 'logHash',
    },
  ])('$why: $words', ({ what = 'stateHash', ...row }) => {
    expect(look(row)).toMatchObject({ kind: 'split', what });
  });
});
