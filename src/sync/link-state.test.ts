import { describe, expect, it } from "vitest";
import {
  DEAD_AFTER_MS,
  GREETING_TIMEOUT_MS,
  HEARTBEAT_MS,
  linkDeadline,
  nextLink,
  RETRY_DELAY_MAX_MS,
  RETRY_DELAY_MIN_MS,
  retryDelay,
  type LinkEvent,
  type LinkState,
} from "./link-state.ts";

const NOW = 1_000_000;
const RETRY = 777;

/** One state of each kind, none of whose deadlines has passed at `NOW`. */
const STATES: { [Kind in LinkState["kind"]]: LinkState & { kind: Kind } } = {
  idle: { kind: "idle" },
  dialing: { kind: "dialing", deadlineMs: NOW + 5 },
  greeting: { kind: "greeting", deadlineMs: NOW + 5 },
  up: { kind: "up", pingAtMs: NOW + 5, deadAtMs: NOW + 9 },
  waiting: { kind: "waiting", retryAtMs: NOW + 5 },
  closed: { kind: "closed" },
};

const SAME = "same";
const DIALING: LinkState = { kind: "dialing", deadlineMs: NOW + GREETING_TIMEOUT_MS };
const WAITING: LinkState = { kind: "waiting", retryAtMs: NOW + RETRY };
const CLOSED: LinkState = { kind: "closed" };
const UP: LinkState = { kind: "up", pingAtMs: NOW + HEARTBEAT_MS, deadAtMs: NOW + DEAD_AFTER_MS };

/** `tick`: before any deadline. What a deadline does stands in tests of its own. */
const TABLE: Record<LinkState["kind"], Record<LinkEvent["kind"], LinkState | typeof SAME>> = {
  idle: { dial: DIALING, opened: SAME, greeted: SAME, heard: SAME, lost: SAME, tick: SAME, close: CLOSED },
  dialing: {
    dial: SAME,
    opened: { kind: "greeting", deadlineMs: NOW + 5 },
    greeted: SAME,
    heard: SAME,
    lost: WAITING,
    tick: SAME,
    close: CLOSED,
  },
  greeting: { dial: SAME, opened: SAME, greeted: UP, heard: SAME, lost: WAITING, tick: SAME, close: CLOSED },
  up: {
    dial: SAME,
    opened: SAME,
    greeted: SAME,
    heard: { ...STATES.up, deadAtMs: NOW + DEAD_AFTER_MS },
    lost: WAITING,
    tick: SAME,
    close: CLOSED,
  },
  waiting: { dial: DIALING, opened: SAME, greeted: SAME, heard: SAME, lost: SAME, tick: SAME, close: CLOSED },
  closed: { dial: SAME, opened: SAME, greeted: SAME, heard: SAME, lost: SAME, tick: SAME, close: SAME },
};

describe.each(Object.entries(STATES))("a link that is %s", (kind, state) => {
  it.each(Object.entries(TABLE[state.kind]))(`goes on %s where the table says (${kind})`, (event, expected) => {
    const next = nextLink(state, { kind: event as LinkEvent["kind"] }, NOW, () => RETRY);
    if (expected === SAME) expect(next).toBe(state);
    else expect(next).toEqual(expected);
  });
});

describe("deadlines of a link", () => {
  const tick: LinkEvent = { kind: "tick" };

  it("[SY4] gives up a dial or a greeting that takes too long, and counts both as one", () => {
    expect(nextLink(STATES.dialing, tick, NOW + 5, () => RETRY)).toEqual({ kind: "waiting", retryAtMs: NOW + 5 + RETRY });
    expect(nextLink(STATES.greeting, tick, NOW + 5, () => RETRY)).toEqual({ kind: "waiting", retryAtMs: NOW + 5 + RETRY });
  });

  it("[SY4] pings when it is time, and gives up a peer that was not heard for six seconds", () => {
    expect(nextLink(STATES.up, tick, NOW + 5, () => RETRY)).toEqual({ kind: "up", pingAtMs: NOW + 5 + HEARTBEAT_MS, deadAtMs: NOW + 9 });
    expect(nextLink(STATES.up, tick, NOW + 9, () => RETRY)).toEqual({ kind: "waiting", retryAtMs: NOW + 9 + RETRY });
    expect(DEAD_AFTER_MS).toBe(6_000);
  });

  it("[SY4] dials again when the wait is over", () => {
    expect(nextLink(STATES.waiting, tick, NOW + 5, () => RETRY)).toEqual({ kind: "dialing", deadlineMs: NOW + 5 + GREETING_TIMEOUT_MS });
  });

  it("names the next instant at which a tick means something", () => {
    const deadlines: Record<LinkState["kind"], number | undefined> = {
      idle: undefined,
      dialing: NOW + 5,
      greeting: NOW + 5,
      up: NOW + 5,
      waiting: NOW + 5,
      closed: undefined,
    };
    for (const state of Object.values(STATES)) expect(linkDeadline(state)).toBe(deadlines[state.kind]);
  });

  it("[SY4] waits longer after each failure, spread over the whole range, and never longer than five seconds", () => {
    expect(retryDelay(0, 0)).toBe(RETRY_DELAY_MIN_MS);
    expect(retryDelay(0, 0.999)).toBeGreaterThan(RETRY_DELAY_MIN_MS);
    expect(retryDelay(3, 0.999)).toBeGreaterThan(retryDelay(2, 0.999));
    expect(retryDelay(1_000, 0.999)).toBeLessThanOrEqual(RETRY_DELAY_MAX_MS);
    expect(retryDelay(1_000, 0)).toBe(RETRY_DELAY_MIN_MS);
  });
});
