import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ABSOLUTE_TIMEOUT_MAX_MS } from "../../src/engine/engine-options.ts";
import { SessionError } from "../../src/engine/errors.ts";
import { decodeRecord, encodeRecord } from "../../src/engine/record-codec.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import type { CheckOut, SessionChange } from "../../src/engine/session-engine.ts";
import { exchange, TestNode } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { settle } from "../support/manual-runtime.ts";

const HOUR_MS = 60 * 60 * 1000;
const IDLE_MS = 30 * 60 * 1000;

/** What runs in circles would starve the test, timeout and all: it reads the clock in each round, and is stopped there. */
function stopCircles(node: TestNode): void {
  const nowMs = node.runtime.nowMs.bind(node.runtime);
  let reads = 0;
  node.runtime.nowMs = () => {
    if (++reads > 5_000) throw new Error("it runs in circles");
    return nowMs();
  };
}

async function succeed(node: TestNode, key: SessionKey, next: SessionKey, graceMs: number): Promise<void> {
  // Not through checkOut, which gives the successor of one that has one already.
  const live = await node.engine.registry.use(key, (session) => session);
  if (live === undefined) throw new Error("the session is not held");
  node.engine.host.setSuccessor(live, next, graceMs);
}

async function outcome(node: TestNode, key: SessionKey): Promise<CheckOut["kind"] | "refused"> {
  try {
    return (await node.engine.checkOut(key)).kind;
  } catch (error) {
    // A typed error is an answer, too; running in circles is none.
    if (error instanceof SessionError) return "refused";
    throw error;
  }
}

describe("what is written on both sides of a rotation", () => {
  test("[D10] [E12] a node that wrote to the successor first, and then to the old session, loses neither", async () => {
    const [begun, node] = [new TestNode(1), new TestNode(2)];
    const key = begun.create({ from: "elsewhere" });
    await exchange(begun, node, key);
    const slow = await node.open(key);
    const next = node.engine.draft({ from: await node.open(key) });
    next.identify(node.engine.issueId());
    next.set("quick", 1);
    next.commit();
    await succeed(node, key, next.key ?? "", 60_000);
    slow.set("slow", 2);
    slow.commit();
    await settle();
    expect(await node.read(next.key ?? "")).toEqual({ from: "elsewhere", quick: 1, slow: 2 });
    const record = await node.record(next.key ?? "");
    const old = await node.record(key);
    expect(old.envelope.successor?.key).toBe(record.envelope.key);
    await exchange(node, begun, next.key ?? "");
    expect(await begun.read(next.key ?? "")).toEqual({ from: "elsewhere", quick: 1, slow: 2 });
  });
});

describe("a subject that goes on under a new id", () => {
  test("[E11] a new id saves nobody from a revocation that another node made meanwhile", async () => {
    const [node, other] = [new TestNode(1).settle(), new TestNode(2).settle()];
    const first = node.engine.draft();
    first.identify(node.engine.issueId());
    first.setSubject("ann");
    first.commit({ evenIfEmpty: true });
    for (const each of [node, other]) each.runtime.advance(10);
    await other.engine.revokeAll("ann");
    for (const each of [node, other]) each.runtime.advance(10);
    // Cut off, this node rotates the session: with what it held, and for the same person.
    const next = node.engine.draft({ from: await node.open(first.key ?? "") });
    next.identify(node.engine.issueId());
    next.setSubject("ann");
    next.commit({ evenIfEmpty: true });
    await exchange(node, other, next.key ?? "");
    expect(await other.read(next.key ?? "")).toBe("ended");
  });
});

describe("whom a rotated key leads to", () => {
  test("[E12] successors that lead in a circle are never followed for ever, whatever the graph", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { minLength: 1, maxLength: 8 }), async (edges) => {
        const node = new TestNode(1);
        const keys = Array.from({ length: 5 }, (_, index) => node.create({ index }));
        for (const [from, to] of edges) {
          // What is refused here may all the same come from a peer; the next test has such.
          await succeed(node, keys[from] ?? "", keys[to] ?? "", 60_000).catch((error: unknown) => {
            if (!(error instanceof SessionError)) throw error;
          });
        }
        stopCircles(node);
        for (const key of keys) {
          const told = await outcome(node, key);
          await node.engine.open(key).catch((error: unknown) => {
            if (!(error instanceof SessionError)) throw error;
          });
          const session = node.engine.checkOutHot(key);
          if (session !== undefined) expect(told).toBe("alive");
        }
      }),
      fewerRuns(10),
    );
  });

  test("[E12] a chain of rotations leads to its last session while every grace lasts, and nowhere once the first is over", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 6 }),
        fc.nat(60_000),
        async (graces, waitMs) => {
          const node = new TestNode(1).settle();
          const keys = Array.from({ length: graces.length + 1 }, (_, index) => node.create({ index }));
          for (const [index, graceMs] of graces.entries()) await succeed(node, keys[index] ?? "", keys[index + 1] ?? "", graceMs);
          node.runtime.advance(waitMs);
          const [first = ""] = keys;
          const over = graces.findIndex((graceMs) => waitMs >= graceMs);
          if (over === -1) expect(await node.read(first)).toEqual({ index: graces.length });
          else expect(await node.engine.checkOut(first)).toMatchObject({ kind: "ended", reason: "rotated" });
        },
      ),
      fewerRuns(10),
    );
  });

  test("[E12] a successor that is ended, absent or idle is answered as such, and the old key never reads what it held", async () => {
    const node = new TestNode(1);
    const ofEnded = node.create({ a: 1 });
    const ofAbsent = node.create({ a: 1 });
    const ofIdle = node.create({ a: 1 });
    const [ended, idle] = [node.create({ b: 1 }), node.create({ b: 1 })];
    await succeed(node, ofEnded, ended, HOUR_MS);
    await succeed(node, ofAbsent, "AAAAAAAAAAAAAAAAAAAAAA", HOUR_MS);
    await succeed(node, ofIdle, idle, HOUR_MS);
    await node.engine.end(ended);
    expect(await node.engine.checkOut(ofEnded)).toMatchObject({ kind: "ended", reason: "destroyed" });
    expect(await node.engine.checkOut(ofAbsent)).toEqual({ kind: "absent" });
    expect(await node.engine.open(ofAbsent)).toBeUndefined();
    node.runtime.advance(IDLE_MS);
    expect(await node.engine.checkOut(ofIdle)).toMatchObject({ kind: "ended", reason: "expired" });
  });

  test("[E12] nobody uses the old key during the grace, so being idle does not end the grace", async () => {
    const node = new TestNode(1, { idleTimeoutMs: 30_000 });
    const [old, next] = [node.create({ a: 1 }), node.create({ a: 2 })];
    await succeed(node, old, next, 60_000);
    node.runtime.advance(20_000);
    (await node.open(next)).touch();
    node.runtime.advance(15_000);
    (await node.open(next)).touch();
    expect(await node.read(old)).toEqual({ a: 2 });
  });

  test.each([Number.NaN, Infinity, -1, -Infinity, 0.5, 2 ** 60])(
    "[E12] [V5] a grace of %s ms is refused, or leaves a session that can be stored and is over some day",
    async (graceMs) => {
      const node = new TestNode(1);
      const [old, next] = [node.create({ a: 1 }), node.create({ a: 2 })];
      try {
        await succeed(node, old, next, graceMs);
      } catch (error) {
        expect(error).toMatchObject({ code: "OPTION_INVALID" });
        expect((await node.record(old)).envelope.successor).toBeUndefined();
        return;
      }
      const { envelope, document } = await node.record(old);
      // Before it is encoded: writing an infinite number would never come to an end.
      expect(Number.isSafeInteger(envelope.successor?.atMs)).toBe(true);
      expect(decodeRecord(encodeRecord({ envelope, document })).envelope).toEqual(envelope);
    },
  );

  test("[E12] of two successors the earlier counts, also where both are set here", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const [old, first, second] = [node.create({}), node.create({ at: "first" }), node.create({ at: "second" })];
    await succeed(node, old, first, 10_000);
    await exchange(node, other, old);
    await expect(succeed(node, old, second, 60_000)).rejects.toMatchObject({ code: "SESSION_ROTATED" });
    const here = (await node.record(old)).envelope.successor;
    await exchange(node, other, old);
    // What a node says of its own does not change by meeting an older copy of it.
    expect((await node.record(old)).envelope.successor).toEqual(here);
  });

  test("[E2] what ended has no successor", async () => {
    const node = new TestNode(1);
    const [old, next] = [node.create({ a: 1 }), node.create({ a: 2 })];
    const session = await node.open(old);
    await node.engine.end(old);
    try {
      session.setSuccessor(next, 60_000);
    } catch {
      // Refusing is as good.
    }
    expect((await node.record(old)).envelope.successor).toBeUndefined();
    expect(node.told("id-changed")).toEqual([]);
  });

  test("[E12] a request that began before the rotation does not write into the session that it leaves behind", async () => {
    const node = new TestNode(1);
    const old = node.create({ a: 1 });
    const [slow, login] = [await node.open(old), await node.open(old)];
    slow.set("late", true);
    const successor = node.engine.draft({ from: login });
    successor.identify(node.engine.issueId());
    successor.set("b", 1);
    successor.commit();
    await succeed(node, old, successor.key ?? "", 60_000);
    let result: string;
    try {
      result = slow.commit();
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      result = error.code;
    }
    // Told as written, it is in the session that goes on; otherwise the caller is told that it is not.
    if (result === "committed") expect(await node.read(old)).toEqual({ a: 1, b: 1, late: true });
    else expect(["discarded", "SESSION_ROTATED", "SESSION_ENDED"]).toContain(result);
  });

  test("[H1] a handle reads what it wrote, also when its key was rotated meanwhile", async () => {
    const node = new TestNode(1);
    const [old, next] = [node.create({ a: 1 }), node.create({ a: 1 })];
    const handle = await node.engine.open(old);
    await succeed(node, old, next, 60_000);
    await handle?.change((draft) => void (draft["b"] = 2));
    expect(handle?.data()).toEqual({ a: 1, b: 2 });
  });

  test("[H3] [E12] observers of a rotated session go on with what goes on in its place", async () => {
    const node = new TestNode(1);
    const [old, next] = [node.create({ a: 1 }), node.create({ a: 1 })];
    const heard: SessionChange[] = [];
    (await node.engine.open(old))?.observe((change) => heard.push(change));
    await succeed(node, old, next, 60_000);
    node.runtime.advance(30_000);
    await node.write(next, { b: 1 });
    node.runtime.advance(60_000);
    await settle();
    expect(heard).toEqual([{ type: "changed", origin: "local", names: ["b"] }]);
    await node.engine.end(next);
    expect(heard.slice(1)).toEqual([{ type: "ended", reason: "destroyed" }]);
  });

  test("[E14] a session and the key that it left behind are one session", async () => {
    const node = new TestNode(1);
    const [old, next] = [node.create({ a: 1 }), node.create({ a: 1 })];
    await succeed(node, old, next, 60_000);
    const keys: SessionKey[] = [];
    for await (const { key } of node.engine.sessions()) keys.push(key);
    expect(keys).toEqual([next]);
    expect(await node.engine.count()).toBe(1);
  });
});

describe("the births that a draft may be given", () => {
  const hostile = fc.oneof(
    fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, -1, 0.5, 1, 2 ** 53, 2 ** 60, Number.MAX_VALUE, Number.MIN_VALUE),
    fc.double(),
    fc.integer(),
    fc.integer({ min: 1_699_000_000_000, max: 1_701_000_000_000 }),
  );

  test("[E13] [V5] are always either refused, or make a session that can be stored and is over within 30 days of its first birth", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.option(hostile, { nil: undefined }),
        fc.option(hostile, { nil: undefined }),
        async (absoluteTimeoutMs, firstCreatedAtMs) => {
          const node = new TestNode(1);
          const nowMs = node.runtime.nowMs();
          let key: SessionKey;
          try {
            const draft = node.engine.draft({
              ...(absoluteTimeoutMs === undefined ? {} : { absoluteTimeoutMs }),
              ...(firstCreatedAtMs === undefined ? {} : { firstCreatedAtMs }),
            });
            draft.identify(node.engine.issueId());
            draft.commit({ evenIfEmpty: true });
            key = draft.key ?? "";
          } catch (error) {
            expect(error).toMatchObject({ code: "OPTION_INVALID" });
            return;
          }
          const record = await node.record(key);
          const { envelope } = record;
          for (const value of [envelope.createdAtMs, envelope.firstCreatedAtMs, envelope.deadlineMs]) {
            expect(Number.isSafeInteger(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(0);
          }
          expect(envelope.firstCreatedAtMs).toBeLessThanOrEqual(envelope.createdAtMs);
          expect(envelope.createdAtMs).toBeLessThanOrEqual(nowMs);
          expect(envelope.deadlineMs).toBeGreaterThanOrEqual(envelope.createdAtMs);
          expect(envelope.deadlineMs).toBeLessThanOrEqual(envelope.firstCreatedAtMs + ABSOLUTE_TIMEOUT_MAX_MS);
          expect(decodeRecord(encodeRecord(record)).envelope).toEqual(envelope);
        },
      ),
    );
  });

  test.each([Infinity, 0.5, 2 ** 60])(
    "[V5] an idle timeout of %s ms is refused, or leaves a session that can be stored",
    async (idleTimeoutMs) => {
      const node = new TestNode(1);
      const key = node.create({ a: 1 });
      const session = await node.open(key);
      try {
        session.setIdleTimeout(idleTimeoutMs);
        session.commit();
      } catch (error) {
        expect(error).toMatchObject({ code: "OPTION_INVALID" });
        return;
      }
      const { envelope, document } = await node.record(key);
      expect(Number.isSafeInteger(envelope.idleTimeoutMs)).toBe(true);
      expect(decodeRecord(encodeRecord({ envelope, document })).envelope).toEqual(envelope);
    },
  );

  test("[E10] [E13] a session that may live longer than others is found by its id as long as it lives", async () => {
    const node = new TestNode(1);
    const dayMs = 24 * HOUR_MS;
    const id = node.engine.issueId({ absoluteTimeoutMs: 20 * dayMs });
    const draft = node.engine.draft({ absoluteTimeoutMs: 20 * dayMs });
    draft.setIdleTimeout(20 * dayMs);
    draft.identify(id);
    draft.set("a", 1);
    draft.commit();
    node.runtime.advance(10 * dayMs);
    const byKey = await node.engine.open(node.engine.keyOf(id));
    const byId = await node.engine.openById(id);
    expect(byId?.data()).toEqual(byKey?.data());
  });
});
