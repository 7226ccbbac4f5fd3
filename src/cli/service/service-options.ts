import type { FoundingOptions } from '../founding-options.ts';
import type { PlaceOptions, ReachOptions } from '../options.ts';

export interface UpOptions extends PlaceOptions, FoundingOptions {
  readonly foreground?: true;
  readonly standby?: true;
  readonly json?: true;
}

export interface StatusOptions extends ReachOptions {
  readonly brief?: true;
  readonly watch?: true;
  readonly interval: number;
}
