import { attributeChanges } from "./attribute-changes.ts";
import type { EndReason } from "./envelope.ts";
import type { EventHub } from "./event-hub.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey } from "./record.ts";
import type { SessionChange } from "./session-engine.ts";
import type { ContainerNode } from "./view.ts";

type Listener = (change: SessionChange) => void;

interface Observed {
  readonly listeners: Set<Listener>;
  /** What they know of. */
  told: ContainerNode;
}

/** Tells those who observe a session, and those who listen to attributes, what changed. Where nobody does, it costs a look-up. */
export class Observers {
  readonly #events: EventHub;
  readonly #observed = new Map<SessionKey, Observed>();
  /** What listeners to attributes know of, of the sessions in memory. */
  readonly #told = new WeakMap<LiveSession, ContainerNode>();

  constructor(events: EventHub) {
    this.#events = events;
  }

  /** A session came into memory: changes count from what it holds now. */
  begin(live: LiveSession, view: () => ContainerNode | undefined): void {
    if (!this.#events.wants("attribute")) return;
    const now = view();
    if (now !== undefined) this.#told.set(live, now);
  }

  /** Called with what the session holds now, after every change. */
  changed(live: LiveSession, view: () => ContainerNode | undefined, origin: "local" | "remote"): void {
    const observed = this.#observed.get(live.key);
    const wanted = this.#events.wants("attribute");
    if (observed === undefined && !wanted) return;
    const now = view();
    if (now === undefined) return;
    if (wanted) {
      const told = this.#told.get(live);
      if (told !== undefined) {
        for (const { name, change } of attributeChanges(told, now))
          this.#events.emit({ type: "attribute", key: live.key, change, name, origin });
      }
      this.#told.set(live, now);
    }
    if (observed === undefined) return;
    const names = attributeChanges(observed.told, now).map(({ name }) => name);
    observed.told = now;
    if (names.length > 0) tell(observed, { type: "changed", origin, names });
  }

  ended(key: SessionKey, reason: EndReason): void {
    const observed = this.#observed.get(key);
    this.#observed.delete(key);
    if (observed !== undefined) tell(observed, { type: "ended", reason });
  }

  observe(key: SessionKey, told: ContainerNode, listener: Listener): () => void {
    const observed = this.#observed.get(key) ?? { listeners: new Set(), told };
    this.#observed.set(key, observed);
    // One function may be given twice, and is then called twice.
    const own: Listener = (change) => listener(change);
    observed.listeners.add(own);
    return () => {
      // Wherever it went meanwhile.
      for (const [at, { listeners }] of this.#observed) if (listeners.delete(own) && listeners.size === 0) this.#observed.delete(at);
    };
  }

  /** Who observed a session goes on with the one that goes on in its place. */
  move(from: SessionKey, to: SessionKey): void {
    const observed = this.#observed.get(from);
    if (observed === undefined) return;
    this.#observed.delete(from);
    const there = this.#observed.get(to);
    if (there === undefined) this.#observed.set(to, observed);
    else for (const listener of observed.listeners) there.listeners.add(listener);
  }

  has(key: SessionKey): boolean {
    return this.#observed.has(key);
  }
}

function tell({ listeners }: Observed, change: SessionChange): void {
  for (const listener of listeners) {
    try {
      listener(change);
    } catch {
      // The listener's own affair: the others hear of it all the same.
    }
  }
}
