import { describe, expect, test } from "vitest";
import { TestNode } from "../../test/support/engine-network.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import { TroubledStore } from "../../test/support/troubled-store.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { Delivery } from "./replication.ts";
import type { OpenSession } from "./session-engine.ts";

interface Asked {
  readonly node: TestNode;
  readonly session: OpenSession;
  /** Calls of `delivered`, in order. */
  readonly asked: { readonly acks: number; answer: (delivery: Delivery) => void }[];
}

/** A node whose holders answer when the test says so, and a session with one commit. */
function waiting(acks: number, options: EngineOptions = {}): Asked {
  const node = new TestNode(1, options);
  const asked: Asked["asked"] = [];
  node.link.acks = acks;
  node.link.delivery = (_key, wanted) => new Promise((resolve) => asked.push({ acks: wanted, answer: resolve }));
  const session = node.engine.draft();
  session.identify(node.engine.issueId());
  session.set("a", 1);
  session.commit();
  return { node, session, asked };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  promise.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  await settle();
  return isOver;
}

describe("acks", () => {
  test.each(["before", "after"] as const)("[AK1] with acks a response waits for them, also where persist is %s", async (persist) => {
    const { node, session, asked } = waiting(2, { persist });
    expect(node.engine.persist).toBe("before");
    const answered = session.answerable();
    expect(await isSettled(answered)).toBe(false);
    expect(asked.map((each) => each.acks)).toEqual([2]);
    asked[0]?.answer({ acks: 2, wanted: 2, durable: true });
    expect(await answered).toEqual({ acks: 2, wanted: 2, durable: true });
    expect(node.told("degraded")).toEqual([]);
  });

  test("[AK1] a response waits for the store only where that is wanted, persisted() always does, and both before a failure is told", async () => {
    for (const persist of ["before", "after"] as const) {
      const store = new TroubledStore(true);
      let open: () => void = () => undefined;
      store.gate = new Promise((resolve) => (open = resolve));
      const { session, asked } = waiting(1, { persist, store });
      const [answered, persisted] = [session.answerable(), session.persisted()];
      for (const each of asked) each.answer({ acks: 1, wanted: 1, durable: false });
      expect([await isSettled(answered), await isSettled(persisted)]).toEqual([persist === "after", false]);
      open();
      expect(await persisted).toMatchObject({ acks: 1 });
      expect(await answered).toMatchObject({ acks: 1 });
    }
  });

  test("[AK1] without acks nobody is asked, and the delivery says what the store is worth", async () => {
    for (const isDurable of [false, true]) {
      const { node, session, asked } = waiting(0, { store: new TroubledStore(isDurable), persist: "after" });
      expect(node.engine.persist).toBe("after");
      expect(await session.persisted()).toEqual({ acks: 0, wanted: 0, durable: isDurable });
      expect(asked).toEqual([]);
    }
  });

  test("[AK2] too few acks: served and told of, or an error that says so", async () => {
    for (const degraded of ["serve", "fail"] as const) {
      const { node, session, asked } = waiting(2);
      node.link.degraded = degraded;
      const answered = session.answerable();
      asked[0]?.answer({ acks: 1, wanted: 2, durable: true });
      if (degraded === "serve") expect(await answered).toEqual({ acks: 1, wanted: 2, durable: true });
      else await expect(answered).rejects.toMatchObject({ code: "ACKS_MISSING", status: 503 });
      expect(node.told("degraded")).toEqual([{ type: "degraded", key: session.key, acks: 1, wanted: 2 }]);
      expect(node.engine.stats().degraded).toBe(1);
      // What was written stays, and is sent on.
      expect(await node.read(session.key ?? "")).toEqual({ a: 1 });
    }
  });

  test("[AK2] a handle's change waits as a response does", async () => {
    const { node, session, asked } = waiting(1);
    node.link.degraded = "fail";
    const handle = await node.engine.open(session.key ?? "");
    const changed = handle?.change((draft) => {
      draft["b"] = 2;
    });
    await settle();
    asked[0]?.answer({ acks: 0, wanted: 1, durable: false });
    await expect(changed).rejects.toMatchObject({ code: "ACKS_MISSING" });
    expect(handle?.data()).toEqual({ a: 1, b: 2 });
  });

  test("[AK2] a store that failed is told, whatever the holders say", async () => {
    const store = new TroubledStore(true);
    store.isBroken = true;
    const { session, asked } = waiting(1, { store, persist: "before" });
    const answered = session.answerable();
    asked[0]?.answer({ acks: 1, wanted: 1, durable: false });
    await expect(answered).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});

describe("what no holder has yet", () => {
  test("[R18] is in the figures, and beyond unsavedBytes new sessions are refused while those that exist go on", async () => {
    const node = new TestNode(1, { limits: { unsavedBytes: 1_000 } });
    const key = node.create({ a: 1 });
    node.link.waiting = { sessions: 3, bytes: 999, ageMs: 70 };
    node.create({ a: 2 });
    expect(node.engine.stats().unreplicated).toEqual({ sessions: 3, bytes: 999, ageMs: 70 });
    node.link.waiting = { sessions: 3, bytes: 1_000, ageMs: 80 };
    expect(() => node.create({ a: 3 })).toThrow(expect.objectContaining({ code: "TOO_MANY_SESSIONS" }));
    await node.write(key, { a: 4 });
    expect(await node.read(key)).toEqual({ a: 4 });
    node.link.waiting = { sessions: 0, bytes: 0, ageMs: 0 };
    node.create({ a: 5 });
  });
});
