import type { SyncCounters, TrafficFigures } from "../sync/index.ts";

/** A relay at one instant. Figures only: nothing here tells one session or peer from another. */
export interface RelayFigures {
  readonly isReady: boolean;
  readonly isDraining: boolean;
  /** Past its join barrier: what it does not have counts as absent. */
  readonly isComplete: boolean;
  readonly completeSinceMs: number;
  /** Relays that know of each other now, this one included. */
  readonly memberCount: number;
  readonly unackedCount: number;
  readonly traffic: TrafficFigures;
  readonly counters: Readonly<SyncCounters>;
}
