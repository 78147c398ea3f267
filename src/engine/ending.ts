import { ABSOLUTE_TIMEOUT_MAX_MS } from "./engine-options.ts";
import { type End, type EndReason, endEnvelope, type Envelope } from "./envelope.ts";
import type { EngineClock } from "./hybrid-clock.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { Delivery, Replication } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionStore } from "./session-store.ts";
import { endReason, type Revocations, verdict } from "./verdict.ts";

/** What ending sessions needs of an engine. */
export interface EndingHost {
  readonly runtime: Runtime;
  readonly clock: EngineClock;
  readonly registry: Registry;
  readonly sessionStore: SessionStore;
  readonly revocations: Revocations;
  /** Undefined for a process that runs alone. */
  readonly sync: Replication | undefined;
}

/** Sessions end finally, here and everywhere; and who is told that one is over is told for good. */
export class Ending {
  readonly #host: EndingHost;

  constructor(host: EndingHost) {
    this.#host = host;
  }

  /** See `SessionEngine.end`. */
  async end(key: SessionKey, reason: EndReason): Promise<Delivery> {
    const { registry } = this.#host;
    const end = (live?: LiveSession): Promise<Delivery> => {
      const ending = live ?? registry.add(this.#unknownEnded(key, reason), undefined);
      // Of a session that nobody here knew, its end is told all the same.
      if (live === undefined) ending.isEndTold = false;
      return this.endLive(ending, reason);
    };
    // What cannot be loaded is ended all the same: a logout never fails.
    return registry.use(key, end).catch(() => end(registry.hot(key)));
  }

  /** `reason` undefined: the one that its envelope gives. */
  async endLive(live: LiveSession, reason = this.#derived(live.envelope)): Promise<Delivery> {
    const { runtime, registry, sessionStore: store, sync } = this.#host;
    const endSpan = runtime.span?.("session.end", live.key);
    live.envelope = endEnvelope(live.envelope, live.envelope.ended ?? this.#endNow(reason));
    live.document = undefined;
    void registry.changed(live);
    const stored = store.durable ? registry.store(live) : Promise.resolve();
    const isStored = stored.then(
      () => store.durable,
      () => false,
    );
    const [durable, delivery] = await Promise.all([isStored, sync?.sendEnd(live.key, live.envelope)]);
    endSpan?.();
    return delivery ?? { acks: 0, wanted: 0, durable };
  }

  /** Why a session is over; undefined where it is not, or only a clock says so that may be wrong. */
  reasonOf({ envelope }: LiveSession): EndReason | undefined {
    const { clock, revocations } = this.#host;
    if (verdict(envelope, revocations, clock.nowMs()) !== "ended" || this.isDoubtful(envelope)) return undefined;
    return this.#derived(envelope);
  }

  /** Whether only the clock says that it is over, and it may be wrong. */
  isDoubtful(envelope: Envelope): boolean {
    const { clock } = this.#host;
    return !clock.isSettled && envelope.ended === undefined && verdict(envelope, new Map(), clock.nowMs()) !== "alive";
  }

  /** An end of a session that is not held here is remembered as long as any session can live. */
  #unknownEnded(key: SessionKey, reason: EndReason): Envelope {
    return endEnvelope({ key, deadlineMs: this.#host.clock.nowMs() + ABSOLUTE_TIMEOUT_MAX_MS }, this.#endNow(reason));
  }

  #derived(envelope: Envelope): EndReason {
    return endReason(envelope, this.#host.revocations, this.#host.clock.nowMs());
  }

  #endNow(reason: EndReason): End {
    return { reason, atMs: this.#host.clock.nowMs() };
  }
}
