import type { z } from 'zod';

/**
 * What a text says as JSON, by the schema of whoever keeps it; undefined for what cannot be read. A record of the log may be
 * of a later release, or of somebody who may write records: that must stop nobody who reads.
 */
export function soundJson<T>(text: string, schema: z.ZodType<T>): T | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
