import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { isMissing, writeWhole } from './files.ts';
import { readJsonText } from './json-text.ts';
import type { SwarmFolder } from './layout.ts';
import { isRemoved } from './removal.ts';

const schema = z.object({ at: z.string(), why: z.string() });

/** Where the log keeps who is to be quarantined; beside it, what the security manager knows of certificates and tokens. */
export const POLICY_RECORD = { namespace: 'security', key: 'quarantine-policy' } as const;

/** Why an instance stopped itself, and stays down until a person has decided. */
type Quarantine = Readonly<z.output<typeof schema>>;

/** From now on the instance does not come up: what it holds is kept as it is, to be looked into. */
export function noteQuarantine(folder: SwarmFolder, name: NodeId, why: string): void {
  const quarantine: Quarantine = { at: new Date().toISOString(), why };
  writeWhole(folder.quarantined(name), `${JSON.stringify(quarantine)}\n`, 0o600);
}

export function quarantineOf(folder: SwarmFolder, name: NodeId): Quarantine | undefined {
  let text: string;
  try {
    text = readFileSync(folder.quarantined(name), 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const read = readJsonText(text, schema);
  // Whatever is in it: that it is there counts.
  return read.ok ? read.value : { at: 'unknown', why: 'its file does not say why' };
}

/** @throws SwarmError QUARANTINED when the instance must not come up. */
export function checkNoQuarantine(folder: SwarmFolder, name: NodeId): void {
  const quarantine = quarantineOf(folder, name);
  if (quarantine !== undefined) throw quarantined(folder, name, quarantine.why);
}

export function quarantined(folder: SwarmFolder, name: NodeId, why: string): SwarmError {
  const message = `${name} is in quarantine: ${why}. Its data are kept as they are; "raft-manager doctor" says what to do`;
  return new SwarmError('QUARANTINED', message, { path: folder.quarantined(name) });
}

/** Nobody starts it: the swarm goes on without it, or a person has to look at it first. */
export function isLeftDown(folder: SwarmFolder, name: NodeId): boolean {
  return isRemoved(folder, name) || quarantineOf(folder, name) !== undefined;
}
