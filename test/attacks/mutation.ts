import type { Chance } from '../simulation/chance.ts';

const NUMBERS = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

/** What parsers have stumbled over, here or elsewhere. */
const WORDS = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    '"__proto__":{"polluted":true},',
    '__proto__: {polluted: yes}\n',
  ],
  ...[
    '---\n',
    '---js\n',
    '...\n',
    '%YAML 1.1\n',
    '!!js/function ',
    '!!binary ',
    '&a [*a, *a]',
    '<<: *a\n',
    '? ',
    '- - - -',
    '{{{{{{',
    '[[[[[[',
  ],
  ...[
    '\0',
    '\u202e',
    '\ufeff',
    '\r\n',
    '\t',
    '../../',
    '%2e%2e/',
    '..\\',
    '\ud800',
    '1e999',
    '-0',
    '0x10',
    'NaN',
    'null',
    '"',
    "'",
  ],
] as const;

/** One to four changes of `bytes`, as chance has it; `others` are spliced in now and then. */
export function mutate(bytes: Uint8Array, others: readonly Uint8Array[], chance: Chance): Buffer {
  let out: Buffer = Buffer.from(bytes);
  for (let left = chance.integer(1, 4); left > 0; left--) out = change(out, others, chance);
  return out;
}

function change(bytes: Buffer, others: readonly Uint8Array[], chance: Chance): Buffer {
  const at = chance.integer(0, bytes.length);
  const to = Math.min(bytes.length, at + chance.integer(1, 16));
  switch (chance.integer(0, 8)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.integer(0, 7));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = chance.pick(NUMBERS) & 255;
      return bytes;
    case 2:
      if (at + 4 <= bytes.length) bytes.writeUInt32LE(chance.pick(NUMBERS), at);
      return bytes;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(chance.pick(WORDS)), bytes.subarray(at)]);
    case 6:
      return bytes.subarray(0, at);
    case 7: {
      const word = Buffer.from(chance.pick(WORDS).repeat(chance.integer(1, 400)));
      return Buffer.concat([bytes.subarray(0, at), word, bytes.subarray(at)]);
    }
    default: {
      const other = chance.pick(others);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(chance.integer(0, other.length))]);
    }
  }
}
