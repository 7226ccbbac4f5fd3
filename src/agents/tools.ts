import { z } from 'zod';
import { type FieldRule, type Fields, readField } from './field.ts';

/** Which tools an agent may use. `allowed: undefined` means every tool; `denied` wins over `allowed`. */
export interface ToolRules {
  readonly allowed: readonly string[] | undefined;
  readonly denied: readonly string[];
}

const toolList = z
  .union([z.string(), z.array(z.string().nullable())])
  .transform((value) =>
    (typeof value === 'string' ? [value] : value).flatMap((item) => splitTools(item ?? '')),
  );

const toolMap = z.looseObject({ allowed: toolList.nullish(), denied: toolList.nullish() });

/** An error, not a remark: a tool list that is read wrongly could allow what its author forbade. */
const TOOLS: FieldRule<ToolRules> = {
  schema: z.union([
    toolList.transform((allowed) => ({ allowed: unlessAll(allowed), denied: [] })),
    toolMap.transform(fromMap),
  ]),
  expected: 'a comma-separated string, a list of strings, or a map of `allowed` and `denied`',
  severity: 'error',
  code: 'invalid-tools',
};

const DISALLOWED: FieldRule<string[]> = {
  schema: toolList,
  expected: 'a comma-separated string or a list of strings',
  severity: 'error',
  code: 'invalid-tools',
};

/** `capabilities.allowed_tools` and `restricted_tools`, as claude-flow's templates write them. */
const capabilityTools = z.looseObject({
  allowed_tools: toolList.nullish(),
  restricted_tools: toolList.nullish(),
});

/** The tools of `tools` and of Claude Code's `disallowedTools`; else those inside a `capabilities` map. */
export function readTools(fields: Fields): ToolRules {
  const tools = readField(fields, 'tools', TOOLS) ?? toolsOfCapabilities(fields.values.capabilities);
  const disallowed = readField(fields, 'disallowedTools', DISALLOWED) ?? [];
  return { allowed: tools.allowed, denied: [...new Set([...tools.denied, ...disallowed])] };
}

function toolsOfCapabilities(capabilities: unknown): ToolRules {
  const read = capabilityTools.safeParse(capabilities);
  if (!read.success) return { allowed: undefined, denied: [] };
  return { allowed: read.data.allowed_tools ?? undefined, denied: read.data.restricted_tools ?? [] };
}

/** `{allowed, denied}`, or `{Read: true, Bash: false}`; other keys are remarks. */
function fromMap(map: z.infer<typeof toolMap>): ToolRules {
  const named = Object.entries(map).filter(([, value]) => typeof value === 'boolean');
  const on = named.filter(([, value]) => value === true).map(([tool]) => tool);
  const off = named.filter(([, value]) => value === false).map(([tool]) => tool);
  const isRestricted = Array.isArray(map.allowed) || on.length > 0;
  return {
    allowed: isRestricted ? unlessAll([...(map.allowed ?? []), ...on]) : undefined,
    denied: [...(map.denied ?? []), ...off],
  };
}

function unlessAll(tools: readonly string[]): readonly string[] | undefined {
  return tools.includes('*') ? undefined : tools;
}

/** `Read, Bash(git:*, npm:*)` is two tools: commas inside parentheses do not separate. */
function splitTools(text: string): string[] {
  const tools: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '(') depth += 1;
    else if (character === ')') depth = Math.max(0, depth - 1);
    else if (character === ',' && depth === 0) {
      tools.push(text.slice(start, at));
      start = at + 1;
    }
  }
  tools.push(text.slice(start));
  return tools.map((tool) => tool.trim()).filter((tool) => tool !== '');
}
