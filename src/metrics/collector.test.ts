import { Registry } from "prom-client";
import type { OpenMetricsContentType } from "prom-client";
import { beforeEach, describe, expect, test } from "vitest";
import type { EngineStats } from "../engine/index.ts";
import { collectMetrics } from "./collector.ts";

const STATS: EngineStats = {
  sessions: { hot: 3, cold: 40, ended: 5, limit: 1_000_000 },
  hotBytes: 12_345,
  unsavedBytes: 678,
  unreplicated: { sessions: 22, bytes: 23, ageMs: 24_000 },
  created: 50,
  ended: { destroyed: 1, rotated: 2, expired: 3, revoked: 4 },
  idle: 11,
  commits: 12,
  discardedCommits: 13,
  remoteCommits: 14,
  conflicts: 15,
  clockFaults: 16,
  refusedInputs: 17,
  loads: 18,
  storeFailures: 19,
  degraded: 25,
  lostWrites: 26,
  passivated: 20,
  activated: 21,
};

/** An engine as far as the collector sees it: its figures are what the test says. */
class FakeEngine {
  current = STATS;
  readCount = 0;

  stats(): EngineStats {
    this.readCount += 1;
    return this.current;
  }
}

let engine = new FakeEngine();
let register = new Registry();

beforeEach(() => {
  engine = new FakeEngine();
  register = new Registry();
});

async function samples(from: Registry = register): Promise<string[]> {
  const text = await from.metrics();
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("collectMetrics", () => {
  test("[O1] every figure is exposed under its name, counters as totals", async () => {
    collectMetrics(engine, { register });
    expect((await samples()).toSorted()).toEqual(
      [
        'converge_session_sessions{state="hot"} 3',
        'converge_session_sessions{state="cold"} 40',
        "converge_session_remembered_ends 5",
        "converge_session_sessions_limit 1000000",
        "converge_session_hot_bytes 12345",
        "converge_session_unsaved_bytes 678",
        "converge_session_unreplicated_sessions 22",
        "converge_session_unreplicated_bytes 23",
        "converge_session_unreplicated_age_seconds 24",
        "converge_session_degraded_total 25",
        "converge_session_lost_writes_total 26",
        "converge_session_sessions_created_total 50",
        'converge_session_sessions_ended_total{reason="destroyed"} 1',
        'converge_session_sessions_ended_total{reason="rotated"} 2',
        'converge_session_sessions_ended_total{reason="expired"} 3',
        'converge_session_sessions_ended_total{reason="revoked"} 4',
        "converge_session_sessions_idle_total 11",
        "converge_session_commits_total 12",
        "converge_session_discarded_commits_total 13",
        "converge_session_remote_commits_total 14",
        "converge_session_conflicts_total 15",
        "converge_session_clock_faults_total 16",
        "converge_session_refused_inputs_total 17",
        "converge_session_loads_total 18",
        "converge_session_store_failures_total 19",
        "converge_session_passivations_total 20",
        "converge_session_activations_total 21",
      ].toSorted(),
    );
  });

  test("[O1] no figure of the engine is left out", async () => {
    const zero = (value: unknown): unknown =>
      typeof value === "number" ? 0 : Object.fromEntries(Object.entries(value as object).map(([name, each]) => [name, zero(each)]));
    engine.current = zero(STATS) as EngineStats;
    collectMetrics(engine, { register });
    const all = new Set((await samples()).map((line) => line.split(" ")[1]));
    expect([...all]).toEqual(["0"]);
    const without = await samples();
    engine.current = STATS;
    const values = (await samples()).map((line) => Number(line.split(" ")[1]));
    const leaves = (value: unknown): number[] => (typeof value === "number" ? [value] : Object.values(value as object).flatMap(leaves));
    // Prometheus counts in seconds.
    const inSeconds = { ...STATS, unreplicated: { ...STATS.unreplicated, ageMs: STATS.unreplicated.ageMs / 1_000 } };
    expect(values.toSorted((a, b) => a - b)).toEqual(leaves(inSeconds).toSorted((a, b) => a - b));
    expect(values).toHaveLength(without.length);
  });

  test("[O1] scrapes in a row show the totals as they are, and a reset of the registry takes nothing away", async () => {
    collectMetrics(engine, { register });
    await samples();
    expect(await samples()).toContain("converge_session_commits_total 12");
    engine.current = { ...STATS, commits: 20, sessions: { ...STATS.sessions, hot: 1 } };
    register.resetMetrics();
    const now = await samples();
    expect(now).toContain("converge_session_commits_total 20");
    expect(now).toContain('converge_session_sessions{state="hot"} 1');
  });

  test("[O1] a scrape reads the engine once, and nothing reads it between scrapes", async () => {
    collectMetrics(engine, { register });
    expect(engine.readCount).toBe(0);
    await samples();
    expect(engine.readCount).toBe(1);
    await register.getMetricsAsJSON();
    expect(engine.readCount).toBe(2);
  });

  test("[O1] types, help and names are as Prometheus wants them", async () => {
    collectMetrics(engine, { register });
    const text = await register.metrics();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    expect(types).toHaveLength(23);
    for (const [, name = "", type] of types) {
      expect({ name, type }).toEqual({ name, type: name.endsWith("_total") ? "counter" : "gauge" });
      expect(text).toMatch(new RegExp(`^# HELP ${name} [A-Z].*\\.$`, "m"));
    }
  });

  test("[O1] an OpenMetrics registry has each counter once, with its suffix", async () => {
    const open = new Registry<OpenMetricsContentType>();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const stop = collectMetrics(engine, { register: open });
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const text = await open.metrics();
      expect(text).toContain("# TYPE converge_session_commits counter\nconverge_session_commits_total 12\n");
      expect(text).not.toContain("_total_total");
    }
    stop();
    expect(open.getMetricsAsArray()).toEqual([]);
  });

  test("[O1] labels of the application are on every series", async () => {
    collectMetrics(engine, { register, labels: { service: "shop" } });
    const all = await samples();
    expect(all).toContain('converge_session_sessions_ended_total{service="shop",reason="revoked"} 4');
    expect(all.filter((line) => !line.includes('service="shop"'))).toEqual([]);
  });

  test("[O1] stopping takes everything off the registry that is the collector's own, and nothing else", async () => {
    const other = new FakeEngine();
    const stop = collectMetrics(engine, { register });
    collectMetrics(other, { register, prefix: "other_" });
    stop();
    const left = await samples();
    expect(left.filter((line) => !line.startsWith("other_"))).toEqual([]);
    expect(left).toHaveLength(27);
    collectMetrics(engine, { register });
    stop();
    expect(await samples()).toHaveLength(54);
  });

  test("[O2] a second collector of one prefix is refused, and the first goes on", async () => {
    collectMetrics(engine, { register });
    const again = () => collectMetrics(new FakeEngine(), { register, labels: { node: "b" } });
    expect(again).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    expect(again).toThrow(/prefix "converge_session_".*set another prefix/);
    expect(await samples()).toHaveLength(27);
    expect(engine.readCount).toBe(1);
  });

  test("[O2] a single name that is taken is enough, and nothing is registered beside it", async () => {
    collectMetrics(engine, { register });
    for (const { name } of register.getMetricsAsArray()) if (!name.endsWith("_activations_total")) register.removeSingleMetric(name);
    expect(() => collectMetrics(engine, { register })).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    expect(register.getMetricsAsArray()).toHaveLength(1);
  });

  test.each([
    [{ prefix: "my-app_" }],
    [{ prefix: "1_" }],
    [{ labels: { reason: "mine" } }],
    [{ labels: { state: "mine" } }],
    [{ labels: { "a-b": "c" } }],
    [{ labels: { __name__: "c" } }],
  ])("[O2] names that Prometheus does not take are refused: %j", (options) => {
    expect(() => collectMetrics(engine, { register, ...options })).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    expect(register.getMetricsAsArray()).toEqual([]);
  });
});
