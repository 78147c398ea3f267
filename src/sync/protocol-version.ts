/**
 * The sync protocol's number. Each change of any byte in src/sync/messages or of an order that they rely on takes the next one.
 * - 1 (never released): challenge/hello/welcome, watch, unwatch, fetch, fetched, state, change, touch, end, ack, ask-state, ping, pong.
 * - 2 (0.1.0): relays dial relays (role, incarnation and status in the greeting; status, drain), claims, revocations; watches in batches
 *   with fingerprints, numbered frames with cumulative acks, digests, clocks in pongs; compactions are told by their epoch.
 */
export const PROTOCOL_VERSION = 2;

/** The oldest version that is still served, so that relays and nodes can be upgraded one after the other: the one before, once there is one. */
const OLDEST_PROTOCOL_VERSION = 2;

/** The versions that one side of a connection speaks. */
export interface Versions {
  readonly newest: number;
  readonly oldest: number;
}

export const SPOKEN_VERSIONS: Versions = { newest: PROTOCOL_VERSION, oldest: OLDEST_PROTOCOL_VERSION };

/** What the dialer answers to a relay that offers `offered`: the newest version that both speak, or undefined when there is none. */
export function commonVersion(offered: number, spoken: Versions): number | undefined {
  const version = Math.min(offered, spoken.newest);
  return version >= spoken.oldest ? version : undefined;
}
