import { type AgentDefinition, type AgentOrigin, defineAgent } from './definition.ts';
import { type Diagnostic, type Finding, toDiagnostics } from './diagnostic.ts';
import { splitFrontmatter } from './frontmatter.ts';
import { readYaml } from './yaml-document.ts';

/** An agent file as it was read. `text` keeps its byte order mark and line ends. */
export interface AgentText extends AgentOrigin {
  readonly text: string;
}

export interface LintResult {
  /** `undefined` when the file is refused (an error among the diagnostics) or is not an agent. */
  readonly definition: AgentDefinition | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads one agent file and says what is wrong with it. Never throws, and costs a bounded time,
 * whatever the text is.
 */
export function lintAgent(file: AgentText): LintResult {
  const { definition, findings } = read(file);
  const isRefused = findings.some(({ severity }) => severity === 'error');
  return {
    definition: isRefused ? undefined : definition,
    diagnostics: toDiagnostics(file.path, file.text, findings),
  };
}

interface Reading {
  readonly definition: AgentDefinition | undefined;
  readonly findings: readonly Finding[];
}

function read({ path, sha256, text }: AgentText): Reading {
  const split = splitFrontmatter(text);
  if (split.kind !== 'split') return { definition: undefined, findings: split.findings };

  const yaml = readYaml(split.frontmatter);
  const findings = [...split.findings, ...yaml.findings];
  if (yaml.kind === 'refused') return { definition: undefined, findings };
  if (yaml.kind === 'prose')
    return { definition: undefined, findings: [betweenRules(split.frontmatter.origin(0))] };

  const fields = { ...yaml.fields, report: (finding: Finding) => void findings.push(finding) };
  const definition = defineAgent(fields, split.body, { path, sha256 });
  return { definition, findings };
}

function betweenRules(at: number): Finding {
  return {
    at,
    severity: 'info',
    code: 'no-frontmatter',
    message: 'not an agent: the text between the first two `---` lines has no keys',
    hint: 'nothing to do, unless it is meant to be one: then write `key: value` lines there',
  };
}
