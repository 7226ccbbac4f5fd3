import type { ReachOptions } from '../options.ts';

export interface LogOptions extends ReachOptions {
  readonly from: number;
  readonly limit?: number;
  readonly follow?: true;
  readonly raw?: string;
}

export interface AddOptions extends ReachOptions {
  readonly file?: string;
  readonly title?: string;
  readonly run?: string;
  readonly prompt?: string;
  readonly requires?: readonly string[];
  readonly priority?: string;
  readonly dependsOn?: readonly string[];
  readonly taskTimeout?: number;
  readonly retries?: number;
  readonly env?: readonly string[];
  readonly gate?: string;
  readonly model?: string;
  readonly maxTurns?: number;
  readonly maxTokens?: number;
  /** Millionths of a dollar. */
  readonly maxCostUsd?: number;
  readonly key?: string;
}

export interface ListOptions extends ReachOptions {
  readonly state?: readonly string[];
}

export interface ClaimOptions extends ReachOptions {
  readonly as?: string;
  readonly capabilities?: readonly string[];
  readonly lease?: number;
  readonly wait?: number;
}

export interface FenceOptions extends ReachOptions {
  readonly fence: number;
}

export interface EndOptions extends FenceOptions {
  readonly output?: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly final?: true;
}

export interface ReasonOptions extends ReachOptions {
  readonly reason: string;
}

export interface ReserveOptions extends ReachOptions {
  readonly as?: string;
  readonly shared?: true;
  readonly task?: string;
  readonly fence?: number;
  readonly lease?: number;
  readonly id?: string;
  readonly list?: true;
}
