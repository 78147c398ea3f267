import type { OpenSession, Seen, SessionEngine, SessionKey } from "../../engine/index.ts";
import type { SeenMark } from "./carrier.ts";
import type { CookieOverrides } from "./cookie.ts";
import type { HeldSession } from "./held-session.ts";
import type { RequestSession } from "./request-session.ts";
import { NOTHING_SEEN, seenOf, slotOf } from "./version-token.ts";
import type { PlacedToken, SeenReading, Slot, VersionToken } from "./version-token.ts";

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
/** So long may a write be on its way: a link that died is given up after 6 s and dialed again. What is missing after that is lost. */
const ON_ITS_WAY_MS = 10_000;

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
  /** Something was refused because of what is missing: the client comes again, and brings along what it has seen. */
  #isKept = false;

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

  /**
   * Whether something that the client has seen written is not here even now, and may yet come. Then the session must not be copied: its
   * client is to try again, and to bring the same with it.
   */
  refusesCopy(nowMs: number): boolean {
    if (!this.isBehind) return false;
    const youngest = Math.max(...this.#missing().map(({ touchedAtMs }) => touchedAtMs));
    this.#isKept = nowMs - youngest < ON_ITS_WAY_MS;
    return this.#isKept;
  }

  /** Decided when the headers are written: the newest that this process wrote until then. */
  mark({ carrier, cookieSettings, channel }: Way, { held, isUse, clearing }: Told): SeenMark | undefined {
    const tokens = new Map<Slot, VersionToken | undefined>();
    const missing = this.isBehind && !this.#isKept ? this.#missing().map(({ slot }) => slot) : [];
    for (const slot of clearing === undefined ? missing : this.#reading.slots) tokens.set(slot, undefined);
    const isTold = held !== undefined && !held.open.isNew && held.open.verdict() === "alive";
    if (isTold && (held.hasCommitted || (isUse && this.#isTouchDue(held)))) {
      const token = { dot: held.hasCommitted ? held.open.written : undefined, touchedAtMs: held.touchedAtMs };
      // Those of another session are of no use to this one.
      const others = keyToldOf(held.open) === this.#key ? this.#reading.tokens : [];
      tokens.set(slotOf(token, others), token);
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

  /** Those whose commit is not here even now: whoever still sends them waits for them each time. */
  #missing(): PlacedToken[] {
    const key = this.#key;
    if (key === undefined) return [];
    const isMissing = ({ dot }: VersionToken): boolean =>
      dot !== undefined && this.#engine.checkOutHot(key, { dots: [dot], touchedAtMs: 0 }) === undefined;
    return this.#reading.tokens.filter(isMissing);
  }
}

/** By what the client will call the session: during the grace of a rotation that is its successor. */
function keyToldOf({ key = "", envelope }: OpenSession): SessionKey {
  return envelope.successor?.key ?? key;
}
