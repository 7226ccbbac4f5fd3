import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkup, examine } from '../../swarm/checkup/examine.ts';
import type { Finding } from '../../swarm/checkup/finding.ts';
import { locateProject } from '../../swarm/layout.ts';
import { nodeRange } from '../package-version.ts';
import { printJson, printLine } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { paintFor } from '../view/paint.ts';
import { plain } from '../view/text.ts';

export async function executeDoctor(
  dir: string | undefined,
  { json }: { readonly json?: true },
): Promise<void> {
  const project = locateProject(stateOf(dir), process.env, process.cwd());
  const checkup = await examine(project, { version: process.versions.node, range: nodeRange() });
  const isWell = checkup.findings.every(({ gravity }) => gravity === 'note');
  if (json) printJson({ well: isWell, ...checkup });
  else show(checkup);
  process.exitCode = isWell ? EXIT.ok : EXIT.failed;
}

/** Of a project, its state folder. */
function stateOf(dir: string | undefined): string | undefined {
  if (dir === undefined) return undefined;
  const inside = join(dir, '.raft-manager');
  return existsSync(inside) ? inside : dir;
}

function show({ findings, instances, state, swarms }: Checkup): void {
  for (const finding of findings) for (const line of told(finding)) printLine(line);
  const count = (gravity: Finding['gravity']): number =>
    findings.filter((one) => one.gravity === gravity).length;
  const looked = `${plain(state)}: looked at swarms: ${swarms}, instances: ${instances}`;
  printLine(`${looked}; wrong: ${count('wrong')}, notes: ${count('note')}`);
}

function told({ about, advice, gravity, instance, path, what }: Finding): readonly string[] {
  const paint = paintFor({ isTTY: process.stdout.isTTY === true, env: process.env });
  const head = gravity === 'wrong' ? paint('red', 'WRONG') : 'note ';
  const who = instance === null ? '' : ` ${instance}`;
  // Messages of our own mostly name the path themselves.
  const where = path === null || what.includes(path) ? '' : `${path}: `;
  return [`${head} ${about}${who}: ${plain(`${where}${what}`)}`, `      ${plain(advice)}`];
}
