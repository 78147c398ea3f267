import type { RelayStatus, SyncCounters, TrafficFigures } from "../sync/index.ts";

/** A relay at one instant. Figures only: nothing here tells one session or peer from another. */
export interface RelayFigures extends RelayStatus {
  /** Complete, and not about to stop. */
  readonly isReady: boolean;
  readonly isDraining: boolean;
  /** Of the data folder: whether all that lies there is held by now, and how many sessions are. */
  readonly isRestoring: boolean;
  readonly restoredCount: number;
  /** Nodes that are connected, and showed that they belong here. */
  readonly nodeCount: number;
  readonly traffic: TrafficFigures;
  readonly counters: Readonly<SyncCounters>;
}
