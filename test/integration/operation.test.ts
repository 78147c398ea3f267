import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { Engine } from "../../src/engine/index.ts";
import type { EngineOptions, SessionEngine, SpanName } from "../../src/engine/index.ts";
import { METRICS } from "../../src/metrics/metric-table.ts";
import { RELAY_METRICS } from "../../src/relay/relay-metrics.ts";
import { collectMetrics } from "../../src/metrics/index.ts";
import { createEngine, nodeRuntime } from "../../src/runtime/index.ts";
import { MemoryStore } from "../../src/storage/index.ts";
import { GatedStore } from "./adapters/gated-store.ts";

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

test("[X19] docs/operation.md lists each metric with its type, label and help, and no other", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/operation.md"), "utf8");
  const rows = [...text.matchAll(/^\| `(\w+)` \| (counter|gauge) \| (?:`(\w+)` )?\| (.+) \|$/gm)];
  const documented = rows.map(([, name, type, label, help]) => ({ name, type, label, help }));
  expect(documented).toEqual([...METRICS, ...RELAY_METRICS].map(({ name, type, label, help }) => ({ name, type, label, help })));
});

test("docs/operation.md lists the spans", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/operation.md"), "utf8");
  const spans: Record<SpanName, true> = { "session.load": true, "session.commit": true, "session.store": true, "session.end": true };
  expect([...text.matchAll(/^\| `(session\.\w+)` \|/gm)].map(([, name]) => name)).toEqual(Object.keys(spans));
});

/** A session with one attribute; its key. */
function create(engine: SessionEngine): string {
  const session = engine.draft();
  session.identify(engine.issueId());
  session.set("a", 1);
  session.commit();
  return session.key ?? "";
}

test("[O1] a scrape tells what a real engine did", async () => {
  const engine = createEngine();
  cleanUps.push(() => engine.close());
  const register = new Registry();
  collectMetrics(engine, { register });
  create(engine);
  const second = create(engine);
  await engine.end(second);
  const lines = (await register.metrics()).split("\n");
  expect(lines).toContain("converge_session_sessions_created_total 2");
  expect(lines).toContain("converge_session_commits_total 2");
  expect(lines).toContain('converge_session_sessions_ended_total{reason="destroyed"} 1');
  expect(lines).toContain('converge_session_sessions{state="hot"} 1');
  expect(lines).toContain("converge_session_remembered_ends 1");
  expect(lines).toContain("converge_session_sessions_limit 1000000");
});

test("[O3] a real engine begins and ends a span for each load, commit, store and end, and tells the error", async () => {
  const told: string[] = [];
  const open = new Set<symbol>();
  const span = (name: SpanName, key: string): ((error?: unknown) => void) => {
    const mark = Symbol(name);
    open.add(mark);
    return (error) => {
      expect(open.delete(mark)).toBe(true);
      told.push(`${name} ${key === wanted ? "" : "of another"}${error === undefined ? "" : "failed"}`.trim());
    };
  };
  let wanted = "";
  const start = (options: EngineOptions): SessionEngine => {
    const engine = new Engine(options, { ...nodeRuntime, span }, (context) => new MemoryStore(context));
    cleanUps.push(() => engine.close());
    return engine;
  };
  const store = new GatedStore();
  const first = start({ store, persist: "before" });
  const session = first.draft();
  session.identify(first.issueId());
  wanted = session.key ?? "";
  session.set("a", 1);
  session.commit();
  await session.persisted();
  expect(new Set(told)).toEqual(new Set(["session.commit", "session.store"]));

  const second = start({ store });
  expect((await second.checkOut(wanted)).kind).toBe("alive");
  expect(told).toContain("session.load");
  await second.end(wanted);
  expect(told).toContain("session.end");

  const third = start({ store });
  store.isFailing = true;
  await expect(third.checkOut(wanted)).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
  expect(told).toContain("session.load failed");
  expect(open.size).toBe(0);
  store.isFailing = false;
});
