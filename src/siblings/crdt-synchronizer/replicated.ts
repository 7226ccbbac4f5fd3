import type { Doc } from 'yjs';
import type { Json, Pen } from './data-type.ts';

/** Where a value lies: each field of each document has its own, and none ever takes another one's place. */
export interface Place {
  readonly doc: Doc;
  /** Of the shared type in `doc`. */
  readonly key: string;
}

/** One kind of replicated value. Pure: what it does follows from the place and its arguments alone. */
export interface Replicated {
  read(place: Place): Json;
  /** It holds nothing: a field that does is not there. */
  isEmpty(place: Place): boolean;
  /** Takes away what is seen here, and nothing that is written elsewhere at the same time. */
  reset(place: Place, pen: Pen): void;
}
