import type { z } from 'zod';

/**
 * What a record of the log holds, by the schema of whoever keeps it; undefined for what cannot be read. A later release, or
 * somebody who may write records, wrote it: that must stop nobody who reads.
 */
export function recordValue<T>(text: string, schema: z.ZodType<T>): T | undefined {
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
