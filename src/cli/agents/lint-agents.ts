import type { Diagnostic } from '../../agents/diagnostic.ts';
import { scanAgents } from '../../agents/registry.ts';
import { printJson, printLine } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { plain } from '../view/text.ts';
import { placesOf } from './places.ts';

export async function lintAgents(
  paths: readonly string[],
  { json }: { readonly json?: true },
): Promise<void> {
  const { agents, diagnostics, fileCount } = await scanAgents(placesOf(paths));
  const count = (severity: string): number => diagnostics.filter((d) => d.severity === severity).length;
  if (count('error') > 0) process.exitCode = EXIT.failed;
  if (json) {
    printJson({ files: fileCount, agents: agents.length, diagnostics });
    return;
  }
  for (const diagnostic of diagnostics) for (const line of diagnosticLines(diagnostic)) printLine(line);
  printLine(
    `${fileCount} files, ${agents.length} agents, ${count('error')} errors, ${count('warning')} warnings`,
  );
}

function diagnosticLines({
  file,
  line,
  column,
  severity,
  code,
  message,
  hint,
}: Diagnostic): readonly string[] {
  const what = `${plain(file)}:${line}:${column}: ${severity} ${code}: ${plain(message)}`;
  return hint === '' ? [what] : [what, `  hint: ${plain(hint)}`];
}
