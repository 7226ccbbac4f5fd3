import { describe, expect, test } from 'vitest';
import { parseQuery } from '../../src/swarm/queries.ts';
import { pack } from '../../src/swarm/wire.ts';

describe('a query from whoever has the token', () => {
  test.each([
    { why: 'nothing', body: new Uint8Array(0) },
    { why: 'not even an object', body: pack(null) },
    { why: 'of a later version', body: pack({ kind: 'forecast' }) },
    { why: 'without its index', body: pack({ kind: 'log', limit: 10 }) },
    { why: 'an index that is none', body: pack({ kind: 'log', from: 0.5, limit: 10 }) },
    { why: 'an id that is none', body: pack({ kind: 'task', id: { $ne: '' } }) },
  ])('$why: refused, and the node lives', ({ body }) => {
    expect(() => parseQuery(body)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('what is asked is understood', () => {
    expect(parseQuery(pack({ kind: 'tasks', from: 7 }))).toEqual({ kind: 'tasks', from: 7 });
  });
});
