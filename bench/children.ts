import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A process of a benchmark. It ends with its parent. */
export interface BenchChild<FromChild> {
  readonly pid: number;
  send(message: unknown): void;
  /** The next message the child sends. */
  next(): Promise<FromChild>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Runs a TypeScript file of the benchmarks in a process of its own, with an IPC channel. */
export function startBenchChild<FromChild>(file: URL, args: readonly string[]): BenchChild<FromChild> {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(file), ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const arrived: FromChild[] = [];
  const waiting: ((message: FromChild) => void)[] = [];
  child.on('message', (message: FromChild) => {
    const wake = waiting.shift();
    if (wake === undefined) arrived.push(message);
    else wake(message);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid ?? 0,
    send: (message) => void child.send(message as object),
    next: () => {
      const first = arrived.shift();
      return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first);
    },
    async kill(signal) {
      child.kill(signal);
      await ended;
    },
  };
}

/** Makes the process of this file end when its parent is gone. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit(0));
}

/** CPU time a process has used so far, in ms. proc(5): utime and stime in ticks of 10 ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? 0) / 1024;
}
