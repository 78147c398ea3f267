import { describe, expect, test } from "vitest";
import { TestNode } from "../../test/support/engine-network.ts";
import { ManualRuntime, settle, sha256 } from "../../test/support/manual-runtime.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import { Engine } from "./engine.ts";
import { SessionError } from "./errors.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { SessionKey } from "./record.ts";

interface Shared {
  readonly runtime: ManualRuntime;
  readonly engines: readonly [Engine, Engine];
  readonly key: SessionKey;
}

/** Two engines on one store, as two processes that share a folder. */
async function sharing(): Promise<Shared> {
  const runtime = new ManualRuntime();
  const store = new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
  const [one, two] = [new Engine({ store }, runtime, () => store), new Engine({ store }, runtime, () => store)];
  const session = one.draft();
  session.identify(one.issueId());
  session.commit({ evenIfEmpty: true });
  await session.persisted();
  return { runtime, engines: [one, two], key: session.key ?? "" };
}

function deferred(): { readonly promise: Promise<string>; resolve: (value: string) => void; reject: (error: Error) => void } {
  let [resolve, reject]: [(value: string) => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<string>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

describe("claim", () => {
  test("[C1] is true for one caller in the life of the session, wherever the callers are", async () => {
    const { engines, key } = await sharing();
    const callers = Array.from({ length: 20 }, (_, index) => engines[index % 2 === 0 ? 0 : 1]);
    const granted = await Promise.all(callers.map((engine) => engine.claim(key, "ticket 7")));
    expect(granted.filter(Boolean).length).toBe(1);
    expect(await engines[0].claim(key, "ticket 8")).toBe(true);
    expect(await engines[1].claim(key, "ticket 7")).toBe(false);
  });

  test("[C1] nothing is claimed in a session that is over or never was", async () => {
    const { engines, key } = await sharing();
    await engines[0].end(key);
    for (const dead of [key, "AAAAAAAAAAAAAAAAAAAAAA"])
      await expect(engines[0].claim(dead, "t")).rejects.toMatchObject({ code: "SESSION_ENDED" });
  });

  test.each(["", "x".repeat(1_025), undefined, 7])("[C1] a token that names nothing is refused: %j", async (token) => {
    const { engines, key } = await sharing();
    await expect(engines[0].claim(key, token as string)).rejects.toMatchObject({ code: "OPTION_INVALID" });
    await expect(engines[0].once(key, token as string, () => 1)).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });

  test("[C3] with holders it is theirs to grant, by the first birth of the session, and the store is not asked", async () => {
    const node = new TestNode(1);
    const key = node.create({});
    const { firstCreatedAtMs } = (await node.record(key)).envelope;
    node.runtime.advance(1_000);
    const asked: unknown[] = [];
    const granted = new Set<string>();
    node.link.grantor = {
      claim: async (of, name, _nowMs, _untilMs, bornAtMs) => {
        asked.push([of, name, bornAtMs]);
        const isFree = !granted.has(name);
        granted.add(name);
        return isFree;
      },
      release: async (_key, name) => void granted.delete(name),
    };
    expect([await node.engine.claim(key, "t"), await node.engine.claim(key, "t")]).toEqual([true, false]);
    expect(await node.engine.once(key, "refresh", () => 7)).toBe(7);
    expect(await node.engine.once(key, "refresh", () => 8)).toBe(8);
    expect(asked.slice(1, 3)).toEqual([
      [key, "claim t", firstCreatedAtMs],
      [key, "once refresh", firstCreatedAtMs],
    ]);
    expect(await node.store.claim(key, "claim t", 0, 1)).toBe(true);
  });

  test("[C3] where no majority of the holders can be had, nothing is granted", async () => {
    const node = new TestNode(1);
    const key = node.create({});
    const lost = new SessionError("CLAIM_UNAVAILABLE", "on purpose");
    node.link.grantor = { claim: () => Promise.reject(lost), release: async () => undefined };
    let runs = 0;
    await expect(node.engine.claim(key, "t")).rejects.toBe(lost);
    const calls = [1, 2].map(() => node.engine.once(key, "t", () => runs++));
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "CLAIM_UNAVAILABLE" });
    expect(runs).toBe(0);
  });
});

describe("once", () => {
  test("[C2] runs in one place at a time, and who calls meanwhile in this process gets that result, or that error", async () => {
    const { engines, key } = await sharing();
    const work = deferred();
    let runs = 0;
    const call = (): Promise<string> => engines[0].once(key, "refresh", () => (runs++, work.promise));
    const calls = [call(), call(), call()];
    await settle();
    work.resolve("token");
    expect(await Promise.all(calls)).toEqual(["token", "token", "token"]);
    expect(runs).toBe(1);
    const failing = [engines[0], engines[0]].map((engine) => engine.once(key, "refresh", () => Promise.reject(new Error("on purpose"))));
    for (const each of failing) await expect(each).rejects.toThrow("on purpose");
    expect(await engines[0].once(key, "refresh", () => "again")).toBe("again");
  });

  test("[C2] waits for the run of another process, then runs itself", async () => {
    const { engines, key, runtime } = await sharing();
    const work = deferred();
    const order: string[] = [];
    const first = engines[0].once(key, "refresh", async () => (order.push("first in"), await work.promise, order.push("first out")));
    await settle();
    const second = engines[1].once(key, "refresh", () => order.push("second"));
    await settle();
    runtime.advance(200);
    await settle();
    expect(order).toEqual(["first in"]);
    work.resolve("done");
    await first;
    runtime.advance(200);
    await second;
    expect(order).toEqual(["first in", "first out", "second"]);
  });

  test("[C2] gives up after waitMs, and takes over when the lease is over", async () => {
    const { engines, key, runtime } = await sharing();
    const dead = deferred();
    engines[0].once(key, "refresh", () => dead.promise, { leaseMs: 1_000 }).catch(() => undefined);
    await settle();
    const impatient = engines[1].once(key, "refresh", () => "never", { waitMs: 300, leaseMs: 1_000 });
    const told = impatient.catch((error: unknown) => error);
    await settle();
    for (let step = 0; step < 8; step++) {
      runtime.advance(50);
      await settle();
    }
    expect(await told).toMatchObject({ code: "CLAIM_UNAVAILABLE" });
    runtime.advance(1_000);
    expect(await engines[1].once(key, "refresh", () => "taken over")).toBe("taken over");
  });

  test("[C2] a waiter in this process gives up after its waitMs", async () => {
    const { engines, key, runtime } = await sharing();
    const dead = deferred();
    engines[0].once(key, "refresh", () => dead.promise).catch(() => undefined);
    await settle();
    const waiter = engines[0].once(key, "refresh", () => "never", { waitMs: 300 });
    const told = waiter.catch((error: unknown) => error);
    await settle();
    runtime.advance(300);
    expect(await told).toMatchObject({ code: "CLAIM_UNAVAILABLE" });
  });

  test.each([0, -1, Number.NaN, Infinity, 2 ** 31])("refuses a lease of %s ms", async (leaseMs) => {
    const { engines, key } = await sharing();
    await expect(engines[0].once(key, "refresh", () => 1, { leaseMs })).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});
