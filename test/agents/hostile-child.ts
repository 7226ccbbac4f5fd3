/**
 * Lints the files named by its arguments, one after the other, and prints a line of JSON for each. A
 * process of its own: a file that ends the process leaves the lines after it missing.
 */
import { lintAgentFile } from '../../src/agents/load.ts';

for (const path of process.argv.slice(2)) {
  const { definition, diagnostics } = await lintAgentFile(path);
  const isPolluted = 'polluted' in {} || Object.keys(Object.prototype).length > 0;
  const said = diagnostics.map(({ severity, code }) => `${severity} ${code}`);
  process.stdout.write(`${JSON.stringify({ path, isLoaded: definition !== undefined, isPolluted, said })}\n`);
}
