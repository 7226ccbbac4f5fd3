/**
 * Runs `work` without a stack trace for each error it makes. The YAML parser makes an error object for everything that
 * it finds wrong, and the trace, which nobody reads, costs more than all the rest of a broken file.
 */
export function withoutTraces<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
