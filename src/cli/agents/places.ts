import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { type AgentPlace, standardPlaces } from '../../agents/registry.ts';

/** The places a person named, or where agent files usually lie. */
export function placesOf(paths: readonly string[]): readonly AgentPlace[] {
  if (paths.length === 0) return standardPlaces({ project: process.cwd(), home: homedir() });
  return paths.map((path) => ({ owner: 'argument', path: resolve(path) }));
}
