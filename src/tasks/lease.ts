/**
 * The right of one holder to work on one task. At most one is valid per task; whoever presents
 * another fence is told to stop.
 */
export interface Lease {
  /** Log index of the grant. */
  readonly fence: number;
  /** Instance or claimant. */
  readonly holder: string;
  /** Log index of the latest sign of life; equals `fence` until the first. An expiry that has seen an older one is refused. */
  readonly renewedAt: number;
  /** How long the coordinator waits for a renewal, on its own clock. */
  readonly durationMs: number;
}
