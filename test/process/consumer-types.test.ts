import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from './harness.ts';

/** Everything that TypeScript can complain about. */
const STRICTEST = {
  target: 'ES2022',
  lib: ['ES2022'],
  types: ['node'],
  noEmit: true,
  allowImportingTsExtensions: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noFallthroughCasesInSwitch: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  allowUnreachableCode: false,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  forceConsistentCasingInFileNames: true,
};

/** What the types promise beyond what the examples use. Each `@ts-expect-error` is a promise to refuse. */
const PROMISES = `
import { createSwarm, loadAgent, loadAgentFile, runHooks, SwarmClient, SwarmError } from 'raft-manager';
import type { ErrorCode, SwarmEvent, TaskState, Work, WorkOutcome } from 'raft-manager';

export const sameFunction: typeof loadAgent = loadAgentFile;

export async function ids(client: SwarmClient): Promise<string> {
  const [one, other] = await client.submit([{ prompt: 'a' }, { run: 'b', requires: ['x'] }]);
  // @ts-expect-error as many ids as tasks
  await client.submit([{ prompt: 'a' }]).then(([, second]) => second.length);
  // @ts-expect-error no such priority
  await client.submit([{ prompt: 'a', priority: 'urgent' }]);
  // @ts-expect-error no such field
  await client.submit([{ promt: 'a' }]);
  return one + other;
}

export function told(outcome: WorkOutcome): string {
  switch (outcome.outcome) {
    case 'completed':
      return outcome.output;
    case 'failed':
      return outcome.state;
    case 'lost':
      return outcome.reason;
  }
}

export async function follow(client: SwarmClient, signal: AbortSignal): Promise<TaskState[]> {
  const states: TaskState[] = [];
  for await (const event of client.watch({ signal })) {
    if (event.type === 'applied') states.push(...event.tasks.map(({ state }) => state));
  }
  const never: (event: SwarmEvent) => 'resync' | 'applied' | 'role' = ({ type }) => type;
  return never({ type: 'resync' }) === 'resync' ? states : [];
}

export const codeOf = (error: unknown): ErrorCode | undefined =>
  error instanceof SwarmError ? error.code : undefined;

export const works: Work[] = [
  () => 'done',
  async ({ signal }) => ({ failed: String(signal.reason), next: 'final' }),
  // @ts-expect-error neither output nor a failure
  () => ({ ok: true }),
];

export const hooks = async (): Promise<string> =>
  (await runHooks(await loadAgent('a.md'), { phase: 'pre', task: 'x' })).outcome;

// @ts-expect-error made by connect
export const made = () => new SwarmClient();

// @ts-expect-error no such executor
export const refused = () => createSwarm({ executor: 'abacus' });
`;

/** Once with all types of our dependencies, which takes a while and is the same for all. */
const RESOLUTIONS = [
  { module: 'NodeNext', moduleResolution: 'NodeNext', skipLibCheck: false },
  { module: 'ESNext', moduleResolution: 'Bundler', skipLibCheck: true },
];

/** What the README shows to whoever writes TypeScript. */
function readmeProgram(): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, program] = /^### From TypeScript.*?```ts\n(.*?)```/ms.exec(readme) ?? [];
  if (program === undefined) throw new Error('the README has no TypeScript program any more');
  return program;
}

/** A project that has installed us. */
function openConsumer(options: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'raft-manager-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'node_modules', '@anthropic-ai'), { recursive: true });
  for (const name of ['@types', '@anthropic-ai/sdk'])
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  symlinkSync(ROOT, join(folder, 'node_modules', 'raft-manager'));
  cpSync(join(ROOT, 'examples'), folder, { recursive: true });
  writeFileSync(join(folder, 'promises.ts'), PROMISES);
  writeFileSync(join(folder, 'readme.ts'), readmeProgram());
  writeFileSync(join(folder, 'package.json'), '{ "name": "consumer", "type": "module" }');
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...STRICTEST, ...options }, include: ['*.ts'] }),
  );
  return folder;
}

test.each(RESOLUTIONS)('the types are those of the strictest consumer, with $moduleResolution', (options) => {
  const folder = openConsumer(options);
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
});
