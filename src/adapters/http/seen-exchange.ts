import type { OpenSession, Seen, SessionEngine, SessionKey } from "../../engine/index.ts";
import type { SeenMark } from "./carrier.ts";
import type { CookieOverrides } from "./cookie.ts";
import type { HeldSession } from "./held-session.ts";
import type { RequestSession } from "./request-session.ts";
import { NOTHING_SEEN, seenOf, slotOf } from "./version-token.ts";
import type { SeenReading, Slot, VersionToken } from "./version-token.ts";

/** By which way the client is told. */
type Way = Pick<RequestSession, "carrier" | "cookieSettings" | "channel">;

interface Told {
  /** The session that the client goes on with, if any. */
  readonly held: HeldSession | undefined;
  /** Whether the request counts as use of it. */
  readonly isUse: boolean;
  /** Set where the client is to forget the session that it came with. */
  readonly clearing: CookieOverrides | undefined;
}

/** How often a client is told that its session is in use, at most; sooner where the idle timeout is short. */
const TOUCH_INTERVAL_MS_MAX = 60_000;

/**
 * What the client of one request has seen of its session, and what the response tells it: so that whatever node it meets next shows it its own
 * writes. There is none where no other process has the session.
 */
export class SeenExchange {
  readonly #engine: SessionEngine;
  /** Of the id that the request presented. */
  readonly #key: SessionKey | undefined;
  readonly #reading: SeenReading;
  /** Undefined where there is nothing that the session must be as new as. */
  readonly seen: Seen | undefined;
  /** What it had seen could not be had in time. */
  isBehind = false;

  constructor(engine: SessionEngine, key?: SessionKey, reading: SeenReading = NOTHING_SEEN) {
    this.#engine = engine;
    this.#key = key;
    this.#reading = reading;
    this.seen = seenOf(reading);
  }

  /** Whether the client must be told something even if the request writes nothing. */
  isDue(held: HeldSession | undefined, isUse: boolean): boolean {
    return this.isBehind || (held !== undefined && isUse && this.#isTouchDue(held));
  }

  /** Decided when the headers are written: the newest that this process wrote until then. */
  mark({ carrier, cookieSettings, channel }: Way, { held, isUse, clearing }: Told): SeenMark | undefined {
    const tokens = new Map<Slot, VersionToken | undefined>();
    const forgotten = clearing !== undefined ? this.#reading.slots : this.isBehind ? this.#missing() : [];
    for (const slot of forgotten) tokens.set(slot, undefined);
    const isTold = held !== undefined && !held.open.isNew && held.open.verdict() === "alive";
    if (isTold && (held.hasCommitted || (isUse && this.#isTouchDue(held)))) {
      const token = { dot: held.hasCommitted ? held.open.written : undefined, touchedAtMs: held.touchedAtMs };
      tokens.set(slotOf(token), token);
    }
    if (tokens.size === 0) return undefined;
    const overrides = clearing ?? held?.overrides ?? {};
    // What is forgotten needs no key.
    return carrier.writeSeen({ cookie: cookieSettings, channel, overrides, key: isTold ? keyToldOf(held.open) : "", tokens });
  }

  #isTouchDue({ touchedAtMs, open }: HeldSession): boolean {
    const intervalMs = Math.min(open.envelope.idleTimeoutMs / 10, TOUCH_INTERVAL_MS_MAX);
    return touchedAtMs - (this.seen?.touchedAtMs ?? 0) >= intervalMs;
  }

  /** The slots whose commit is not here even now: whoever still sends them waits for them each time. */
  #missing(): Slot[] {
    const key = this.#key;
    if (key === undefined) return [];
    const isMissing = ({ dot }: VersionToken): boolean =>
      dot !== undefined && this.#engine.checkOutHot(key, { dots: [dot], touchedAtMs: 0 }) === undefined;
    return this.#reading.tokens.filter(isMissing).map(({ slot }) => slot);
  }
}

/** By what the client will call the session: during the grace of a rotation that is its successor. */
function keyToldOf({ key = "", envelope }: OpenSession): SessionKey {
  return envelope.successor?.key ?? key;
}
