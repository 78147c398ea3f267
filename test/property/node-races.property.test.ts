import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { SessionError } from "../../src/engine/errors.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import type { SessionStore } from "../../src/engine/session-store.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { ManualRuntime, settle, sha256 } from "../support/manual-runtime.ts";
import { MemoryBackedStore } from "../support/memory-backed-store.ts";

/** A store that lasts, whose answers come when, and in which order, the scheduler says; some of them are failures. */
class ScheduledStore extends MemoryBackedStore {
  readonly #scheduler: fc.Scheduler;
  readonly #failures: readonly number[];
  #callCount = 0;

  constructor(scheduler: fc.Scheduler, store: MemoryStore, failures: readonly number[]) {
    super(store, true);
    this.#scheduler = scheduler;
    this.#failures = failures;
  }

  override async load(key: SessionKey): Promise<SessionRecord | undefined> {
    await this.#turn("load");
    const record = await super.load(key);
    await this.#turn("loaded");
    return record;
  }

  override async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    await this.#turn("append");
    await super.append(key, record, discardAtMs);
    // Stored, and nobody knows yet.
    await this.#turn("appended");
  }

  override async close(): Promise<void> {}

  async #turn(what: string): Promise<void> {
    const isFailure = this.#failures.includes(this.#callCount++);
    await this.#scheduler.schedule(Promise.resolve(), what);
    if (isFailure) throw new Error("the disk is on fire");
  }
}

interface Step {
  readonly kind: "write" | "read" | "end" | "crowd" | "touch";
  readonly at: number;
}

const SESSIONS = 2;
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("write", "write", "write", "read", "end", "crowd", "crowd", "touch"),
  at: fc.nat(SESSIONS - 1),
});

/** What callers were told, in the order in which they were. */
class Promised {
  readonly writes = Array.from({ length: SESSIONS }, () => new Set<number>());
  readonly ends = new Set<number>();
  /** A logout never fails; whether it outlives the process its answer says. */
  readonly storedEnds = new Set<number>();
}

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
beforeEach(() => void process.on("unhandledRejection", onUnhandled));
afterEach(() => void process.off("unhandledRejection", onUnhandled));

function newEngine(store: SessionStore, seed: number): Engine {
  return new Engine({ store, limits: { hotCount: 1 } }, new ManualRuntime(seed), () => store);
}

async function created(engine: Engine): Promise<SessionKey> {
  const draft = engine.draft();
  draft.identify(engine.issueId());
  draft.set("list", []);
  draft.commit();
  await draft.persisted();
  return draft.key ?? "";
}

/** A store that does not answer is told as such; anything else is a fault. */
async function unlessUnavailable(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof SessionError && (error.code === "STORE_UNAVAILABLE" || error.code === "SESSION_UNAVAILABLE")) return;
    throw error;
  }
}

describe("inside one node", () => {
  test("[R1] [R2] [R6] [E8] requests, saves, loads, evictions and ends in any order: nothing that was acknowledged is ever lost, and an end is final", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(step, { minLength: 3, maxLength: 14, size: "max" }),
        fc.array(fc.nat(30), { maxLength: 2 }),
        async (scheduler, steps, failures) => {
          const memory = new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
          const plain = new ScheduledStore(scheduler, memory, []);
          const before = newEngine(plain, 1);
          const keys: SessionKey[] = [];
          for (let index = 0; index < SESSIONS; index++) keys.push(await scheduler.waitFor(created(before)));
          await scheduler.waitFor(before.close());

          const engine = newEngine(new ScheduledStore(scheduler, memory, failures), 2);
          const promised = new Promised();
          const copies = new Map<SessionKey, number>();
          engine.on("activated", ({ key }) => void copies.set(key, (copies.get(key) ?? 0) + 1));
          engine.on("passivated", ({ key }) => void copies.set(key, (copies.get(key) ?? 0) - 1));

          const perform = async ({ kind, at }: Step, id: number): Promise<void> => {
            await scheduler.schedule(Promise.resolve(), `${kind} ${at}`);
            const key = keys[at] ?? "";
            if (kind === "crowd") return void (await created(engine));
            if (kind === "end") {
              const { durable } = await engine.end(key);
              if (durable) promised.storedEnds.add(at);
              return void promised.ends.add(at);
            }
            const known = new Set(promised.writes[at]);
            const wasOver = promised.ends.has(at);
            const opened = await engine.checkOut(key);
            if (opened.kind !== "alive") return;
            if (wasOver) throw new Error("[E8] a session that ended was opened");
            const { session } = opened;
            const list = session.get("list") as number[];
            for (const each of known) if (!list.includes(each)) throw new Error("[R2] an acknowledged write is missing");
            if (kind === "touch") return session.touch();
            if (kind === "read") return;
            list.push(id);
            // The application takes its time.
            await scheduler.schedule(Promise.resolve(), `handler ${id}`);
            if (session.commit() !== "committed") return;
            await session.persisted();
            promised.writes[at]?.add(id);
          };
          const running = steps.map((each, id) => unlessUnavailable(() => perform(each, id)));
          await scheduler.waitFor(Promise.all(running));
          await settle();
          for (const count of copies.values()) expect(Math.abs(count)).toBeLessThanOrEqual(1);
          await scheduler.waitFor(engine.close());

          const after = newEngine(plain, 3);
          for (const [at, key] of keys.entries()) {
            const opened = await scheduler.waitFor(after.checkOut(key));
            if (promised.storedEnds.has(at)) expect(opened.kind).toBe("ended");
            if (opened.kind !== "alive") continue;
            const list = opened.session.get("list") as number[];
            expect(list).toEqual(expect.arrayContaining([...(promised.writes[at] ?? [])]));
            expect(new Set(list).size).toBe(list.length);
          }
          await scheduler.waitFor(after.close());
          expect(unhandled).toEqual([]);
        },
      ),
      fewerRuns(2),
    );
  });
});
