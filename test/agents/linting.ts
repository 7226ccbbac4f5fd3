import type { AgentDefinition } from '../../src/agents/definition.ts';
import { lintAgent } from '../../src/agents/lint.ts';

/** One text linted, its diagnostics as short lines: `3:14 warning quoted-scalar`. */
export function lint(text: string): { definition: AgentDefinition | undefined; remarks: string[] } {
  const { definition, diagnostics } = lintAgent({ path: 'agent.md', text, sha256: 'unused' });
  const remarks = diagnostics.map(
    ({ line, column, severity, code }) => `${line}:${column} ${severity} ${code}`,
  );
  return { definition, remarks };
}

/** The agent with these frontmatter lines and nothing odd but what they bring. */
export function lintFields(...lines: string[]): ReturnType<typeof lint> {
  return lint(['---', 'name: tester', 'description: tests', ...lines, '---', 'Body.', ''].join('\n'));
}
