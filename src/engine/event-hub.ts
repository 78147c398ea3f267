import type { EndReason } from "./envelope.ts";
import { calmly, type EventListener, type SessionEvent } from "./events.ts";

type EventType = SessionEvent["type"];

/** Who listens to what, and how often each thing happened. */
export class EventHub {
  readonly #listeners = new Map<EventType | "*", Set<EventListener>>();
  readonly #counts = new Map<EventType | EndReason, number>();

  emit(event: SessionEvent): void {
    this.#count(event.type);
    if (event.type === "ended") this.#count(event.reason);
    for (const to of [event.type, "*"] as const) {
      const listeners = this.#listeners.get(to);
      if (listeners === undefined) continue;
      // A copy: who begins to listen inside a call hears of later events only. Who was stopped meanwhile hears nothing.
      for (const listener of Array.from(listeners)) if (listeners.has(listener)) calmly(() => listener(event));
    }
  }

  /** Whether anybody would hear it: what is costly to find out is only found out then. */
  wants(type: EventType): boolean {
    return this.#listeners.has(type) || this.#listeners.has("*");
  }

  on(type: EventType | "*", listener: EventListener): () => void {
    // One function may be given twice, and is then called twice.
    const own: EventListener = (event) => listener(event);
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(own));
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#listeners.get(type) === listeners) this.#listeners.delete(type);
    };
  }

  /** How often this was emitted; of `ended` also by reason. */
  count(of: EventType | EndReason): number {
    return this.#counts.get(of) ?? 0;
  }

  #count(of: EventType | EndReason): void {
    this.#counts.set(of, this.count(of) + 1);
  }
}
