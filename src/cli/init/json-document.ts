import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { SwarmError } from '../../protocol/errors.ts';
import { insertion, type Json, removal, replacement, type TextEdit } from './json-edit.ts';

/** Keys from the root on, and the index of an item at the end. */
export type JsonPath = readonly (string | number)[];

const BOM = '\uFEFF';

/**
 * A person's JSON file, perhaps with comments: what is not changed stays as it is, to the byte. Edits take the file's
 * own indentation and line ends.
 *
 * @throws SwarmError BAD_INPUT with file, line and column when it is no JSON, or not an object.
 */
export class JsonDocument {
  readonly text: string;
  readonly #name: string;
  readonly #root: Node;

  constructor(name: string, text: string) {
    this.#name = name;
    this.text = text;
    const errors: ParseError[] = [];
    const body = bodyOf(text);
    const root = parseTree(body, errors, { allowTrailingComma: true, disallowComments: false });
    const [first] = errors;
    if (first !== undefined) {
      const what = printParseErrorCode(first.error).replace(/([a-z])([A-Z])/g, '$1 $2');
      this.#refuse(first.offset, `this is not JSON: ${what.toLowerCase()}`);
    }
    if (root?.type !== 'object') this.#refuse(root?.offset ?? 0, 'expected an object');
    this.#root = root as Node;
  }

  /** What stands there; undefined when nothing does. */
  at(path: JsonPath): Json | undefined {
    const node = this.#nodeAt(path);
    // Its objects have no prototype, and would equal nothing.
    return node === undefined ? undefined : structuredClone(getNodeValue(node) as Json);
  }

  /** @throws SwarmError BAD_INPUT when something stands there that is not of that kind. */
  expect(path: JsonPath, kind: 'object' | 'array'): void {
    const node = this.#nodeAt(path);
    if (node === undefined || node.type === kind) return;
    const expected = kind === 'object' ? 'an object' : 'a list';
    this.#refuse(node.offset, `"${path.join('.')}" should be ${expected}, not ${node.type}`);
  }

  /** With `value` there, and the objects around it. */
  with(path: JsonPath, value: Json): JsonDocument {
    const there = this.#nodeAt(path);
    if (there !== undefined) return this.#edited(replacement(this.#body, there, value));
    const [parent, key] = [path.slice(0, -1), path.at(-1)];
    const container = this.#nodeAt(parent);
    if (typeof key !== 'string') throw new TypeError(`there is no item ${key} to replace`);
    if (container === undefined) return this.with(parent, { [key]: value });
    return this.#edited(insertion(this.#body, container, value, key));
  }

  /** With `value` behind the last item of a list, which may not be there yet. */
  withItem(path: JsonPath, value: Json): JsonDocument {
    const list = this.#nodeAt(path);
    return list === undefined ? this.with(path, [value]) : this.#edited(insertion(this.#body, list, value));
  }

  without(path: JsonPath): JsonDocument {
    const container = this.#nodeAt(path.slice(0, -1));
    const node = this.#nodeAt(path);
    if (container === undefined || node === undefined) return this;
    const child = node.parent?.type === 'property' ? node.parent : node;
    return this.#edited(removal(this.#body, container, child));
  }

  get #body(): string {
    return bodyOf(this.text);
  }

  #edited(edits: readonly TextEdit[]): JsonDocument {
    let body = this.#body;
    for (const { offset, length, text } of [...edits].reverse()) {
      body = body.slice(0, offset) + text + body.slice(offset + length);
    }
    return new JsonDocument(this.#name, (this.text.startsWith(BOM) ? BOM : '') + body);
  }

  /** Readers differ in which of two equal keys counts: nobody should have to know. */
  #nodeAt(path: JsonPath): Node | undefined {
    for (let depth = 0; depth < path.length; depth++) {
      const parent = findNodeAtLocation(this.#root, path.slice(0, depth));
      const same = (parent?.children ?? []).filter(({ type, children }) => {
        return type === 'property' && children?.[0]?.value === path[depth];
      });
      const second = same[1];
      if (second !== undefined) this.#refuse(second.offset, `"${path[depth]}" stands here a second time`);
    }
    return findNodeAtLocation(this.#root, [...path]);
  }

  #refuse(offset: number, message: string): never {
    const before = bodyOf(this.text)
      .slice(0, offset)
      .split(/\r\n|\n|\r/);
    const column = (before.at(-1)?.length ?? 0) + 1;
    const hint = 'Nothing was written; mend it and try again';
    throw new SwarmError('BAD_INPUT', `${this.#name}:${before.length}:${column}: ${message}. ${hint}`);
  }
}

/** A file without a word in it is as good as none. */
function bodyOf(text: string): string {
  const body = text.startsWith(BOM) ? text.slice(1) : text;
  return body.trim() === '' ? '{}\n' : body;
}
