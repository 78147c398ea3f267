import { type ReplicaHost, type Replication, replicaOf, SessionError } from "../engine/index.ts";
import type { SyncLog } from "./counters.ts";
import { credentialsOf } from "./credentials.ts";
import { addressOf } from "./relay-address.ts";
import { FORGET_LOSS_AFTER_MS } from "./relay-core.ts";
import { Replicator, type ReplicatorOptions } from "./replicator.ts";
import { dialWebSocket } from "./websocket-transport.ts";

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
  /**
   * What happens to sessions from this process's own old store while not every relay could be asked about them: `serve` them, and risk that
   * one of them ended elsewhere meanwhile, or `refuse` them (SESSION_UNAVAILABLE) until all have answered. Without a store of its own a process
   * has no such sessions.
   */
  readonly alone: "serve" | "refuse";
  /** How many relays must have (and store, where they store) what a request wrote before its response goes out. Default 0; at most as many as there are addresses. */
  readonly acks?: number | undefined;
  /** What happens to a response whose acks did not come in time. Default `serve`: it goes out, with an event; `fail`: ACKS_MISSING (503). */
  readonly degraded?: "serve" | "fail" | undefined;
  /** How long a request waits for what is asked of the relays. Milliseconds; default 250. */
  readonly missTimeoutMs?: number | undefined;
  /** How long a response waits for acks. Milliseconds; default 500. */
  readonly ackTimeoutMs?: number | undefined;
  /** Certificates in PEM that `wss://` relays are checked against, instead of those that Node trusts: for a CA of one's own. */
  readonly ca?: string | undefined;
  /**
   * When a relay was lost that did not say it would stop, or came back empty, requests for ids from before that are refused (SESSION_UNAVAILABLE)
   * where no relay knows the session: the lost one may have. After this time they are absent: what lives was used since. As long as the longest
   * idle timeout. Milliseconds; default 30 min.
   */
  readonly forgetLossAfterMs?: number | undefined;
  /** Where lines for the operator go. Default: nowhere. */
  readonly log?: SyncLog | undefined;
}

/**
 * Replication over relays, for `createEngine({ sync: relays(["ws://127.0.0.1:7411"], { secret }) })`. Every engine that it is given to
 * gets connections of its own. Use `wss://` (docs/deploying.md, "TLS") wherever others could reach the network in between: the
 * secret authenticates both sides of a connection, it does not encrypt it.
 * @throws SessionError OPTION_INVALID
 */
export function relays(addresses: readonly string[], options: RelaysOptions): (host: ReplicaHost) => Replication {
  const checked = replicatorOptions(addresses, options);
  return (host) => {
    const { runtime, events, epsilonMs: clockErrorMs } = host;
    const replicator = new Replicator({
      ...checked,
      runtime,
      clockErrorMs,
      clock: host.clock,
      emit: (event) => events.emit(event),
      dial: (address, listener) => dialWebSocket(address, listener, options.ca),
    });
    replicator.start(replicaOf(host));
    return replicator;
  };
}

/** What `relays` was told, checked. @throws SessionError OPTION_INVALID */
export function replicatorOptions(
  addresses: readonly string[],
  options: RelaysOptions,
): Omit<ReplicatorOptions, "runtime" | "dial" | "clockErrorMs" | "clock" | "emit"> {
  if (addresses.length === 0) throw new SessionError("OPTION_INVALID", "relays() needs at least one address, as ws://127.0.0.1:7411");
  return {
    addresses: [...new Set(addresses.map(addressOf))],
    credentials: credentialsOf(options),
    missTimeoutMs: timeoutOf("missTimeoutMs", options.missTimeoutMs ?? MISS_TIMEOUT_MS),
    ackTimeoutMs: timeoutOf("ackTimeoutMs", options.ackTimeoutMs ?? ACK_TIMEOUT_MS),
    forgetLossAfterMs: forgetLossOf(options.forgetLossAfterMs ?? FORGET_LOSS_AFTER_MS),
    acks: acksOf(options.acks ?? 0, new Set(addresses).size),
    degraded: oneOf("degraded", options.degraded ?? "serve", ["serve", "fail"]),
    alone: oneOf("alone", options.alone, ["serve", "refuse"]),
    log: options.log ?? (() => undefined),
  };
}

function acksOf(acks: number, relayCount: number): number {
  if (!Number.isInteger(acks) || acks < 0 || acks > relayCount) {
    throw new SessionError("OPTION_INVALID", `acks must be a whole number from 0 to ${relayCount}, which is how many relays there are`);
  }
  return acks;
}

function forgetLossOf(value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new SessionError("OPTION_INVALID", "forgetLossAfterMs must be a number of milliseconds from 0 on");
}

function oneOf<Value extends string>(name: string, value: Value, values: readonly Value[]): Value {
  if (values.includes(value)) return value;
  throw new SessionError("OPTION_INVALID", `${name} must be chosen: ${values.map((each) => JSON.stringify(each)).join(" or ")}`);
}

function timeoutOf(name: string, value: number): number {
  if (!(value >= 1 && value <= TIMEOUT_MAX_MS)) {
    throw new SessionError("OPTION_INVALID", `${name} must be between 1 and ${TIMEOUT_MAX_MS} milliseconds`);
  }
  return value;
}
