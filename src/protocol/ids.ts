/**
 * Branded identifiers. A brand costs nothing at run time and stops a term from being
 * passed where an index is meant.
 */

/** Name of one Raft node, stable across restarts. Matches `^[A-Za-z0-9._-]{1,64}$`. */
export type NodeId = string & { readonly __brand: 'NodeId' };

/** Identity of one cluster, drawn at bootstrap; nodes of two clusters refuse each other. */
export type ClusterId = string & { readonly __brand: 'ClusterId' };

/** Election term; 0 before the first election. §5.1 */
export type Term = number & { readonly __brand: 'Term' };

/** Position in the log; the first entry is 1, 0 means "before the log". §5.3 */
export type LogIndex = number & { readonly __brand: 'LogIndex' };

/** Milliseconds on the clock the runtime passes in. Only differences have a meaning. */
export type Millis = number;

const ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

/** True when `text` may name a node, an instance or a task. */
export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

export const nodeId = (text: string): NodeId => text as NodeId;
export const clusterId = (text: string): ClusterId => text as ClusterId;
export const term = (value: number): Term => value as Term;
export const logIndex = (value: number): LogIndex => value as LogIndex;

export const TERM_ZERO = 0 as Term;
export const INDEX_ZERO = 0 as LogIndex;
