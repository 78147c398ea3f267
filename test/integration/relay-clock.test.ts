import { afterEach, describe, expect, it } from "vitest";
import { Engine } from "../../src/engine/index.ts";
import { startRelay } from "../../src/relay/relay.ts";
import { nodeRuntime } from "../../src/runtime/index.ts";
import { MemoryStore } from "../../src/storage/index.ts";
import { relays } from "../../src/sync/index.ts";
import { TEST_SECRET } from "../support/relay-holder.ts";

describe("an engine with a relay", () => {
  const cleanUps: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  });

  it("[K10] knows what time it is within a second, also where they are the only two", async () => {
    const relay = await startRelay({ secret: TEST_SECRET });
    cleanUps.push(() => relay.close());
    const startedAtMs = performance.now();
    const sync = relays([relay.address], { alone: "serve", secret: TEST_SECRET });
    const engine = new Engine({ sync }, nodeRuntime, (context) => new MemoryStore(context));
    cleanUps.push(() => engine.close());
    expect(engine.clock.isSettled).toBe(false);
    await engine.clock.settled;
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    await engine.ready;
    expect(Math.abs(engine.clock.nowMs() - Date.now())).toBeLessThan(1_000);
  });
});
