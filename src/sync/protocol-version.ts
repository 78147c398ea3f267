/**
 * The sync protocol's number. Each change of any byte in src/sync/messages or of an order that they rely on takes the next one.
 * - 1 (never released): challenge/hello/welcome, watch, unwatch, fetch, fetched, state, change, touch, end, ack, ask-state, ping, pong.
 * - 2 (0.1.0): numbered frames and cumulative acks, watch in batches with fingerprints, digests, clocks in pongs.
 */
export const PROTOCOL_VERSION = 2;

/** The oldest version that is still served, so that relays and nodes can be upgraded one after the other. So far there is only one. */
export const OLDEST_PROTOCOL_VERSION = 2;

/** What a node answers to a relay that offers `offered`: the newest version that both speak, or undefined when there is none. */
export function commonVersion(offered: number): number | undefined {
  const version = Math.min(offered, PROTOCOL_VERSION);
  return version >= OLDEST_PROTOCOL_VERSION ? version : undefined;
}
