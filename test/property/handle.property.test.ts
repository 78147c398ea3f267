import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import { SessionError } from "../../src/engine/errors.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import type { SessionData, SessionHandle } from "../../src/engine/session-engine.ts";
import type { SessionStore } from "../../src/engine/session-store.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { exchange, TestNode } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { ManualRuntime, settle, sha256 } from "../support/manual-runtime.ts";

const IDLE_MS = 30 * 60 * 1000;

async function opened(node: { readonly engine: Engine }, key: SessionKey): Promise<SessionHandle> {
  const handle = await node.engine.open(key);
  if (handle === undefined) throw new Error("the session is not there");
  return handle;
}

function gate(): { readonly opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  return { opened: new Promise((resolve) => (open = resolve)), open: () => open() };
}

async function outcome(promise: Promise<unknown>): Promise<string> {
  let result = "pending";
  promise.then(
    () => (result = "done"),
    (error: unknown) => (result = error instanceof SessionError ? error.code : String(error)),
  );
  await settle();
  return result;
}

/** A store that lasts, as far as the engine can tell. */
function durableStore(): SessionStore {
  const store: SessionStore = new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
  return Object.defineProperty(store, "durable", { value: true });
}

describe("change", () => {
  test("[H1] of any number at a time on two nodes each is seen whole or not at all, those that threw not at all, and the rest merges", async () => {
    const one = fc.record({ at: fc.nat(1), name: fc.nat(2), fails: fc.boolean(), isSlow: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 10 }), async (changes) => {
        const nodes = [new TestNode(1), new TestNode(2)] as const;
        const key = nodes[0].create({ list: [] });
        await exchange(...nodes, key);
        const handles = [await opened(nodes[0], key), await opened(nodes[1], key)] as const;
        const door = gate();
        const running = changes.map(async ({ at, name, fails, isSlow }, id) =>
          handles[at === 0 ? 0 : 1]
            .change(async (draft) => {
              if (isSlow) await door.opened;
              (draft["list"] as number[]).push(id);
              draft[`left ${name}`] = id;
              draft[`right ${name}`] = id;
              if (fails) throw new Error("on purpose");
            })
            .then(
              () => true,
              () => false,
            ),
        );
        await settle();
        door.open();
        const done = await Promise.all(running);
        await exchange(...nodes, key);
        expect(handles[0].data()).toEqual(handles[1].data());
        const data: SessionData = handles[0].data();
        expect(done).toEqual(changes.map(({ fails }) => !fails));
        expect([...(data["list"] as number[])].sort((left, right) => left - right)).toEqual(
          changes.flatMap(({ fails }, id) => (fails ? [] : [id])),
        );
        for (let name = 0; name < 3; name++) expect(data[`left ${name}`]).toBe(data[`right ${name}`]);
      }),
      fewerRuns(10),
    );
  });

  test("[H1] one that never ends holds nobody up: others change, read, end and close", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    const stuck = handle.change(() => new Promise(() => undefined));
    stuck.catch(() => undefined);
    await handle.change((draft) => void (draft["a"] = 2));
    expect(handle.data()).toEqual({ a: 2 });
    expect(await node.read(key)).toEqual({ a: 2 });
    await handle.end();
    await node.engine.close();
    expect(await outcome(stuck)).toBe("pending");
  });

  test.each(["end", "revoke", "deadline", "close"] as const)(
    "[H1] what it wrote goes nowhere after %s meanwhile, and it says so",
    async (what) => {
      const node = new TestNode(1);
      const key = node.create({ a: 1 });
      const session = await node.open(key);
      session.setSubject("ann");
      session.commit();
      const handle = await opened(node, key);
      const door = gate();
      const changing = handle.change(async (draft) => {
        draft["a"] = 2;
        await door.opened;
        draft["b"] = 3;
      });
      await settle();
      if (what === "end") await node.engine.end(key);
      else if (what === "revoke") await node.engine.revokeAll("ann");
      else if (what === "deadline") node.runtime.stepTo(node.runtime.nowMs() + 13 * 60 * 60 * 1000);
      else await node.engine.close();
      door.open();
      expect(await outcome(changing)).toBe(what === "close" ? "ENGINE_CLOSED" : "SESSION_ENDED");
      expect(handle.data()).not.toHaveProperty("b");
    },
  );

  test("[H1] a slow one is use of the session: it may take longer than the idle timeout", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    const door = gate();
    const changing = handle.change(async (draft) => {
      await door.opened;
      draft["a"] = 2;
    });
    await settle();
    node.runtime.advance(IDLE_MS + 10);
    door.open();
    expect(await outcome(changing)).toBe("done");
    expect(await node.read(key)).toEqual({ a: 2 });
  });

  test("[H1] with `persist: before` a store that fails is told, and what was written is neither lost nor written twice", async () => {
    const store = durableStore();
    const engine = new Engine({ store, persist: "before" }, new ManualRuntime(), () => store);
    const draft = engine.draft();
    draft.identify(engine.issueId());
    draft.set("list", []);
    draft.commit();
    await draft.persisted();
    const handle = await opened({ engine }, draft.key ?? "");
    const append = store.append.bind(store);
    store.append = () => Promise.reject(new Error("the disk is on fire"));
    expect(await outcome(handle.change((data) => void (data["list"] as number[]).push(1)))).toBe("STORE_UNAVAILABLE");
    store.append = append;
    await handle.change((data) => void (data["list"] as number[]).push(2));
    const resting = await store.load(draft.key ?? "");
    const reader = new Engine({ store }, new ManualRuntime(2), () => store);
    expect(resting).toBeDefined();
    expect((await opened({ engine: reader }, draft.key ?? "")).data()).toEqual({ list: [1, 2] });
  });

  test("[H1] its draft behaves as an object, and no name in it pollutes another", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1, gone: 1 });
    const handle = await opened(node, key);
    await handle.change((draft) => {
      expect("a" in draft).toBe(true);
      expect("toString" in draft).toBe(false);
      expect(Object.keys(draft)).toEqual(["a", "gone"]);
      expect(JSON.stringify(draft)).toBe('{"a":1,"gone":1}');
      expect(Object.entries(draft)).toEqual([
        ["a", 1],
        ["gone", 1],
      ]);
      expect(draft).toEqual({ a: 1, gone: 1 });
      Object.assign(draft, { b: 2 });
      const { gone, ...rest } = draft;
      expect([gone, rest]).toEqual([1, { a: 1, b: 2 }]);
      draft["gone"] = undefined;
      expect("gone" in draft).toBe(false);
      draft["again"] = 1;
      delete draft["again"];
      delete draft["never"];
      expect(() => Object.freeze(draft)).toThrow(TypeError);
      for (const name of ["__proto__", "constructor", "prototype", "\ud800", "x".repeat(129)])
        expect(() => (draft[name] = { polluted: true })).toThrow(expect.objectContaining({ code: "ATTRIBUTE_NAME_REFUSED" }));
      expect(Object.keys(draft)).toEqual(["a", "b"]);
    });
    expect(handle.data()).toEqual({ a: 1, b: 2 });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test("[H1] what its draft is told after it has settled is written by nobody", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    let kept: SessionData = {};
    await handle.change((draft) => void (kept = draft));
    kept["late"] = 1;
    await handle.change((draft) => void (draft["b"] = 1));
    expect(handle.data()).toEqual({ a: 1, b: 1 });
  });

  test("[H1] nothing to write on a session that ended meanwhile is told as ended, too", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    const door = gate();
    const changing = handle.change(() => door.opened);
    await settle();
    await node.engine.end(key);
    door.open();
    expect(await outcome(changing)).toBe("SESSION_ENDED");
  });
});

describe("lists", () => {
  async function listed(engine: Engine, between: () => void | Promise<void> = () => undefined): Promise<SessionKey[]> {
    const keys: SessionKey[] = [];
    for await (const { key } of engine.sessions()) {
      keys.push(key);
      await between();
    }
    return keys;
  }

  test("[E14] whatever begins, ends or goes cold while it is listed: each at most once, all that live all the time, none that ended before", async () => {
    const op = fc.record({ kind: fc.constantFrom("create", "end", "crowd", "write", "idle"), choice: fc.nat(30) });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.array(op, { maxLength: 15 }), async (count, ops) => {
        const node = new TestNode(1, { limits: { hotCount: 3 } });
        const keys = Array.from({ length: count }, (_, index) => node.create({ index }));
        await settle();
        const all = new Set(keys);
        const ended = new Set<SessionKey>();
        const begun = new Set<SessionKey>();
        const endedBefore = new Set<SessionKey>();
        const [first] = keys;
        if (first !== undefined && count > 3) {
          await node.engine.end(first);
          ended.add(first);
          endedBefore.add(first);
        }
        const left = [...ops];
        const found = await listed(node.engine, async () => {
          const next = left.shift();
          if (next === undefined) return;
          const chosen = [...all][next.choice % all.size] ?? "";
          if (next.kind === "create" || next.kind === "crowd") {
            for (let made = 0; made < (next.kind === "crowd" ? 3 : 1); made++) {
              const key = node.create({ made });
              all.add(key);
              begun.add(key);
            }
          } else if (next.kind === "end") {
            await node.engine.end(chosen);
            ended.add(chosen);
          } else if (!ended.has(chosen)) await node.write(chosen, { written: next.choice });
          await settle();
        });
        expect(new Set(found).size).toBe(found.length);
        for (const key of found) expect(endedBefore.has(key)).toBe(false);
        for (const key of keys) if (!ended.has(key)) expect(found).toContain(key);
        const after = (await listed(node.engine)).sort();
        expect(after).toEqual([...all].filter((key) => !ended.has(key)).sort());
        expect(await node.engine.count()).toBe(after.length);
        expect(await node.engine.clear()).toBe(after.length);
        expect(await node.engine.count()).toBe(0);
        for (const key of all) expect(await node.read(key)).toBe("ended");
      }),
      fewerRuns(7),
    );
  });

  test("[E14] a store that fails in the middle is told to who lists, and the next list is whole", async () => {
    const store = new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
    const node = new TestNode(1, { store, limits: { hotCount: 1 } });
    const keys = Array.from({ length: 4 }, (_, index) => node.create({ index }));
    await settle();
    const original = store.keys.bind(store);
    store.keys = async function* failing(subject) {
      yield* original(subject);
      throw new SessionError("STORE_UNAVAILABLE", "on purpose");
    };
    await expect(listed(node.engine)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    store.keys = original;
    expect((await listed(node.engine)).sort()).toEqual([...keys].sort());
  });

  test("[E14] listing is no use of the sessions", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    node.runtime.advance(IDLE_MS - 1);
    expect(await listed(node.engine)).toEqual([key]);
    node.runtime.advance(1);
    expect(await listed(node.engine)).toEqual([]);
  });
});

describe("stats", () => {
  test("[N4] what is held is what was begun and neither ended nor forgotten, and counters are what was told", async () => {
    const op = fc.record({ kind: fc.constantFrom("create", "create", "end", "write", "idle", "discard"), choice: fc.nat(30) });
    await fc.assert(
      fc.asyncProperty(fc.array(op, { minLength: 1, maxLength: 15 }), async (ops) => {
        const node = new TestNode(1, { limits: { hotCount: 3 } });
        const alive: SessionKey[] = [];
        let [created, destroyed, discarded] = [0, 0, 0];
        for (const { kind, choice } of ops) {
          const chosen = alive[choice % Math.max(1, alive.length)];
          if (kind === "create") {
            alive.push(node.create({ a: 1 }));
            created++;
          } else if (chosen === undefined) continue;
          else if (kind === "write") await node.write(chosen, { a: choice });
          else if (kind === "end") {
            await node.engine.end(chosen);
            alive.splice(alive.indexOf(chosen), 1);
            destroyed++;
          } else if (kind === "discard") {
            const session = await node.open(chosen);
            session.set("a", -1);
            await node.engine.end(chosen);
            expect(session.commit()).toBe("discarded");
            alive.splice(alive.indexOf(chosen), 1);
            destroyed++;
            discarded++;
          }
          await settle();
        }
        const stats = node.engine.stats();
        expect(stats).toMatchObject({ created, discardedCommits: discarded });
        expect(stats.ended).toEqual({ destroyed, rotated: 0, expired: 0, revoked: 0 });
        expect(stats.sessions.hot + stats.sessions.cold).toBe(alive.length);
        expect(stats.sessions.ended).toBe(destroyed);
      }),
      fewerRuns(10),
    );
  });

  test("[N4] a session that nobody used is told and counted as idle when it is evicted", () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    node.runtime.advance(2 * IDLE_MS);
    expect(node.told("idle")).toMatchObject([{ key }]);
    expect(node.engine.stats().idle).toBe(1);
  });

  test("[N4] going to rest and coming back are told and counted", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    node.create({ b: 1 });
    node.create({ c: 1 });
    await settle();
    await node.read(key);
    expect(node.told("passivated").length).toBeGreaterThan(0);
    expect(node.told("activated")).toContainEqual({ type: "activated", key });
    expect(node.engine.stats().hotBytes).toBeGreaterThan(0);
  });
});
