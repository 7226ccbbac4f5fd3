import { isMap, isScalar, isSeq, type YAMLMap } from 'yaml';
import type { Finding } from './diagnostic.ts';
import type { MappedText } from './mapped-text.ts';

/** Where a value stands: keys and list positions from the top. */
export type YamlPath = readonly (string | number)[];

/** Keys that JavaScript objects treat as their own machinery; no agent needs one. */
const UNSAFE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Top-level keys whose value is text even if YAML would make it a number: `model: 4.10` is not 4.1. */
const TEXT_KEYS: ReadonlySet<string> = new Set(['name', 'type', 'color', 'description', 'priority', 'model']);

/**
 * Plain values of a parsed map, without the parser's own conversion: that one compares all keys with
 * each other, and knows no places. Of a duplicate key the last value counts.
 */
export function toPlain(
  root: YAMLMap,
  source: MappedText,
): { values: Record<string, unknown>; findings: Finding[] } {
  const findings: Finding[] = [];
  return { values: plainMap(root, source, findings, TEXT_KEYS), findings };
}

function plainMap(
  map: YAMLMap,
  source: MappedText,
  findings: Finding[],
  textKeys: ReadonlySet<string>,
): Record<string, unknown> {
  const values = new Map<string, unknown>();
  for (const pair of map.items) {
    const key = keyText(pair.key);
    const at = source.origin(startOf(pair.key) ?? 0);
    if (UNSAFE_KEYS.has(key)) findings.push(unsafeKey(key, at));
    else if (values.has(key)) findings.push(duplicateKey(key, at));
    if (isScalar(pair.value) && textKeys.has(key)) values.set(key, scalarText(pair.value));
    else values.set(key, plain(pair.value, source, findings));
  }
  // fromEntries defines each key as the object's own: nothing reaches a prototype.
  return Object.fromEntries(values);
}

function plain(node: unknown, source: MappedText, findings: Finding[]): unknown {
  if (isMap(node)) return plainMap(node, source, findings, new Set());
  if (isSeq(node)) return node.items.map((item) => plain(item, source, findings));
  return isScalar(node) ? node.value : null;
}

function scalarText(scalar: { value: unknown; source?: string }): unknown {
  return typeof scalar.value === 'number' || typeof scalar.value === 'boolean' ? scalar.source : scalar.value;
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value ?? '') : '';
}

function unsafeKey(key: string, at: number): Finding {
  return {
    at,
    severity: 'error',
    code: 'unsafe-key',
    message: `the key \`${key}\` is refused: JavaScript gives it a meaning of its own`,
    hint: 'rename or remove it',
  };
}

function duplicateKey(key: string, at: number): Finding {
  return {
    at,
    severity: 'warning',
    code: 'duplicate-key',
    message: `\`${key}\` is given twice; this later value counts`,
    hint: 'keep one of them: other tools may take the first or refuse the file',
  };
}

/** Offset of the value at `path`, or of its key where the value is empty, or of the nearest thing above. */
export function placeOf(root: YAMLMap, path: YamlPath): number {
  let node: unknown = root;
  let place = 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.findLast((item) => keyText(item.key) === step);
      if (pair === undefined) return place;
      place = (isEmpty(pair.value) ? undefined : startOf(pair.value)) ?? startOf(pair.key) ?? place;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      place = startOf(node) ?? place;
    } else return place;
  }
  return place;
}

/** Offset of the key at the end of `path` of maps; `undefined` when it is not there. */
export function keyPlaceOf(root: YAMLMap, path: readonly string[]): number | undefined {
  let node: unknown = root;
  let place: number | undefined;
  for (const step of path) {
    if (!isMap(node)) return undefined;
    const pair = node.items.findLast((item) => keyText(item.key) === step);
    if (pair === undefined) return undefined;
    place = startOf(pair.key);
    node = pair.value;
  }
  return place;
}

function isEmpty(node: unknown): boolean {
  return !(isMap(node) || isSeq(node)) && (!isScalar(node) || node.value === null);
}

function startOf(node: unknown): number | undefined {
  return isMap(node) || isSeq(node) || isScalar(node) ? node.range?.[0] : undefined;
}
