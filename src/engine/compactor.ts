import { COMPACT_AT_ONCE, COMPACT_WHEN_QUIET } from "./document.ts";
import type { EventHub } from "./event-hub.ts";
import type { LiveSession } from "./live-session.ts";
import type { Runtime } from "./runtime.ts";

/** Compaction waits for this much quiet after the last change of a session. */
const QUIET_MS = 100;
/** Beyond so many processes that wrote one session, an event tells. */
const WRITER_COUNT_WARNED = 256;

/** Keeps documents small: at once where one grew far too large, otherwise when its session is quiet (DESIGN 3.4). */
export class Compactor {
  readonly #runtime: Runtime;
  readonly #events: EventHub;
  readonly #onCompacted: (live: LiveSession) => void;
  readonly #restless = new Set<LiveSession>();
  #cancelQuiet: (() => void) | undefined;

  constructor(runtime: Runtime, events: EventHub, onCompacted: (live: LiveSession) => void) {
    this.#runtime = runtime;
    this.#events = events;
    this.#onCompacted = onCompacted;
  }

  /** Must be called after every change of a session's document. */
  changed(live: LiveSession): void {
    const { document } = live;
    if (document === undefined) return;
    live.lastChangeAtMs = this.#runtime.monotonicMs();
    if (document.wantsCompaction(COMPACT_AT_ONCE)) this.#compact(live, COMPACT_AT_ONCE);
    if (document.sizeBound > COMPACT_WHEN_QUIET.bytes) this.#awaitQuiet(live);
    if (document.vector.size > WRITER_COUNT_WARNED && !live.isWarned) {
      live.isWarned = true;
      this.#events.emit({ type: "many-writers", key: live.key, writerCount: document.vector.size });
    }
  }

  #awaitQuiet(live: LiveSession): void {
    this.#restless.add(live);
    this.#cancelQuiet ??= this.#runtime.setTimer(QUIET_MS, () => {
      this.#cancelQuiet = undefined;
      const nowMs = this.#runtime.monotonicMs();
      for (const session of this.#restless) {
        if (nowMs - session.lastChangeAtMs < QUIET_MS) continue;
        this.#restless.delete(session);
        if (session.isHeld && session.document?.wantsCompaction(COMPACT_WHEN_QUIET) === true) this.#compact(session, COMPACT_WHEN_QUIET);
      }
      const [next] = this.#restless;
      if (next !== undefined) this.#awaitQuiet(next);
    });
  }

  #compact(live: LiveSession, rule: typeof COMPACT_WHEN_QUIET): void {
    if (live.document?.compact(rule) !== true) return;
    this.#onCompacted(live);
  }

  close(): void {
    this.#cancelQuiet?.();
    this.#restless.clear();
  }
}
