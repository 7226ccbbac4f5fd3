import { relative } from 'node:path';
import { type RegisteredAgent, scanAgents } from '../../agents/registry.ts';
import { printJson, printLine } from '../reach.ts';
import { type Column, table } from '../view/table.ts';
import { placesOf } from './places.ts';

const COLUMNS: readonly Column<RegisteredAgent>[] = [
  { title: 'NAME', value: ({ definition }) => definition.name, least: 12 },
  { title: 'TYPE', value: ({ definition }) => definition.type ?? '-', least: 8 },
  { title: 'CAPABILITIES', value: ({ definition }) => definition.capabilities.join(' ') || '-', least: 16 },
  { title: 'PRIORITY', value: ({ definition }) => definition.priority },
  { title: 'HOOKS', value: hooksOf },
  { title: 'SOURCE', value: ({ definition }) => shortPath(definition.source.path), least: 16 },
];

export async function listAgents(
  paths: readonly string[],
  { json }: { readonly json?: true },
): Promise<void> {
  const { agents, diagnostics } = await scanAgents(placesOf(paths));
  if (json) {
    printJson(agents.map(({ definition, owner }) => ({ ...definition, body: undefined, owner })));
    return;
  }
  const { columns } = process.stdout;
  for (const line of table(agents, COLUMNS, columns === undefined ? {} : { columns })) printLine(line);
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) {
    process.stderr.write(
      `raft-manager: ${errors} errors in files that are not listed; see "raft-manager agents lint"\n`,
    );
  }
}

function hooksOf({ definition }: RegisteredAgent): string {
  const { pre, post } = definition.hooks;
  const kinds = [pre.length > 0 ? 'pre' : '', post.length > 0 ? 'post' : ''].filter((kind) => kind !== '');
  return kinds.join(' ') || '-';
}

function shortPath(path: string): string {
  const here = relative(process.cwd(), path);
  return here.startsWith('..') ? path : here;
}
