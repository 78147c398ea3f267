import { attributeChanges } from "./attribute-changes.ts";
import type { EndReason } from "./envelope.ts";
import type { EventHub } from "./event-hub.ts";
import { calmly } from "./events.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey } from "./record.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionChange } from "./session-engine.ts";
import type { ContainerNode } from "./view.ts";

type Listener = (change: SessionChange) => void;

interface Observed {
  readonly listeners: Set<Listener>;
  /** The session, whether or not it is in memory; its envelope tells when it is over. */
  live: LiveSession;
  /** What they know of. */
  told: ContainerNode;
}

/** How soon observers hear of an end that nobody wrote: the absolute timeout, or the end of a grace. */
const CHECK_MS = 1_000;

/**
 * Tells those who observe a session, and those who listen to attributes, what changed. Where nobody does, it costs a look-up. What is to
 * be told waits in a queue: a listener may write, end or observe inside its call, and everybody hears everything in one order.
 */
export class Observers {
  readonly #events: EventHub;
  readonly #runtime: Runtime;
  /** Why a session is over; undefined while it is not. */
  readonly #endOf: (live: LiveSession) => EndReason | undefined;
  readonly #observed = new Map<SessionKey, Observed>();
  /** What listeners to attributes know of, of the sessions in memory. */
  #told = new WeakMap<LiveSession, ContainerNode>();
  readonly #queue: (() => void)[] = [];
  #isDraining = false;
  #cancelCheck: (() => void) | undefined;

  constructor(events: EventHub, runtime: Runtime, endOf: (live: LiveSession) => EndReason | undefined) {
    this.#events = events;
    this.#runtime = runtime;
    this.#endOf = endOf;
  }

  /** A session is in memory: changes count from what it holds now. */
  begin(live: LiveSession, view: () => ContainerNode | undefined): void {
    const observed = this.#observed.get(live.key);
    if (observed !== undefined) observed.live = live;
    if (!this.#events.wants("attribute")) return;
    const now = view();
    if (now !== undefined) this.#told.set(live, now);
  }

  /** Nobody listens to attributes any more. */
  forget(): void {
    this.#told = new WeakMap();
  }

  /** Called with what the session holds now, after every change. */
  changed(live: LiveSession, view: () => ContainerNode | undefined, origin: "local" | "remote"): void {
    const observed = this.#observed.get(live.key);
    const isWanted = this.#events.wants("attribute");
    if (observed === undefined && !isWanted) return;
    const now = view();
    if (now === undefined) return;
    if (isWanted) this.#tellAttributes(live, now, origin);
    if (observed !== undefined) {
      const names = attributeChanges(observed.told, now).map(({ name }) => name);
      observed.told = now;
      if (names.length > 0) this.#tell(observed, live.key, { type: "changed", origin, names });
    }
    this.#drain();
  }

  ended(key: SessionKey, reason: EndReason): void {
    this.#queue.push(() => this.#events.emit({ type: "ended", key, reason }));
    this.#over(key, reason);
    this.#drain();
  }

  /** `told`: what the observer knows of; undefined where the session is over already. */
  observe(live: LiveSession, told: ContainerNode | undefined, listener: Listener): () => void {
    // One function may be given twice, and is then called twice.
    const own: Listener = (change) => listener(change);
    const reason = this.#endOf(live) ?? (told === undefined ? "expired" : undefined);
    if (reason !== undefined || told === undefined) {
      this.#queue.push(() => calmly(() => own({ type: "ended", reason: reason ?? "expired" })));
      this.#drain();
      return () => undefined;
    }
    const observed = this.#observed.get(live.key) ?? { listeners: new Set(), live, told };
    this.#observed.set(live.key, observed);
    observed.listeners.add(own);
    this.#armCheck();
    return () => {
      // Wherever it went meanwhile.
      for (const [key, { listeners }] of this.#observed) if (listeners.delete(own) && listeners.size === 0) this.#observed.delete(key);
    };
  }

  /** Who observed a session goes on with the one that goes on in its place. */
  move(from: SessionKey, to: LiveSession): void {
    const observed = this.#observed.get(from);
    if (observed === undefined) return;
    this.#observed.delete(from);
    const there = this.#observed.get(to.key);
    if (there === undefined) this.#observed.set(to.key, Object.assign(observed, { live: to }));
    else for (const listener of observed.listeners) there.listeners.add(listener);
  }

  has(key: SessionKey): boolean {
    return this.#observed.has(key);
  }

  close(): void {
    this.#cancelCheck?.();
    this.#observed.clear();
  }

  #tellAttributes(live: LiveSession, now: ContainerNode, origin: "local" | "remote"): void {
    const told = this.#told.get(live);
    this.#told.set(live, now);
    if (told === undefined) return;
    for (const { name, change } of attributeChanges(told, now)) {
      this.#queue.push(() => {
        // Once it is over, nobody hears of it any more.
        if (!live.isEndTold) this.#events.emit({ type: "attribute", key: live.key, change, name, origin });
      });
    }
  }

  #over(key: SessionKey, reason: EndReason): void {
    const observed = this.#observed.get(key);
    if (observed === undefined) return;
    this.#observed.delete(key);
    const listeners = Array.from(observed.listeners);
    // What still waits in the queue for them is of no use to them now.
    observed.listeners.clear();
    for (const listener of listeners) this.#queue.push(() => calmly(() => listener({ type: "ended", reason })));
  }

  /** To whoever observes now, and still does when its turn comes. */
  #tell({ listeners }: Observed, _key: SessionKey, change: SessionChange): void {
    for (const listener of listeners) {
      this.#queue.push(() => {
        if (listeners.has(listener)) calmly(() => listener(change));
      });
    }
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    this.#isDraining = false;
  }

  #armCheck(): void {
    this.#cancelCheck ??= this.#runtime.setTimer(CHECK_MS, () => {
      this.#cancelCheck = undefined;
      for (const [key, { live }] of this.#observed) {
        const reason = this.#endOf(live);
        if (reason !== undefined) this.#over(key, reason);
      }
      this.#drain();
      if (this.#observed.size > 0) this.#armCheck();
    });
  }
}
