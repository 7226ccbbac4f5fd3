import type { AgentDefinition } from '../../agents/definition.ts';
import { loadAgentFile } from '../../agents/load.ts';
import { openTrustStore } from '../../swarm/hook-policy.ts';
import { printJson, printLine } from '../reach.ts';
import { table } from '../view/table.ts';
import { plainLines } from '../view/text.ts';

/** Shows what will be allowed to run, and allows it. */
export async function allowHooks(files: readonly string[]): Promise<void> {
  const definitions = await Promise.all(files.map((file) => loadAgentFile(file)));
  const store = await openTrustStore();
  for (const definition of definitions) {
    for (const line of scriptLines(definition)) printLine(line);
    await store.allow(definition.source);
    printLine(`allowed: ${definition.source.path}`);
  }
}

export async function denyHooks(files: readonly string[]): Promise<void> {
  const definitions = await Promise.all(files.map((file) => loadAgentFile(file)));
  const store = await openTrustStore();
  for (const { source } of definitions) {
    await store.deny(source);
    printLine(`denied: ${source.path}`);
  }
}

export async function listHooks({ json }: { readonly json?: true }): Promise<void> {
  const decisions = (await openTrustStore()).list();
  if (json) {
    printJson(decisions);
    return;
  }
  const lines = table(decisions, [
    { title: 'DECISION', value: ({ decision }) => decision },
    { title: 'SHA-256', value: ({ sha256 }) => sha256.slice(0, 12) },
    { title: 'DECIDED', value: ({ decidedAt }) => decidedAt },
    { title: 'FILE', value: ({ path }) => path },
  ]);
  for (const line of lines) printLine(line);
}

function scriptLines({ name, hooks }: AgentDefinition): readonly string[] {
  return (['pre', 'post'] as const).flatMap((phase) =>
    hooks[phase].flatMap((script) => [`${name} ${phase}:`, ...plainLines(script).map((line) => `  ${line}`)]),
  );
}
