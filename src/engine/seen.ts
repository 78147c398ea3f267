import { covers } from "./cells.ts";
import type { EventHub } from "./event-hub.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { Replication } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type { CheckOutOptions, Seen } from "./session-engine.ts";

/** How long a request waits for what its browser has seen of another node. */
export const SEEN_TIMEOUT_MS = 250;

/** How soon the holders are asked again for a session that its browser has seen and they have not; twice as long each time. */
const SEEK_PAUSE_MS = 10;

/** What reading one's own writes needs of an engine. */
export interface SeenHost {
  readonly runtime: Runtime;
  readonly registry: Pick<Registry, "receive">;
  readonly events: EventHub;
  /** How far two clocks may be apart, milliseconds. */
  readonly epsilonMs: number;
  nowMs(): number;
  /** The session that a key stands for now. */
  current(key: SessionKey, bornAtMs?: number): Promise<LiveSession | undefined>;
  /** Undefined for a process that runs alone: nobody else could have written. */
  readonly sync: Replication | undefined;
}

/** A session as a request may have it. `isBehind`: without all that its browser has seen. */
export interface Reached {
  readonly live: LiveSession | undefined;
  readonly isBehind: boolean;
}

/**
 * Reading one's own writes: a session is not shown to a browser in a state that is older than what it has seen. Replicas are causally
 * closed, so who has a dot has all that its author had.
 */
export class SeenWrites {
  readonly #host: SeenHost;
  /** Who waits for a change of a session. */
  readonly #waiting = new Map<SessionKey, Set<() => void>>();

  constructor(host: SeenHost) {
    this.#host = host;
  }

  /** Must be called after every change of a session. */
  changed(key: SessionKey): void {
    if (this.#waiting.size === 0) return;
    for (const wake of this.#waiting.get(key) ?? []) wake();
  }

  /** Whether a session holds all that its browser has seen. Of one that ended nothing can be missing. */
  isMet({ document }: LiveSession, { dots }: Seen): boolean {
    return document === undefined || dots.every((dot) => covers(document.vector, dot));
  }

  /** A use that the browser was told of, by whatever node: this one may not have heard yet. From a clock too far ahead it is refused. */
  takeTouch(live: LiveSession, { touchedAtMs }: Seen): void {
    if (touchedAtMs <= live.envelope.touchedAtMs) return;
    const aheadMs = touchedAtMs - this.#host.nowMs();
    if (aheadMs > this.#host.epsilonMs) this.#host.events.emit({ type: "clock-fault", key: live.key, aheadMs });
    // The browser brought it: whoever served it may not have told anybody yet.
    else live.takeTouch(touchedAtMs, false);
  }

  /**
   * The session that a key stands for, with what its browser has seen where that can be had in time.
   * @throws SessionError SESSION_UNAVAILABLE
   */
  async reach(key: SessionKey, options: CheckOutOptions): Promise<Reached> {
    const { seen } = options;
    const live = await this.#find(key, options);
    if (live === undefined || seen === undefined) return { live, isBehind: false };
    const reached = this.isMet(live, seen) ? live : await this.#waitFor(key, live, seen);
    if (reached === undefined) return { live: undefined, isBehind: false };
    this.takeTouch(reached, seen);
    const isBehind = !this.isMet(reached, seen);
    if (isBehind) this.#host.events.emit({ type: "lost-write", key: reached.key });
    return { live: reached, isBehind };
  }

  /** Where nobody knows a session that its browser has seen it may have begun a moment ago, and its first state be on its way to the holders. */
  async #find(key: SessionKey, { seen, bornAtMs }: CheckOutOptions): Promise<LiveSession | undefined> {
    const host = this.#host;
    const { runtime, events } = host;
    if (seen === undefined || seen.dots.length === 0 || host.sync === undefined) return host.current(key, bornAtMs);
    const untilMs = runtime.monotonicMs() + SEEN_TIMEOUT_MS;
    for (let pauseMs = SEEK_PAUSE_MS; ; pauseMs *= 2) {
      const isLast = runtime.monotonicMs() >= untilMs;
      try {
        const live = await host.current(key, bornAtMs);
        if (live !== undefined) return live;
        if (isLast) {
          events.emit({ type: "lost-write", key });
          return undefined;
        }
      } catch (error) {
        if (isLast) throw error;
      }
      const delayMs = Math.min(pauseMs, Math.max(untilMs - runtime.monotonicMs(), 0));
      await new Promise<void>((resolve) => runtime.setTimer(delayMs, resolve));
    }
  }

  async #waitFor(key: SessionKey, behind: LiveSession, seen: Seen): Promise<LiveSession | undefined> {
    const { runtime, registry, sync } = this.#host;
    if (sync === undefined) return behind;
    const bell = new Bell();
    const ring = (): void => bell.ring();
    const cancel = runtime.setTimer(SEEN_TIMEOUT_MS, () => bell.end());
    const keys = new Set([key, behind.key]);
    for (const each of keys) this.#wait(each, ring);
    sync
      .fetch(behind.key, behind.envelope.createdAtMs)
      .then((answer) => (answer.kind === "found" ? registry.receive(behind.key, answer.record) : undefined))
      .catch(() => undefined);
    try {
      let live: LiveSession | undefined = behind;
      while (live !== undefined && !bell.isOver && !this.isMet(live, seen)) {
        await bell.heard();
        // It may have been rotated meanwhile.
        live = await this.#host.current(key);
        if (live === undefined || keys.has(live.key)) continue;
        keys.add(live.key);
        this.#wait(live.key, ring);
      }
      return live;
    } finally {
      cancel();
      for (const each of keys) this.#stopWaiting(each, ring);
    }
  }

  #wait(key: SessionKey, wake: () => void): void {
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(wake));
  }

  #stopWaiting(key: SessionKey, wake: () => void): void {
    const waiting = this.#waiting.get(key);
    waiting?.delete(wake);
    if (waiting?.size === 0) this.#waiting.delete(key);
  }
}

/** Wakes one who waits; rung while nobody does, it wakes the next one at once. */
class Bell {
  isOver = false;
  #isRung = false;
  #wake: () => void = () => undefined;

  ring(): void {
    this.#isRung = true;
    this.#wake();
  }

  end(): void {
    this.isOver = true;
    this.ring();
  }

  async heard(): Promise<void> {
    if (!this.#isRung) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#isRung = false;
  }
}
