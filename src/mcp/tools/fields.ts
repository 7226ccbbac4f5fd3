import { z } from 'zod';

/** Fields that several tools share. Bounds are the log's: it says more about what is wrong than a schema could. */

export const taskId = z.string();
export const fence = z.int().positive();
export const paths = z.array(z.string()).min(1);
