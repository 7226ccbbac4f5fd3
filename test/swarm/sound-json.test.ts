import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { stateIn } from '../../src/siblings/crdt-synchronizer/checkpoint.ts';
import { soundJson } from '../../src/swarm/sound-json.ts';

const schema = z.object({ weight: z.number() });

test('a record holds what its schema says', () => {
  expect(soundJson('{"weight": 2}', schema)).toEqual({ weight: 2 });
});

describe('a record that cannot be read holds nothing, and stops nobody', () => {
  test.each(['', 'not JSON', '{"weight": ', 'null', '[]', '{"weight": "two"}'])('%j', (text) => {
    expect(soundJson(text, schema)).toBeUndefined();
    expect(stateIn(text), 'nor a checkpoint of a document').toBeUndefined();
  });
});
