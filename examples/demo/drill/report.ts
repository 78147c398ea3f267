/** What the load generator saw. Counts, since the start of the drill. */
export interface LoadReport {
  requests: number;
  /** Answered with yes, that is: said to be on a relay's disk. */
  ackedWrites: number;
  /** Reads that another node answered than the one that answered the browser's last write. */
  crossNodeReads: number;
  /** Of those that a later read did not show, at once or after the drill. */
  staleReads: number;
  /** Acknowledged, and gone for good. */
  lostAckedWrites: number;
  /** A browser was given another session without having asked for one. */
  newIds: number;
  /** Every answer other than 2xx and 3xx, and every connection that broke. Nothing is sent twice. */
  serverErrors: number;
}

/** What the drill is about; below that its zeros say little, and it fails. */
export const LEAST = { ackedWrites: 5_000, kills: 20, crossNodeReads: 1_000 };

export function newReport(): LoadReport {
  return { requests: 0, ackedWrites: 0, crossNodeReads: 0, staleReads: 0, lostAckedWrites: 0, newIds: 0, serverErrors: 0 };
}
