/** From the first SYN to the welcome: TCP, TLS, the upgrade and the greeting, on the slowest link. */
export const GREETING_TIMEOUT_MS = 10_000;
/** Silence on a healthy link never lasts longer than this and a round trip. */
export const HEARTBEAT_MS = 2_000;
/** Three heartbeats. A black-holed TCP connection shows no error for a quarter of an hour. */
export const DEAD_AFTER_MS = 6_000;
export const RETRY_DELAY_MIN_MS = 100;
/** Two nodes that can reach each other again do so within two seconds (with `CONNECT_TIMEOUT_MS`). */
export const RETRY_DELAY_MAX_MS = 1_000;

/** One connection from its first dial to its last. Times are of a clock that never steps back. */
export type LinkState =
  | { readonly kind: "idle" }
  /** TCP and the WebSocket upgrade are under way. */
  | { readonly kind: "dialing"; readonly deadlineMs: number }
  /** The socket is open; challenge, hello and welcome are under way. */
  | { readonly kind: "greeting"; readonly deadlineMs: number }
  | { readonly kind: "up"; readonly pingAtMs: number; readonly deadAtMs: number }
  | { readonly kind: "waiting"; readonly retryAtMs: number }
  /** For good. */
  | { readonly kind: "closed" };

export type LinkEvent =
  | { readonly kind: "dial" }
  | { readonly kind: "opened" }
  | { readonly kind: "greeted" }
  /** A frame came, whatever it said. */
  | { readonly kind: "heard" }
  /** The socket is gone, or was given up by its driver. */
  | { readonly kind: "lost" }
  /** Time passed: deadlines are looked at. */
  | { readonly kind: "tick" }
  | { readonly kind: "close" };

/**
 * The state at `nowMs`. An event that means nothing in `state` gives the same object, so callers can compare.
 * `retryDelayMs` is asked how long to wait when this event is the one that loses the link (`retryDelay`).
 *
 * What the driver does follows from the two states alone: entering `dialing` opens a socket; leaving `dialing`, `greeting` or `up` for
 * `waiting` or `closed` ends it; a `pingAtMs` that moved on by a tick sends a ping.
 */
export function nextLink(state: LinkState, event: LinkEvent, nowMs: number, retryDelayMs: () => number): LinkState {
  if (event.kind === "close") return state.kind === "closed" ? state : { kind: "closed" };
  switch (state.kind) {
    case "idle":
      return event.kind === "dial" ? dialing(nowMs) : state;
    case "dialing":
      if (event.kind === "opened") return { kind: "greeting", deadlineMs: state.deadlineMs };
      return event.kind === "lost" || isPast(state.deadlineMs, event, nowMs) ? waiting(nowMs, retryDelayMs()) : state;
    case "greeting":
      if (event.kind === "greeted") return { kind: "up", pingAtMs: nowMs + HEARTBEAT_MS, deadAtMs: nowMs + DEAD_AFTER_MS };
      return event.kind === "lost" || isPast(state.deadlineMs, event, nowMs) ? waiting(nowMs, retryDelayMs()) : state;
    case "up":
      if (event.kind === "heard") return { ...state, deadAtMs: nowMs + DEAD_AFTER_MS };
      if (event.kind === "lost" || isPast(state.deadAtMs, event, nowMs)) return waiting(nowMs, retryDelayMs());
      return isPast(state.pingAtMs, event, nowMs) ? { ...state, pingAtMs: nowMs + HEARTBEAT_MS } : state;
    case "waiting":
      return event.kind === "dial" || isPast(state.retryAtMs, event, nowMs) ? dialing(nowMs) : state;
    case "closed":
      return state;
  }
}

/** When the next `tick` can mean something; undefined: never. */
export function linkDeadline(state: LinkState): number | undefined {
  switch (state.kind) {
    case "dialing":
    case "greeting":
      return state.deadlineMs;
    case "up":
      return Math.min(state.pingAtMs, state.deadAtMs);
    case "waiting":
      return state.retryAtMs;
    case "idle":
    case "closed":
      return undefined;
  }
}

/**
 * Exponential with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog), so that the nodes of a relay that was
 * restarted do not all come back at once. `failureCount` counts the dials that failed in a row, `random` is in [0, 1).
 */
export function retryDelay(failureCount: number, random: number): number {
  const ceiling = Math.min(RETRY_DELAY_MAX_MS, RETRY_DELAY_MIN_MS * 2 ** Math.min(failureCount + 1, 16));
  return RETRY_DELAY_MIN_MS + random * (ceiling - RETRY_DELAY_MIN_MS);
}

function dialing(nowMs: number): LinkState {
  return { kind: "dialing", deadlineMs: nowMs + GREETING_TIMEOUT_MS };
}

function waiting(nowMs: number, retryDelayMs: number): LinkState {
  return { kind: "waiting", retryAtMs: nowMs + retryDelayMs };
}

function isPast(deadlineMs: number, event: LinkEvent, nowMs: number): boolean {
  return event.kind === "tick" && nowMs >= deadlineMs;
}
