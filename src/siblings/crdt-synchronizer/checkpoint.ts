import { z } from 'zod';
import { MAX_CRDT_CHECKPOINT_BYTES } from '../../protocol/limits.ts';
import { soundJson } from '../../swarm/sound-json.ts';
import { DATA_TYPES } from './data-type.ts';
import type { SharedDocument } from './document.ts';

/** Namespace of the records in the log. */
export const CHECKPOINTS = 'crdt';

/**
 * What the log keeps of a document: which state it had, and all of it unless it is too large. An instance that joins, or
 * has lost its data, begins with it; a strong read sees at least as much.
 */
const schema = z.object({
  type: z.literal('CRDT_OPERATION'),
  operation: z.literal('checkpoint'),
  name: z.string(),
  docType: z.enum(DATA_TYPES),
  /** Digest of the state. */
  version: z.string(),
  /** Base64. */
  stateVector: z.string(),
  /** Base64; null: too large, the instances have it. */
  update: z.string().nullable(),
  by: z.string(),
});

export type CheckpointRecord = z.infer<typeof schema>;

export function checkpointOf(document: SharedDocument, by: string): CheckpointRecord | undefined {
  const docType = document.type;
  if (docType === undefined || document.isGone) return undefined;
  const update = document.updateSince();
  return {
    ...{ type: 'CRDT_OPERATION', operation: 'checkpoint' },
    ...{ name: document.name, docType, version: document.digest, by },
    stateVector: base64(document.stateVector),
    update: update.length > MAX_CRDT_CHECKPOINT_BYTES ? null : base64(update),
  };
}

/** The state in a record; undefined when there is none in it. */
export function stateIn(value: string): Uint8Array | undefined {
  const update = soundJson(value, schema)?.update;
  return typeof update === 'string' ? new Uint8Array(Buffer.from(update, 'base64')) : undefined;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
