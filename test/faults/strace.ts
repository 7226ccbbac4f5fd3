import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';

/** What strace makes of system calls, as its `-e inject=` takes it. */
export type Fault = `${'fdatasync' | 'pwrite64' | 'fsync'}:${string}`;

const HINT =
  'test:faults lets real system calls fail, by strace: "apt-get install strace", and allow it to trace (in a container: --cap-add=SYS_PTRACE)';

/** Says what is missing before a test fails for a reason that is hard to tell. */
export function requireStrace(): void {
  const { status, stderr } = spawnSync('strace', ['-f', '-o', '/dev/null', process.execPath, '--version'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${HINT}. ${stderr ?? ''}`);
}

export interface Injection {
  /** Takes the fault away; the process goes on. */
  lift(): Promise<void>;
}

/** Makes system calls of a running process fail from now on, in all of its threads. */
export async function injectInto(pid: number, fault: Fault): Promise<Injection> {
  const [call] = fault.split(':');
  const tracer = spawn(
    'strace',
    ['-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${fault}`, '-p', String(pid)],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = new Promise<void>((resolve) => tracer.once('close', () => resolve()));
  onTestFinished(async () => {
    tracer.kill('SIGINT');
    await ended;
  });
  await said(tracer, 'attached');
  return {
    async lift() {
      tracer.kill('SIGINT');
      await ended;
    },
  };
}

function said(tracer: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    tracer.once('error', reject);
    tracer.once('close', () => reject(new Error(`${HINT}. ${text}`)));
    tracer.stderr?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.includes(word)) resolve();
    });
  });
}

/** The arguments that run a program under strace with a fault, in files below `folder` alone. */
export function underStrace(fault: Fault): readonly string[] {
  const [call] = fault.split(':');
  return ['-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${fault}`];
}
