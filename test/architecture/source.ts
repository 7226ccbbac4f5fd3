import { posix } from 'node:path';
import ts from 'typescript';

/** Path relative to the root of the repository, with `/`, and the text of the file. */
export type FileMap = ReadonlyMap<string, string>;

interface Found {
  readonly line: number;
  readonly name: string;
}

/** What the rules want to know about one TypeScript file. */
export interface Source {
  readonly path: string;
  readonly lines: number;
  /** Every module this file names: static, re-exported, dynamic, and in `import('x')` types. */
  readonly imports: readonly Found[];
  /** Identifiers that are not the name of a member: `a` of `a.b`, but not `b`. Of `Math.max`, nothing. */
  readonly names: readonly Found[];
  /** `a.b`, `a['b']`: as `.b`, and as `a.b` when `a` is a plain identifier. */
  readonly members: readonly Found[];
  /** `async`, `await`, `import()`, `import.meta`. */
  readonly keywords: readonly Found[];
  /** What the classes of this file extend. */
  readonly superclasses: readonly Found[];
}

/** Parses one file; positions count from 1. */
export function readSource(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Found[] = [];
  const names: Found[] = [];
  const members: Found[] = [];
  const keywords: Found[] = [];
  const superclasses: Found[] = [];

  const found = (node: ts.Node, name: string): Found => ({
    line: file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1,
    name,
  });

  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) imports.push(found(node, specifier));
    const keyword = keywordOf(node);
    if (keyword !== undefined) keywords.push(found(node, keyword));
    for (const member of memberOf(node)) members.push(found(node, member));
    if (ts.isIdentifier(node) && !isMemberName(node) && !isMathOfMember(node))
      names.push(found(node, node.text));
    if (ts.isHeritageClause(node) && ts.isClassLike(node.parent) && isExtends(node)) {
      superclasses.push(...node.types.map((type) => found(type, type.expression.getText(file))));
    }
    ts.forEachChild(node, visit);
  };
  visit(file);

  return { path, lines: lineCount(text), imports, names, members, keywords, superclasses };
}

/** The file a relative import means; `undefined` for packages. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(from), specifier);
}

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return literal(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return literal(node.argument.literal);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return literal(node.arguments[0]) ?? '(computed)';
  }
  return undefined;
}

function literal(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

function keywordOf(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async';
  if (node.kind === ts.SyntaxKind.AwaitKeyword || ts.isAwaitExpression(node)) return 'await';
  if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return 'import.meta';
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return 'import()';
  return undefined;
}

function memberOf(node: ts.Node): readonly string[] {
  const name = ts.isPropertyAccessExpression(node)
    ? node.name.text
    : ts.isElementAccessExpression(node)
      ? literal(node.argumentExpression)
      : undefined;
  if (name === undefined) return [];
  const owner = (node as ts.PropertyAccessExpression | ts.ElementAccessExpression).expression;
  return ts.isIdentifier(owner) ? [`.${name}`, `${owner.text}.${name}`] : [`.${name}`];
}

/** `name` in `x.name`, `{ name: 1 }`, `{ name(): void }`, `x as { name: T }`, `import { name as n }`. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isImportSpecifier(parent) || ts.isBindingElement(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isAccessor(parent)) &&
    parent.name === node
  );
}

/** `Math` in `Math.max`. Anything else one does with `Math` can smuggle `random` out of it. */
function isMathOfMember(node: ts.Identifier): boolean {
  const { parent } = node;
  const owns = ts.isPropertyAccessExpression(parent) && parent.expression === node;
  return node.text === 'Math' && owns;
}

function isExtends(node: ts.HeritageClause): boolean {
  return node.token === ts.SyntaxKind.ExtendsKeyword;
}
