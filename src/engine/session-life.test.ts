import { expect, test } from "vitest";
import { ManualRuntime } from "../../test/support/manual-runtime.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import { Engine } from "./engine.ts";

const HOUR_MS = 3_600_000;

function start(): { runtime: ManualRuntime; engine: Engine } {
  const runtime = new ManualRuntime();
  return { runtime, engine: new Engine({ absoluteTimeoutMs: 12 * HOUR_MS }, runtime, (context) => new MemoryStore(context)) };
}

test("[E10] an id is dead by age exactly when its session is past its absolute timeout, however late the first commit came", async () => {
  const { runtime, engine } = start();
  const id = engine.issueId();
  const draft = engine.draft();
  draft.set("name", "Ann");
  draft.identify(id);
  runtime.advance(5_000);
  draft.commit();
  const bornAtMs = runtime.nowMs() - 5_000;
  expect(draft.envelope).toMatchObject({ createdAtMs: bornAtMs, deadlineMs: bornAtMs + 12 * HOUR_MS });
  for (let quarter = 1; quarter < 48; quarter++) {
    runtime.advance(HOUR_MS / 4 - (quarter === 1 ? 5_000 : 0));
    draft.touch();
    expect(engine.isPastLife(id)).toBe(false);
    expect(draft.verdict()).toBe("alive");
  }
  runtime.advance(HOUR_MS / 4);
  expect(engine.isPastLife(id)).toBe(true);
  expect(draft.verdict()).toBe("ended");
  await engine.close();
});

test("[E10] an id that was not issued here has no age", async () => {
  const { runtime, engine } = start();
  runtime.advance(1_000 * HOUR_MS);
  expect(engine.isPastLife("from-an-old-store")).toBe(false);
  await engine.close();
});
