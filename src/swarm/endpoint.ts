import { readFileSync, rmSync } from 'node:fs';
import { z } from 'zod';
import type { NodeId } from '../protocol/ids.ts';
import { isMissing, writeWhole } from './files.ts';
import type { SwarmFolder } from './layout.ts';
import { soundJson } from './sound-json.ts';

const schema = z.object({
  url: z.string(),
  pid: z.int().positive(),
  host: z.string(),
  /** Unique per start of the process. */
  life: z.string(),
  startedAt: z.number(),
});

/** Where a running node is to be found. A restarted one may be elsewhere. */
export type Endpoint = Readonly<z.output<typeof schema>>;

export function publishEndpoint(folder: SwarmFolder, id: NodeId, endpoint: Endpoint): void {
  writeWhole(folder.endpoint(id), `${JSON.stringify(endpoint)}\n`, 0o600);
}

/** The endpoint a node published last; undefined when there is none. It may be gone all the same. */
export function findEndpoint(folder: SwarmFolder, id: NodeId): Endpoint | undefined {
  try {
    return soundJson(readFileSync(folder.endpoint(id), 'utf8'), schema);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A node that stops in order takes its endpoint away. */
export function withdrawEndpoint(folder: SwarmFolder, id: NodeId): void {
  rmSync(folder.endpoint(id), { force: true });
}
