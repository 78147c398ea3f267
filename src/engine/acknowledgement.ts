import { SessionError } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import type { LiveSession } from "./live-session.ts";
import type { Delivery, Replication } from "./replication.ts";

export interface AcknowledgementOptions {
  readonly persist: "before" | "after";
  /** Of the store. */
  readonly isDurable: boolean;
  readonly events: EventHub;
  readonly store: (live: LiveSession) => Promise<void>;
  /** Undefined for a process that runs alone. */
  readonly sync: () => Replication | undefined;
}

/** What is waited for until a commit counts as made: the store, and the holders of record. */
export class Acknowledgement {
  readonly #options: AcknowledgementOptions;

  constructor(options: AcknowledgementOptions) {
    this.#options = options;
  }

  /** `before` where a response has anything to wait for. */
  get persist(): "before" | "after" {
    return (this.#options.sync()?.acks ?? 0) > 0 ? "before" : this.#options.persist;
  }

  /** What a response waits for. @throws as `persisted` */
  answerable(live: LiveSession): Promise<Delivery> {
    return this.#options.persist === "before" ? this.persisted(live) : this.#acks(live);
  }

  /** @throws SessionError STORE_UNAVAILABLE, ACKS_MISSING */
  async persisted(live: LiveSession): Promise<Delivery> {
    const acks = this.#acks(live);
    // Whichever fails is told; the other one is nobody's any more.
    acks.catch(() => undefined);
    await this.#options.store(live);
    return acks;
  }

  async #acks({ key }: LiveSession): Promise<Delivery> {
    const { events, isDurable } = this.#options;
    const sync = this.#options.sync();
    if (sync === undefined || sync.acks === 0) return { acks: 0, wanted: 0, durable: isDurable };
    const delivery = await sync.delivered(key, sync.acks);
    if (delivery.acks >= sync.acks) return delivery;
    events.emit({ type: "degraded", key, acks: delivery.acks, wanted: delivery.wanted });
    if (sync.degraded === "serve") return delivery;
    throw new SessionError(
      "ACKS_MISSING",
      `Only ${delivery.acks} of ${delivery.wanted} holders said in time that they have what was written; it may last or not. Look at the relays, then try again.`,
    );
  }
}
