import { SwarmError } from '../../protocol/errors.ts';

/** In this order: when two instances give one name two types at once, the one that stands further up is kept. */
export const DATA_TYPES = [
  ...(['or-map', 'or-set', 'rga-list', 'rga-text'] as const),
  ...(['pn-counter', 'g-counter', 'lww-register'] as const),
] as const;

export type DataType = (typeof DATA_TYPES)[number];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Who writes: one life of one instance, so that whoever has lost its data never writes a cell again that it had. */
export interface Pen {
  readonly actor: string;
  /** What Yjs calls it: 32 bits. */
  readonly client: number;
  /** Milliseconds of the wall clock; nobody's order depends on its being right. */
  wallMs(): number;
}

/** @throws SwarmError BAD_INPUT */
export function badInput(message: string): SwarmError {
  return new SwarmError('BAD_INPUT', message);
}

/** Equal values have equal texts, whatever the order of their keys. */
export function canonical(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join()}}`;
}
