/** Names content that lies beside the log, on the nodes' disks, by what it is. */
export interface BlobName {
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly bytes: number;
}
