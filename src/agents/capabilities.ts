import { z } from 'zod';
import { type FieldRule, type Fields, readField } from './field.ts';

export interface Capabilities {
  /** What tasks may require of this agent, each once, in the order of the file. */
  readonly names: readonly string[];
  /** The map they were taken from, untouched; `undefined` when the file has a list. */
  readonly map: Readonly<Record<string, unknown>> | undefined;
}

type CapabilityMap = Readonly<Record<string, unknown>>;

const CAPABILITIES: FieldRule<string | unknown[] | CapabilityMap> = {
  schema: z.union([z.string(), z.array(z.unknown()), z.record(z.string(), z.unknown())]),
  expected: 'a list of names, or a map',
  severity: 'warning',
  code: 'ignored-field',
};

/** claude-flow's templates keep tool rules among the capabilities; `readTools` takes them. */
const TOOL_KEYS: ReadonlySet<string> = new Set(['allowed_tools', 'restricted_tools']);

export function readCapabilities(fields: Fields): Capabilities {
  const value = readField(fields, 'capabilities', CAPABILITIES);
  if (value === undefined) return { names: [], map: undefined };
  if (typeof value === 'string') return { names: unique(value.split(',')), map: undefined };
  if (Array.isArray(value)) return { names: unique(namesOfList(fields, value)), map: undefined };
  const names = unique(namesOfMap(value));
  fields.report({
    at: fields.keyAt('capabilities'),
    severity: 'info',
    code: 'capabilities-map',
    message: `capabilities are a map; taken from it: ${names.length === 0 ? 'none' : names.join(', ')}`,
    hint: 'a list of names leaves no doubt',
  });
  return { names, map: value };
}

function namesOfList(fields: Fields, list: readonly unknown[]): string[] {
  return list.flatMap((item, position) => {
    if (typeof item === 'string') return [item];
    if (typeof item === 'number' || typeof item === 'boolean') return [String(item)];
    if (item === null) return [];
    fields.report({
      at: fields.valueAt('capabilities', position),
      severity: 'warning',
      code: 'invalid-capability',
      message: 'a capability is a name, this item is not text; it is left out',
      hint: 'quote it if it holds `: `',
    });
    return [];
  });
}

/** `name: true` and the names in lists are capabilities, at every level; other values are settings. */
function namesOfMap(map: CapabilityMap): string[] {
  return Object.entries(map).flatMap(([key, value]) => {
    if (TOOL_KEYS.has(key)) return [];
    if (value === true) return [key];
    if (Array.isArray(value)) return value.filter((item) => typeof item === 'string');
    return isMap(value) ? namesOfMap(value) : [];
  });
}

function isMap(value: unknown): value is CapabilityMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.trim()).filter((name) => name !== ''))];
}
