/** What one session, and all sessions together, may use. Every figure is an option. */
export interface Limits {
  /** Attributes in one session. */
  readonly attributeCount: number;
  /** UTF-8 bytes of an attribute's name, and of a property's name inside one. */
  readonly nameBytes: number;
  /** Encoded bytes of one attribute's value. */
  readonly valueBytes: number;
  /** Encoded bytes of one session. */
  readonly sessionBytes: number;
  /** Nesting inside an attribute's value, at most `DEPTH_MAX`. */
  readonly depth: number;
  /** Sessions alive in this process, hot and cold; beyond, new ones are refused (TOO_MANY_SESSIONS). */
  readonly sessionCount: number;
  /** Live Yjs documents; the least recently used beyond go cold. About 15 KB of heap each, and as much again of garbage as sessions come and go. */
  readonly hotCount: number;
  /** Encoded bytes of the hot documents together; the least recently used beyond go cold. */
  readonly hotBytes: number;
  /** Bytes that this process alone has, where the store is durable; beyond, new sessions are refused (TOO_MANY_SESSIONS). */
  readonly unsavedBytes: number;
}

/** Deeper than this nothing is shown, whoever wrote it: what goes through a session does so level by level on the stack. */
export const DEPTH_MAX = 512;

export const DEFAULT_LIMITS: Limits = {
  attributeCount: 256,
  nameBytes: 128,
  valueBytes: 64 * 1024,
  sessionBytes: 256 * 1024,
  depth: 32,
  sessionCount: 1_000_000,
  hotCount: 4_000,
  hotBytes: 256 * 1024 * 1024,
  unsavedBytes: 256 * 1024 * 1024,
};
