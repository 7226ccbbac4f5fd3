/** What `--executor` takes, and a swarm's roster keeps. */
export const EXECUTOR_NAMES = ['command', 'claude', 'claude-code'] as const;

export type ExecutorName = (typeof EXECUTOR_NAMES)[number];
