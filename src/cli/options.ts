import { InvalidArgumentError, Option } from 'commander';

/** Options that several commands share. */

export interface PlaceOptions {
  readonly dir?: string;
}

export interface ReachOptions extends PlaceOptions {
  readonly timeout: number;
  readonly json?: true;
}

export const dirOption = (): Option =>
  new Option('--dir <folder>', 'state folder (default: .raft-manager of this project, or RAFT_MANAGER_DIR)');

export const jsonOption = (): Option => new Option('--json', 'print JSON and nothing else on stdout');

export const timeoutOption = (): Option =>
  new Option('--timeout <time>', 'how long to wait for the swarm, e.g. 5s')
    .argParser(parseDuration)
    .default(10_000, '10s');

/** Milliseconds of `500ms`, `30s`, `5m`, `1h`, or plain seconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('expected a time such as 500ms, 30s, 5m or 1h');
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match[2] ?? 's'] ?? 1_000;
  const milliseconds = Math.round(Number(match[1]) * unit);
  if (milliseconds < 1) throw new InvalidArgumentError('expected more than no time');
  return milliseconds;
}

/** A whole number within bounds, or a message that names them. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}
