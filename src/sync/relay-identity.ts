/**
 * Which memory or folder of sessions a relay speaks for, and since when it is without gaps: what others conclude from its "there is none"
 * (docs/deploying.md, "What each loses").
 */
export interface RelayIdentity {
  /** 16 random bytes. As long as the folder lives; without one, as the process does. */
  readonly incarnation: Uint8Array;
  /** It knows every session born at or after this instant (milliseconds since 1970). */
  readonly completeSinceMs: number;
  /** It has sessions from before this start, which may have changed elsewhere meanwhile. */
  readonly isReturning: boolean;
  /** Called when `completeSinceMs` changes. Resolves nothing and throws nothing: what cannot be kept is logged, and counts as lost at the next start. */
  keep(completeSinceMs: number): void;
}
