import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { ManualRuntime, settle, sha256 } from "../support/manual-runtime.ts";

const LEASE_MS = 1_000;

class Deferred<T> {
  readonly promise: Promise<T>;
  resolve: (value: T) => void = () => undefined;
  reject: (error: Error) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => undefined);
  }
}

function memoryStore(): MemoryStore {
  return new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
}

function alone(store: MemoryStore, runtime: ManualRuntime): Engine {
  return new Engine({ store }, runtime, () => store);
}

async function session(engine: Engine): Promise<SessionKey> {
  const draft = engine.draft();
  draft.identify(engine.issueId());
  draft.setIdleTimeout(12 * 60 * 60 * 1000);
  draft.commit({ evenIfEmpty: true });
  await draft.persisted();
  return draft.key ?? "";
}

/** Lets time pass in small steps, and all that waits go on. */
async function pass(runtime: ManualRuntime, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    runtime.advance(Math.min(50, ms - passed));
    await settle();
  }
}

/** What came of it by now. */
async function outcome<T>(promise: Promise<T>): Promise<T | "pending" | { readonly code: unknown }> {
  let result: T | "pending" | { readonly code: unknown } = "pending";
  promise.then(
    (value) => (result = value),
    (error: unknown) => (result = { code: error instanceof Error && "code" in error ? error.code : error }),
  );
  await settle();
  return result;
}

describe("once, in one process", () => {
  test("[C2] a runner that takes longer than its lease is replaced by the next caller, also in its own process", async () => {
    const runtime = new ManualRuntime();
    const engine = alone(memoryStore(), runtime);
    const key = await session(engine);
    const dead = new Deferred<string>();
    engine.once(key, "job", () => dead.promise, { leaseMs: LEASE_MS }).catch(() => undefined);
    await settle();
    await pass(runtime, LEASE_MS + 50);
    const next = engine.once(key, "job", () => "taken over", { leaseMs: LEASE_MS });
    await settle();
    await pass(runtime, 200);
    expect(await outcome(next)).toBe("taken over");
  });

  test("[C2] who waits when the lease of a dead runner ends takes over, as in another process", async () => {
    const runtime = new ManualRuntime();
    const engine = alone(memoryStore(), runtime);
    const key = await session(engine);
    const dead = new Deferred<string>();
    engine.once(key, "job", () => dead.promise, { leaseMs: LEASE_MS }).catch(() => undefined);
    await settle();
    const next = engine.once(key, "job", () => "taken over", { leaseMs: LEASE_MS, waitMs: 5 * LEASE_MS });
    await settle();
    await pass(runtime, 3 * LEASE_MS);
    expect(await outcome(next)).toBe("taken over");
  });

  test("[C2] each caller waits as long as it said, not as long as the first", async () => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const [one, two] = [alone(store, runtime), alone(store, runtime)];
    const key = await session(one);
    const elsewhere = new Deferred<string>();
    const first = one.once(key, "job", () => elsewhere.promise, { leaseMs: 10 * LEASE_MS });
    await settle();
    const impatient = two.once(key, "job", () => "impatient", { waitMs: 300 });
    impatient.catch(() => undefined);
    const patient = two.once(key, "job", () => "patient", { waitMs: 5_000 });
    patient.catch(() => undefined);
    await settle();
    await pass(runtime, 500);
    expect(await outcome(impatient)).toEqual({ code: "CLAIM_UNAVAILABLE" });
    expect(await outcome(patient)).toBe("pending");
    elsewhere.resolve("done");
    await first;
    await pass(runtime, 200);
    expect(await outcome(patient)).toBe("patient");
  });

  test("[C2] what run throws at once is told to all who wait, and the place is free again", async () => {
    const runtime = new ManualRuntime();
    const engine = alone(memoryStore(), runtime);
    const key = await session(engine);
    const throwing = (): never => {
      throw new Error("on purpose");
    };
    const calls = [engine.once(key, "job", throwing), engine.once(key, "job", throwing)];
    for (const call of calls) await expect(call).rejects.toThrow("on purpose");
    expect(await engine.once(key, "job", () => 7)).toBe(7);
  });

  test.each(["claim", "release"] as const)("[C2] a store that fails in %s keeps no place taken in this process", async (method) => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const engine = alone(store, runtime);
    const key = await session(engine);
    const original = store[method].bind(store) as (...given: unknown[]) => unknown;
    Object.assign(store, { [method]: () => Promise.reject(new Error("the disk is on fire")) });
    const first = await outcome(engine.once(key, "job", () => "first", { leaseMs: LEASE_MS }));
    // What ran is told, though its lease could not be given back.
    if (method === "release") expect(first).toBe("first");
    else expect(first).toHaveProperty("code");
    Object.assign(store, { [method]: original });
    await pass(runtime, LEASE_MS);
    expect(await outcome(engine.once(key, "job", () => "second", { leaseMs: LEASE_MS }))).toBe("second");
  });

  test("[C2] a store that never answers a release keeps nobody from the result", async () => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const engine = alone(store, runtime);
    const key = await session(engine);
    store.release = () => new Promise(() => undefined);
    const call = engine.once(key, "job", () => "done", { leaseMs: LEASE_MS, waitMs: LEASE_MS });
    await pass(runtime, 4 * LEASE_MS);
    expect(await outcome(call)).toBe("done");
  });

  test("[C2] a store that never answers a claim keeps nobody waiting for longer than waitMs", async () => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const engine = alone(store, runtime);
    const key = await session(engine);
    store.claim = () => new Promise(() => undefined);
    const call = engine.once(key, "job", () => "done", { leaseMs: LEASE_MS, waitMs: LEASE_MS });
    call.catch(() => undefined);
    await settle();
    await pass(runtime, 4 * LEASE_MS);
    expect(await outcome(call)).toHaveProperty("code");
  });

  test("[C2] the wall clock is set back while somebody waits: the wait stays bounded", async () => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const [one, two] = [alone(store, runtime), alone(store, runtime)];
    const key = await session(one);
    one.once(key, "job", () => new Promise(() => undefined), { leaseMs: LEASE_MS }).catch(() => undefined);
    await settle();
    const waiter = two.once(key, "job", () => "taken over", { leaseMs: LEASE_MS, waitMs: 2 * LEASE_MS });
    waiter.catch(() => undefined);
    await settle();
    runtime.stepTo(runtime.nowMs() - 60 * 60 * 1000);
    await pass(runtime, 10 * LEASE_MS);
    expect(await outcome(waiter)).not.toBe("pending");
  });

  test("[R5] [C2] closing the engine leaves no timer of those who wait, and tells them", async () => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const [one, two] = [alone(store, runtime), alone(memoryStore(), runtime)];
    const key = await session(one);
    one.once(key, "job", () => new Promise(() => undefined)).catch(() => undefined);
    await settle();
    const waiter = one.once(key, "job", () => "never");
    waiter.catch(() => undefined);
    await settle();
    await Promise.all([one.close(), two.close()]);
    await settle();
    expect(runtime.timerCount).toBe(0);
    expect(await outcome(waiter)).toHaveProperty("code");
  });

  test("[R5] a wait for another process ends with the engine", async () => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const [one, two] = [alone(store, runtime), alone(store, runtime)];
    const key = await session(one);
    one.once(key, "job", () => new Promise(() => undefined)).catch(() => undefined);
    await settle();
    const waiter = two.once(key, "job", () => "never");
    waiter.catch(() => undefined);
    await settle();
    // Its store, too, is closed with it: the other process has its own in reality.
    await two.close();
    await pass(runtime, 100);
    expect(await outcome(waiter)).toHaveProperty("code");
  });
});

describe("once, in several processes", () => {
  test("[C2] a runner that ends late does not give back the lease that another took over meanwhile", async () => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const engines = [alone(store, runtime), alone(store, runtime), alone(store, runtime)] as const;
    const key = await session(engines[0]);
    const [late, running] = [new Deferred<string>(), new Deferred<string>()];
    const first = engines[0].once(key, "job", () => late.promise, { leaseMs: LEASE_MS });
    await settle();
    await pass(runtime, LEASE_MS);
    const second = engines[1].once(key, "job", () => running.promise, { leaseMs: LEASE_MS });
    await settle();
    late.resolve("late");
    expect(await first).toBe("late");
    let isThirdIn = false;
    const third = engines[2].once(key, "job", () => (isThirdIn = true), { leaseMs: LEASE_MS, waitMs: 300 });
    third.catch(() => undefined);
    await pass(runtime, 200);
    expect(isThirdIn).toBe(false);
    running.resolve("second");
    expect(await second).toBe("second");
  });

  test("[C2] nor when the store takes long to give it back", async () => {
    const runtime = new ManualRuntime();
    const store = memoryStore();
    const engines = [alone(store, runtime), alone(store, runtime), alone(store, runtime)] as const;
    const key = await session(engines[0]);
    const release = store.release.bind(store);
    const slow = new Deferred<string>();
    store.release = async (...given: Parameters<typeof release>) => {
      store.release = release;
      await slow.promise;
      await release(...given);
    };
    // Done in time, but the store is slow to hear of it.
    const first = engines[0].once(key, "job", () => "first", { leaseMs: LEASE_MS });
    first.catch(() => undefined);
    await settle();
    await pass(runtime, LEASE_MS + 50);
    const running = new Deferred<string>();
    const second = engines[1].once(key, "job", () => running.promise, { leaseMs: LEASE_MS });
    await settle();
    slow.resolve("now");
    await settle();
    let isThirdIn = false;
    engines[2].once(key, "job", () => (isThirdIn = true), { leaseMs: LEASE_MS, waitMs: 300 }).catch(() => undefined);
    await pass(runtime, 200);
    expect(isThirdIn).toBe(false);
    running.resolve("second");
    await second;
  });

  test("[C2] never two run at a time while nobody takes longer than its lease, and everybody is answered within its wait", async () => {
    const call = fc.record({
      engine: fc.nat(2),
      afterMs: fc.nat(400),
      takesMs: fc.integer({ min: 0, max: 900 }),
      fails: fc.boolean(),
      waitMs: fc.integer({ min: 50, max: 3_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 2, maxLength: 10 }), async (calls) => {
        const runtime = new ManualRuntime();
        const store = memoryStore();
        const engines = [alone(store, runtime), alone(store, runtime), alone(store, runtime)];
        const [first] = engines;
        if (first === undefined) return;
        const key = await session(first);
        let running = 0;
        let most = 0;
        const late: string[] = [];
        const answers = calls.map(async ({ engine, afterMs, takesMs, fails, waitMs }) => {
          await new Promise<void>((resolve) => void runtime.setTimer(afterMs, resolve));
          const startedMs = runtime.nowMs();
          const mine = { isRunning: false };
          const run = async (): Promise<number> => {
            mine.isRunning = true;
            most = Math.max(most, ++running);
            await new Promise<void>((resolve) => void runtime.setTimer(takesMs, resolve));
            running--;
            if (fails) throw new Error("on purpose");
            return takesMs;
          };
          await engines[engine]?.once(key, "job", run, { leaseMs: LEASE_MS, waitMs }).catch(() => undefined);
          // A retry each 50 ms, and who runs itself takes its own time.
          if (runtime.nowMs() - startedMs > waitMs + 100 + (mine.isRunning ? takesMs : 0))
            late.push(`${runtime.nowMs() - startedMs} of ${waitMs}`);
        });
        await settle();
        await pass(runtime, 9_000);
        await Promise.all(answers);
        expect(most).toBeLessThanOrEqual(1);
        expect(late).toEqual([]);
        expect(running).toBe(0);
      }),
      fewerRuns(17),
    );
  });

  test("[C1] of callers in processes whose clocks differ by ε at most one is granted", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -2_000, max: 2_000 }), { minLength: 2, maxLength: 4 }), async (skewsMs) => {
        const store = memoryStore();
        const engines = skewsMs.map((skewMs) => alone(store, new ManualRuntime(1, 1_700_000_000_000 + skewMs)));
        const [first] = engines;
        if (first === undefined) return;
        const key = await session(first);
        const granted = await Promise.all(engines.flatMap((engine) => [engine.claim(key, "t"), engine.claim(key, "t")]));
        expect(granted.filter(Boolean).length).toBe(1);
      }),
      fewerRuns(10),
    );
  });

  test("[C1] a token is true once however the session goes on: by the old key and the new one", async () => {
    const runtime = new ManualRuntime();
    const engine = alone(memoryStore(), runtime);
    const [old, next] = [await session(engine), await session(engine)];
    expect(await engine.claim(old, "before")).toBe(true);
    const opened = await engine.checkOut(old);
    if (opened.kind !== "alive") throw new Error(opened.kind);
    opened.session.setSuccessor(next, 60_000);
    expect([await engine.claim(old, "during"), await engine.claim(next, "during")].filter(Boolean).length).toBe(1);
  });
});
