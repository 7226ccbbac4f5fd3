import type { ExecutorOptions } from '../executor-options.ts';
import type { PlaceOptions } from '../options.ts';

export interface AgentOptions extends PlaceOptions, ExecutorOptions {
  readonly join?: readonly string[];
  readonly name?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly listen?: string;
  readonly advertise?: string;
  readonly voter?: true;
  readonly domain?: string;
  readonly requireHooks?: true;
  readonly json?: true;
}
