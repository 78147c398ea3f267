import { type ReplicaHost, type Replication, replicaOf, SessionError } from "../engine/index.ts";
import type { SyncLog } from "./counters.ts";
import { credentialsOf } from "./credentials.ts";
import { Replicator, type ReplicatorOptions } from "./replicator.ts";

/** How long a miss waits for the relays before it counts as unavailable. */
const MISS_TIMEOUT_MS = 250;
/** How long a logout waits for the relays before its response goes out without their acks. */
const ACK_TIMEOUT_MS = 500;
/** Longer waits would hold a request, or the process at its end, without anybody having asked for it. */
const TIMEOUT_MAX_MS = 60_000;

export interface RelaysOptions {
  /** At least 32 bytes, the same on all nodes and relays. Proves who belongs here; never sent. */
  readonly secret: string;
  /** Keeps applications that share a relay's secret apart. Default `default`. */
  readonly domain?: string | undefined;
  /** Milliseconds; default 250. */
  readonly missTimeoutMs?: number | undefined;
  /** Milliseconds; default 500. */
  readonly ackTimeoutMs?: number | undefined;
  /** Where lines for the operator go. Default: nowhere. */
  readonly log?: SyncLog | undefined;
}

/**
 * Replication over relays, for `createEngine({ sync: relays(["ws://127.0.0.1:7411"], { secret }) })`. Every engine that it is given to
 * gets connections of its own. Use `wss://` (a TLS proxy in front of the relay) wherever others could reach the network in between: the
 * secret authenticates both sides of a connection, it does not encrypt it.
 * @throws SessionError OPTION_INVALID
 */
export function relays(addresses: readonly string[], options: RelaysOptions): (host: ReplicaHost) => Replication {
  const checked = replicatorOptions(addresses, options);
  return (host) => {
    const replicator = new Replicator(checked);
    replicator.start(replicaOf(host));
    return replicator;
  };
}

/** One that was not given its replica yet. @throws SessionError OPTION_INVALID */
export function replicatorFor(addresses: readonly string[], options: RelaysOptions): Replicator {
  return new Replicator(replicatorOptions(addresses, options));
}

function replicatorOptions(addresses: readonly string[], options: RelaysOptions): ReplicatorOptions {
  if (addresses.length === 0) throw new SessionError("OPTION_INVALID", "relays() needs at least one address, as ws://127.0.0.1:7411");
  return {
    addresses: [...new Set(addresses.map(addressOf))],
    credentials: credentialsOf(options),
    missTimeoutMs: timeoutOf("missTimeoutMs", options.missTimeoutMs ?? MISS_TIMEOUT_MS),
    ackTimeoutMs: timeoutOf("ackTimeoutMs", options.ackTimeoutMs ?? ACK_TIMEOUT_MS),
    log: options.log ?? (() => undefined),
  };
}

function addressOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (
    url === undefined ||
    (url.protocol !== "ws:" && url.protocol !== "wss:") ||
    url.hash !== "" ||
    url.username !== "" ||
    url.password !== ""
  ) {
    throw new SessionError(
      "OPTION_INVALID",
      "a relay's address must look like ws://127.0.0.1:7411 or wss://relay.example, without user or fragment",
    );
  }
  return url.href;
}

function timeoutOf(name: string, value: number): number {
  if (!(value >= 1 && value <= TIMEOUT_MAX_MS)) {
    throw new SessionError("OPTION_INVALID", `${name} must be between 1 and ${TIMEOUT_MAX_MS} milliseconds`);
  }
  return value;
}
