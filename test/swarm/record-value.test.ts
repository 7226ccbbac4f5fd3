import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { stateIn } from '../../src/siblings/crdt-synchronizer/checkpoint.ts';
import { recordValue } from '../../src/swarm/record-value.ts';

const schema = z.object({ weight: z.number() });

test('a record holds what its schema says', () => {
  expect(recordValue('{"weight": 2}', schema)).toEqual({ weight: 2 });
});

describe('a record that cannot be read holds nothing, and stops nobody', () => {
  test.each(['', 'not JSON', '{"weight": ', 'null', '[]', '{"weight": "two"}'])('%j', (text) => {
    expect(recordValue(text, schema)).toBeUndefined();
    expect(stateIn(text), 'nor a checkpoint of a document').toBeUndefined();
  });
});
