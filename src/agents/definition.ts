import { z } from 'zod';
import { isId } from '../protocol/ids.ts';
import { readCapabilities } from './capabilities.ts';
import { type FieldRule, type Fields, readField } from './field.ts';
import { type AgentHooks, readHooks } from './hook-scripts.ts';
import { readTools, type ToolRules } from './tools.ts';

const PRIORITIES = ['low', 'normal', 'medium', 'high', 'critical'] as const;

/** `medium` is claude-flow's word for `normal`; the two rank alike. */
export type Priority = (typeof PRIORITIES)[number];

/** Where a definition came from. The hash is of the file's bytes: trust in hooks hangs on it. */
export interface AgentOrigin {
  readonly path: string;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
}

/** One agent, as its file describes it. Text from the file is not fit for a terminal as it stands. */
export interface AgentDefinition {
  readonly name: string;
  readonly type: string | undefined;
  readonly color: string | undefined;
  /** Empty when the file has none. */
  readonly description: string;
  readonly capabilities: readonly string[];
  /** The map that `capabilities` was taken from, untouched; `undefined` when the file has a list. */
  readonly capabilityMap: Readonly<Record<string, unknown>> | undefined;
  readonly priority: Priority;
  readonly hooks: AgentHooks;
  readonly tools: ToolRules;
  /** In order of preference; empty: whatever runs the agent decides. */
  readonly model: readonly string[];
  /** Without `leader_election` among the capabilities: true means it never stands, false as a last resort. */
  readonly strictEligibility: boolean;
  /** All other keys, as they stand in the file. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** What follows the frontmatter: the agent's instructions. */
  readonly body: string;
  readonly source: AgentOrigin;
}

/** Longest name that is shown in tables and put into environments. */
const MAX_NAME_LENGTH = 128;

const ignoredUnless = <T>(schema: z.ZodType<T>, expected: string): FieldRule<T> => ({
  schema,
  expected,
  severity: 'warning',
  code: 'ignored-field',
});

const TEXT = ignoredUnless(z.string().trim(), 'text');

const MODEL = ignoredUnless(
  z.union([
    z
      .string()
      .trim()
      .transform((model) => [model]),
    z.array(z.string().trim()),
  ]),
  'the name of a model, or a list of them',
);

const NAME: FieldRule<string> = { ...TEXT, severity: 'error', code: 'invalid-name' };

const PRIORITY: FieldRule<Priority> = {
  schema: z.string().trim().toLowerCase().pipe(z.enum(PRIORITIES)),
  expected: `one of ${PRIORITIES.join(', ')} (it counts as normal now)`,
  severity: 'warning',
  code: 'unknown-priority',
};

const STRICT_ELIGIBILITY: FieldRule<boolean> = {
  schema: z.boolean(),
  expected: '`true` or `false`',
  severity: 'error',
  code: 'invalid-eligibility',
};

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'name',
  'type',
  'color',
  'description',
  'capabilities',
  'priority',
  'hooks',
  'tools',
  'disallowedTools',
  'model',
  'strictEligibility',
]);

/** The agent that `fields` describe. Whether it may be used shows in the severity of what was reported. */
export function defineAgent(fields: Fields, body: string, source: AgentOrigin): AgentDefinition {
  const capabilities = readCapabilities(fields);
  reportCommentValues(fields);
  return {
    name: readName(fields),
    type: readType(fields),
    color: readField(fields, 'color', TEXT),
    description: readDescription(fields),
    capabilities: capabilities.names,
    capabilityMap: capabilities.map,
    priority: readField(fields, 'priority', PRIORITY) ?? 'normal',
    hooks: readHooks(fields),
    tools: readTools(fields),
    model: readField(fields, 'model', MODEL) ?? [],
    strictEligibility: readField(fields, 'strictEligibility', STRICT_ELIGIBILITY) ?? false,
    extra: Object.fromEntries(Object.entries(fields.values).filter(([key]) => !KNOWN_KEYS.has(key))),
    body,
    source,
  };
}

function readName(fields: Fields): string {
  const value = fields.values.name;
  const name = readField(fields, 'name', NAME) ?? '';
  const at = fields.valueAt('name');
  if (value === undefined || value === null || (typeof value === 'string' && name === '')) {
    fields.report({
      at,
      severity: 'error',
      code: 'missing-name',
      message: 'an agent needs a `name`, and this frontmatter has none',
      hint: 'add `name: …`; if the file is no agent, move it elsewhere or remove its frontmatter',
    });
  } else if (name.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(name)) {
    fields.report({
      at,
      severity: 'error',
      code: 'invalid-name',
      message: `a name has at most ${MAX_NAME_LENGTH} characters, none of them a control character`,
      hint: 'use letters, digits and dashes',
    });
  } else if (name !== '' && !isId(name)) {
    fields.report({
      at,
      severity: 'warning',
      code: 'unusual-name',
      message: `\`${name}\` cannot name an instance as it stands (letters, digits, \`.\`, \`_\`, \`-\`, at most 64)`,
      hint: 'use letters, digits and dashes',
    });
  }
  return name;
}

function readType(fields: Fields): string | undefined {
  const type = readField(fields, 'type', TEXT);
  if (type?.toLowerCase() === 'documentation') {
    fields.report({
      at: fields.valueAt('type'),
      severity: 'warning',
      code: 'documentation-type',
      message: 'this says of itself that it is documentation, but it has a name and is loaded as an agent',
      hint: 'move it out of the agents folder, or remove its frontmatter',
    });
  }
  return type;
}

function readDescription(fields: Fields): string {
  const description = readField(fields, 'description', TEXT) ?? '';
  if (description === '') {
    fields.report({
      at: fields.keyAt('description'),
      severity: 'warning',
      code: 'missing-description',
      message: 'there is no `description`; Claude Code does not load such an agent',
      hint: 'add `description: …`: when to use this agent',
    });
  }
  return description;
}

/** `color: #2196F3` is an empty colour and a comment. */
function reportCommentValues(fields: Fields): void {
  for (const key of KNOWN_KEYS) {
    const rest = fields.values[key] === null ? fields.restOfLine(key) : '';
    if (!rest.startsWith('#')) continue;
    fields.report({
      at: fields.keyAt(key),
      severity: 'warning',
      code: 'comment-value',
      message: `\`${key}\` is empty: \`${rest.slice(0, 40)}\` is a comment in YAML`,
      hint: 'quote the value',
    });
  }
}
