import { SessionError } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import type { LiveSession } from "./live-session.ts";
import type { Registry } from "./registry.ts";
import type { Delivery, Replication } from "./replication.ts";
import type { SessionStore } from "./session-store.ts";

/** What waiting for a commit needs of an engine. */
export interface AcknowledgementHost {
  readonly sessionStore: SessionStore;
  readonly registry: Pick<Registry, "store">;
  readonly events: EventHub;
  /** Undefined for a process that runs alone. */
  readonly sync: Replication | undefined;
}

/** What is waited for until a commit counts as made: the store, and the holders of record. */
export class Acknowledgement {
  readonly #persist: "before" | "after";
  readonly #host: AcknowledgementHost;

  constructor(persist: "before" | "after", host: AcknowledgementHost) {
    this.#persist = persist;
    this.#host = host;
  }

  /** `before` where a response has anything to wait for. */
  get persist(): "before" | "after" {
    return (this.#host.sync?.acks ?? 0) > 0 ? "before" : this.#persist;
  }

  /** What a response waits for. @throws as `persisted` */
  answerable(live: LiveSession): Promise<Delivery> {
    return this.#persist === "before" ? this.persisted(live) : this.#acks(live);
  }

  /** @throws SessionError STORE_UNAVAILABLE, ACKS_MISSING */
  async persisted(live: LiveSession): Promise<Delivery> {
    const acks = this.#acks(live);
    // Whichever fails is told; the other one is nobody's any more.
    acks.catch(() => undefined);
    await this.#host.registry.store(live);
    return acks;
  }

  async #acks({ key }: LiveSession): Promise<Delivery> {
    const { sessionStore, events, sync } = this.#host;
    if (sync === undefined || sync.acks === 0) return { acks: 0, wanted: 0, durable: sessionStore.durable };
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
