import { inRange } from "./engine-options.ts";
import type { Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import { type LiveSession, mergeTrusted } from "./live-session.ts";
import type { MergeContext } from "./merge-records.ts";
import type { Observers } from "./observers.ts";
import type { SessionKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { Verdict } from "./verdict.ts";

/** A rotation's grace is for requests under way. */
const GRACE_MAX_MS = 24 * 60 * 60 * 1000;
/** Nobody rotates so often within one grace: more lead in a circle. */
const FOLLOWED_MAX = 8;

/** What going on under another key needs of an engine. */
export interface SuccessionHost {
  readonly registry: Registry;
  readonly observers: Observers;
  readonly events: EventHub;
  readonly context: MergeContext;
  nowMs(): number;
  verdictOf(envelope: Envelope): Verdict;
  load(key: SessionKey, bornAtMs?: number): Promise<LiveSession | undefined>;
  /** A successor took in what was written to the session that it goes on from. */
  carriedOver(successor: LiveSession): void;
}

/** Sessions that go on under another key: from the old one the new one is found, and what is still written there is carried over. */
export class Succession {
  readonly #host: SuccessionHost;

  constructor(host: SuccessionHost) {
    this.#host = host;
  }

  /** Names the successor. @throws SessionError OPTION_INVALID, SESSION_ENDED, SESSION_ROTATED */
  begin(live: LiveSession, key: SessionKey, graceMs: number): void {
    const host = this.#host;
    const wholeMs = Math.ceil(inRange("graceMs", graceMs, 1, GRACE_MAX_MS));
    if (key === live.key) throw new SessionError("INVARIANT_BROKEN", "A session does not go on in its own place.");
    if (host.verdictOf(live.envelope) === "ended") throw new SessionError("SESSION_ENDED", "What is over has no successor.");
    if (live.envelope.successor !== undefined)
      throw new SessionError("SESSION_ROTATED", "Another request has rotated this session already.");
    live.envelope = { ...live.envelope, successor: { key, atMs: host.nowMs() + wholeMs } };
    host.events.emit({ type: "id-changed", key: live.key, nextKey: key });
  }

  /**
   * The session that a key stands for now: of one that was rotated, during the grace, the one that goes on in its place. Undefined when
   * nobody has it.
   */
  async current(key: SessionKey, bornAtMs?: number): Promise<LiveSession | undefined> {
    const host = this.#host;
    let live = await host.load(key, bornAtMs);
    for (let hops = 0; live?.envelope.successor !== undefined && host.verdictOf(live.envelope) === "alive"; hops++) {
      if (hops === FOLLOWED_MAX) return undefined;
      live = await host.load(live.envelope.successor.key);
    }
    return live;
  }

  /** The same without a wait, as far as it is in memory. */
  followed(live: LiveSession): LiveSession {
    const { registry } = this.#host;
    let current = live.isHeld ? live : (registry.hot(live.key) ?? live);
    for (let hops = 0; hops < FOLLOWED_MAX && current.envelope.successor !== undefined; hops++) {
      const next = registry.hot(current.envelope.successor.key);
      if (next === undefined) break;
      current = next;
    }
    return current;
  }

  /**
   * What is still written to a session that was rotated, by a request that began before, belongs to the one that goes on in its place.
   * They share their history, so this is a merge as any other. Must be called after every change of a session.
   */
  carryOver({ key, envelope, document }: LiveSession): void {
    const host = this.#host;
    const { registry, observers, events, context } = host;
    const { successor } = envelope;
    if (successor === undefined || document === undefined || successor.key === key) return;
    const record = document.encode();
    registry
      .use(successor.key, (next) => {
        if (next === undefined) return;
        observers.move(key, next);
        // One that was not begun `from` it has another history: there is nothing to merge.
        if (next.envelope.firstKey !== envelope.firstKey) return;
        const isNews = next.takeIn({ envelope: next.envelope, document: record }, (ours, theirs) => mergeTrusted(ours, theirs, context));
        if (isNews) host.carriedOver(next);
      })
      .catch((error: unknown) => events.emit({ type: "store-failed", error }));
  }
}
