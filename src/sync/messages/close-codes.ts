/**
 * Why a connection was closed, as WebSocket close codes (RFC 6455 section 7.4; 4000–4999 are for applications). The numbers are on
 * the wire: never reuse one. 4409 is taken: tabs get it from the process that they reach after a move (DESIGN section 6).
 */
export const CLOSE_CODES = {
  /** The process stops, or the connection is not needed any more. Dial again. */
  goingAway: 1001,
  /** The receiver has a bug or no memory. Dial again; its log says more. */
  internalError: 1011,
  /** A frame that this protocol does not have, or not at this point, or whose bytes are broken. */
  malformed: 4400,
  /** The MAC does not match: another secret on the two sides, or somebody in between. */
  notAuthenticated: 4401,
  /** Same secret, other domain: this relay serves other applications. */
  wrongDomain: 4403,
  /** No protocol version that both sides speak. Upgrade the older one. */
  versionNotServed: 4406,
  /** The greeting was not over in time. */
  greetingTimeout: 4408,
  /** The address that was dialed is the dialer's own. It does not dial it again. */
  itself: 4410,
  /** More than this side is willing to queue or remember for one peer. Dial again: everything is exchanged anew. */
  overloaded: 4413,
  /** Nothing was heard for `DEAD_AFTER_MS`. */
  silent: 4504,
} as const;

export type CloseReason = keyof typeof CLOSE_CODES;

/** The name of a code that a peer sent; undefined for codes of others (1000, 1005, 1006, 1009 …). */
export function closeReasonOf(code: number): CloseReason | undefined {
  return REASONS.get(code);
}

const REASONS = new Map<number, CloseReason>(Object.entries(CLOSE_CODES).map(([reason, code]) => [code, reason as CloseReason]));
