import { Engine } from "../../../src/engine/index.ts";
import type { EngineOptions, SessionEngine } from "../../../src/engine/index.ts";
import { nodeRuntime } from "../../../src/runtime/index.ts";
import { MemoryStore } from "../../../src/storage/index.ts";

/** A clock that stands still until the test moves it. */
export class ManualClock {
  nowMs = Date.UTC(2026, 0, 1);

  advance(byMs: number): void {
    this.nowMs += byMs;
  }
}

/** An engine of this machine in all but its time. */
export function engineAt(clock: ManualClock, options: EngineOptions = {}): SessionEngine {
  return new Engine(
    options,
    { ...nodeRuntime, nowMs: () => clock.nowMs, monotonicMs: () => clock.nowMs },
    (context) => new MemoryStore(context),
  );
}
