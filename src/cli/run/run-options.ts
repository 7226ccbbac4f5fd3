import type { FoundingOptions } from '../founding-options.ts';
import type { PlaceOptions } from '../options.ts';

export interface RunOptions extends PlaceOptions, FoundingOptions {
  readonly json?: true;
  readonly keep?: true;
  readonly resume?: true;
}
