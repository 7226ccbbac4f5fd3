import { readFileSync } from 'node:fs';

interface Package {
  readonly version: string;
  readonly engines: { readonly node: string };
}

/** The version in package.json. */
export function packageVersion(): string {
  return readPackage().version;
}

/** The versions of Node that it runs on, such as `>=20.19`. */
export function nodeRange(): string {
  return readPackage().engines.node;
}

function readPackage(): Package {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Package;
}
