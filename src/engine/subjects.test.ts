import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { exchange, TestNode } from "../../test/support/engine-network.ts";
import { ManualRuntime, sha256 } from "../../test/support/manual-runtime.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import { Engine } from "./engine.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { SessionKey } from "./record.ts";
import { Subjects } from "./subjects.ts";

function login(node: { engine: Engine }, subject: string | undefined): SessionKey {
  const session = node.engine.draft();
  session.identify(node.engine.issueId());
  session.setSubject(subject);
  session.commit({ evenIfEmpty: true });
  return session.key ?? "";
}

async function keysOf(engine: Engine, subject?: string): Promise<SessionKey[]> {
  const keys: SessionKey[] = [];
  for await (const { key } of engine.sessions(subject === undefined ? {} : { subject })) keys.push(key);
  return keys.sort();
}

describe("subjects", () => {
  test.each(["", "a key", "x".repeat(100)])("[E11] are known by an HMAC-SHA-256 under the secret %j", (secret) => {
    const expected = createHmac("sha256", secret).update("ann").digest().subarray(0, 16).toString("base64url");
    expect(new Subjects(secret, sha256).keyOf("ann")).toBe(expected);
  });

  test("[E11] revoking ends all sessions of the subject but the excepted one, and nobody else's; a login afterwards works at once", async () => {
    const node = new TestNode(1);
    const [one, two, mine, other, nobody] = [
      login(node, "ann"),
      login(node, "ann"),
      login(node, "ann"),
      login(node, "bob"),
      login(node, undefined),
    ];
    await node.engine.revokeAll("ann", { except: mine });
    expect(await keysOf(node.engine, "ann")).toEqual([mine]);
    expect(await node.read(one)).toBe("ended");
    expect(await node.read(two)).toBe("ended");
    for (const key of [mine, other, nobody]) expect(await node.read(key)).toEqual({});
    const again = login(node, "ann");
    expect(await keysOf(node.engine, "ann")).toEqual([mine, again].sort());
    await node.engine.revokeAll("ann");
    expect(await keysOf(node.engine, "ann")).toEqual([]);
  });

  test("[E11] a revocation kills a session of its subject that comes in later, and lets in what was given to it afterwards", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const old = login(other, "ann");
    node.runtime.advance(10);
    await node.engine.revokeAll("ann");
    await exchange(node, other, old);
    expect(await node.read(old)).toBe("ended");
    other.runtime.advance(20);
    const fresh = login(other, "ann");
    await exchange(node, other, fresh);
    expect(await node.read(fresh)).toEqual({});
  });

  test("[E11] a revocation outlives the process where the store does, and nobody is let in before it is read", async () => {
    const runtime = new ManualRuntime();
    const store = new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
    const first = new Engine({ store }, runtime, () => store);
    const key = login({ engine: first }, "ann");
    const record = await first.registry.use(key, (live) => live?.record());
    await first.revokeAll("ann");
    if (record === undefined) throw new Error("the session is not held");
    // As a copy from an old disk would: alive, and without the end that the revocation wrote.
    const late = new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
    await late.append(key, record, 2 ** 45);
    for (const [subject, notBeforeMs] of await store.revocations()) await late.revoke(subject, notBeforeMs, 2 ** 45);
    const second = new Engine({ store: late }, runtime, () => late);
    expect(await second.checkOut(key)).toMatchObject({ kind: "ended", reason: "revoked" });
    expect(await second.open(key)).toBeUndefined();
  });

  test("[E11] while the store does not say who was revoked, nobody is let in", async () => {
    const store = new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
    let isBroken = true;
    store.revocations = async () => (isBroken ? Promise.reject(new Error("the disk is on fire")) : new Map());
    const engine = new Engine({ store }, new ManualRuntime(), () => store);
    await expect(engine.ready).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    await expect(engine.checkOut("AAAAAAAAAAAAAAAAAAAAAA")).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    isBroken = false;
    expect(await engine.checkOut("AAAAAAAAAAAAAAAAAAAAAA")).toEqual({ kind: "absent" });
  });

  test("[E11] a session changes hands: only the revocation of whom it belongs to now ends it", async () => {
    const node = new TestNode(1);
    const key = login(node, "ann");
    const session = await node.open(key);
    session.setSubject("bob");
    expect(session.commit()).toBe("committed");
    await node.engine.revokeAll("ann");
    expect(await node.read(key)).toEqual({});
    await node.engine.revokeAll("bob");
    expect(await node.read(key)).toBe("ended");
  });
});

describe("a rotation with a grace", () => {
  test("[E12] during it requests for the old key get the successor; after it the old one is over for good", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const old = node.create({ a: 1 });
    const next = node.create({ a: 1 });
    (await node.open(old)).setSuccessor(next, 60_000);
    await exchange(node, other, old);
    await exchange(node, other, next);
    for (const { engine } of [node, other]) {
      expect(engine.checkOutHot(old)).toBeUndefined();
      const result = await engine.checkOut(old);
      if (result.kind !== "alive") throw new Error(`it is ${result.kind}`);
      expect([result.follows, result.session.key]).toEqual([true, next]);
    }
    expect(node.told("id-changed")).toEqual([{ type: "id-changed", key: old, nextKey: next }]);
    node.runtime.advance(60_000);
    other.runtime.advance(60_000);
    for (const { engine } of [node, other]) expect(await engine.checkOut(old)).toMatchObject({ kind: "ended", reason: "rotated" });
    expect(await node.read(next)).toEqual({ a: 1 });
  });

  test("[E13] however often a session goes on under another key, it ends at most 30 days after its first birth", () => {
    const node = new TestNode(1);
    const dayMs = 24 * 60 * 60 * 1000;
    const firstCreatedAtMs = node.runtime.nowMs();
    node.runtime.advance(20 * dayMs);
    const draft = node.engine.draft({ absoluteTimeoutMs: 30 * dayMs, firstCreatedAtMs });
    draft.identify(node.engine.issueId());
    draft.commit({ evenIfEmpty: true });
    expect(draft.envelope).toMatchObject({ firstCreatedAtMs, deadlineMs: firstCreatedAtMs + 30 * dayMs });
  });
});

describe("lists", () => {
  test("[E14] all sessions that are alive are listed once, hot or cold, and clear() ends them", async () => {
    const node = new TestNode(1, { limits: { hotCount: 2 } });
    const keys = Array.from({ length: 6 }, (_, index) => node.create({ index }));
    await new Promise<void>((resolve) => setImmediate(resolve));
    await node.engine.end(keys[0] ?? "");
    expect(await keysOf(node.engine)).toEqual(keys.slice(1).sort());
    expect(await node.engine.count()).toBe(5);
    expect(await node.engine.clear()).toBe(5);
    expect(await node.engine.count()).toBe(0);
    for (const key of keys) expect(await node.read(key)).toBe("ended");
  });
});
