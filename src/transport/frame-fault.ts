import type { SwarmError } from '../protocol/errors.ts';
import type { MisconductKind } from '../protocol/misconduct.ts';

/** What may be wrong with a frame behind a good hello. */
export type FrameFault = Extract<MisconductKind, 'malformed-frame' | 'replayed-frame'>;

export function faultOf({ code }: SwarmError): FrameFault {
  return code === 'OUT_OF_SEQUENCE' ? 'replayed-frame' : 'malformed-frame';
}
