import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { SessionError } from "../../src/engine/errors.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import type { OpenSession, SessionChange } from "../../src/engine/session-engine.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { deliver, exchange, TestNode } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { ManualRuntime, settle, sha256 } from "../support/manual-runtime.ts";

const IDLE_MS = 30 * 60 * 1000;

function login(engine: Engine, subject: string | undefined): SessionKey {
  const session = engine.draft();
  session.identify(engine.issueId());
  session.setSubject(subject);
  session.set("a", 1);
  session.commit();
  return session.key ?? "";
}

async function recordOf(engine: Engine, key: SessionKey): Promise<SessionRecord> {
  const record = await engine.registry.use(key, (live) => live?.record());
  if (record === undefined) throw new Error("the session is not held");
  return record;
}

async function isAlive(engine: Engine, key: SessionKey): Promise<boolean> {
  return (await engine.checkOut(key)).kind === "alive";
}

function memoryStore(): MemoryStore {
  return new MemoryStore({ sha256, limits: DEFAULT_LIMITS });
}

function alone(store = memoryStore(), runtime = new ManualRuntime(), options: EngineOptions = {}): Engine {
  return new Engine({ ...options, store }, runtime, () => store);
}

/** An engine that knows what `store` says of revocations, and whose sessions are copies from before: none of them has an end. */
async function withOldCopies(store: MemoryStore, runtime: ManualRuntime, copies: Iterable<SessionRecord>): Promise<Engine> {
  const late = memoryStore();
  for (const record of copies) await late.append(record.envelope.key, record, Number.MAX_SAFE_INTEGER);
  for (const [subject, notBeforeMs] of await store.revocations()) await late.revoke(subject, notBeforeMs, 2 ** 45);
  return alone(late, runtime);
}

type Step =
  | { readonly kind: "login" | "logout" | "change-hands"; readonly subject: number; readonly choice: number }
  | { readonly kind: "revoke"; readonly subject: number; readonly choice: number; readonly except: boolean }
  | { readonly kind: "wait"; readonly ms: number };

const subjects = ["ann", "bob"];
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("login" as const), subject: fc.nat(1), choice: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("logout" as const, "change-hands" as const), subject: fc.nat(1), choice: fc.nat(9) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("revoke" as const), subject: fc.nat(1), choice: fc.nat(9), except: fc.boolean() }),
  },
  // 0 and negative: a clock that stands still, or was set back.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: -5, max: 5 }) }) },
);

describe("revocation in one process", () => {
  test("[E11] who was given to a subject before it was revoked is always over, wherever an old copy turns up; nobody else is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const runtime = new ManualRuntime();
        const store = memoryStore();
        const engine = alone(store, runtime);
        /** The model: whom each living session belongs to. */
        const owners = new Map<SessionKey, string | undefined>();
        const copies = new Map<SessionKey, SessionRecord>();
        const ended = new Set<SessionKey>();
        const chosen = (choice: number): SessionKey | undefined => [...owners.keys()][choice % Math.max(1, owners.size)];
        for (const each of steps) {
          if (each.kind === "wait") {
            runtime.stepTo(runtime.nowMs() + each.ms);
            continue;
          }
          const subject = subjects[each.subject] ?? "";
          const key = chosen(each.choice);
          if (each.kind === "login") owners.set(login(engine, subject), subject);
          else if (each.kind === "revoke") {
            await engine.revokeAll(subject, each.except && key !== undefined ? { except: key } : {});
            for (const [own, owner] of owners) {
              if (owner !== subject || (each.except && own === key)) continue;
              owners.delete(own);
              ended.add(own);
            }
          } else if (key !== undefined) {
            const opened = await engine.checkOut(key);
            if (opened.kind !== "alive") throw new Error(`a session that nobody revoked is ${opened.kind}`);
            const next = each.kind === "logout" ? undefined : subject;
            opened.session.setSubject(next);
            opened.session.commit();
            owners.set(key, next);
          }
          for (const own of owners.keys()) copies.set(own, await recordOf(engine, own));
          for (const own of owners.keys()) expect(await isAlive(engine, own)).toBe(true);
          for (const own of ended) expect(await isAlive(engine, own)).toBe(false);
        }
        const late = await withOldCopies(store, runtime, copies.values());
        for (const own of ended) expect(await isAlive(late, own)).toBe(false);
        for (const own of owners.keys()) expect(await isAlive(late, own)).toBe(true);
      }),
      fewerRuns(3),
    );
  });

  test("[E11] a session that is idle here may be in use elsewhere: it is ended as well", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = login(node.engine, "ann");
    await exchange(node, other, key);
    for (const { runtime } of [node, other]) runtime.advance(IDLE_MS - 10);
    (await other.open(key)).touch();
    for (const { runtime } of [node, other]) runtime.advance(20);
    // The touch is on its way.
    await node.engine.revokeAll("ann");
    for (const message of node.link.outbox.splice(0)) if (message.kind === "end") await deliver(message, node, other);
    expect(await other.read(key)).toBe("ended");
  });

  test("[E11] [H3] an idle session of a revoked subject is told as revoked, also when nobody asks for it again", async () => {
    const runtime = new ManualRuntime();
    const engine = alone(memoryStore(), runtime);
    const key = login(engine, "ann");
    const heard: SessionChange[] = [];
    (await engine.open(key))?.observe((change) => heard.push(change));
    runtime.advance(IDLE_MS);
    await engine.revokeAll("ann");
    runtime.advance(IDLE_MS);
    expect(heard).toEqual([{ type: "ended", reason: "revoked" }]);
  });

  test("[E11] by the key that it left behind the caller's session is excepted, too", async () => {
    const engine = alone();
    const [old, next] = [login(engine, "ann"), login(engine, "ann")];
    const opened = await engine.checkOut(old);
    if (opened.kind !== "alive") throw new Error(opened.kind);
    opened.session.setSuccessor(next, 60_000);
    await engine.revokeAll("ann", { except: old });
    expect(await isAlive(engine, next)).toBe(true);
  });
});

describe("requests beside a revocation", () => {
  test("[E11] a session that was not yet begun is given to its subject after the revocation", async () => {
    const engine = alone();
    const draft = engine.draft();
    draft.identify(engine.issueId());
    draft.setSubject("ann");
    draft.set("a", 1);
    await engine.revokeAll("ann");
    expect(draft.commit()).toBe("committed");
    expect(await isAlive(engine, draft.key ?? "")).toBe(true);
  });

  test("[E11] a request whose session is revoked meanwhile writes nothing, also not whom it belongs to", async () => {
    const engine = alone();
    const key = login(engine, "ann");
    const opened = await engine.checkOut(key);
    if (opened.kind !== "alive") throw new Error(opened.kind);
    opened.session.set("late", true);
    opened.session.setSubject("bob");
    const revoking = engine.revokeAll("ann");
    await revoking;
    expect(opened.session.commit()).toBe("discarded");
    expect(await isAlive(engine, key)).toBe(false);
  });

  test("[E11] a request that said whom the session belongs to does not say so again with its later commits", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const slow = await node.open(key);
    slow.setSubject("ann");
    slow.commit();
    const logout = await node.open(key);
    logout.setSubject(undefined);
    logout.commit();
    expect(slow.isModified()).toBe(false);
    slow.set("late", true);
    slow.commit();
    expect((await node.record(key)).envelope.subject).toBeUndefined();
  });

  test("[E11] a draft that became a session does not say again whom it belongs to", async () => {
    const node = new TestNode(1);
    const draft = node.engine.draft();
    draft.identify(node.engine.issueId());
    draft.setSubject("ann");
    draft.commit({ evenIfEmpty: true });
    const logout = await node.open(draft.key ?? "");
    logout.setSubject(undefined);
    logout.commit();
    draft.set("late", true);
    draft.commit();
    expect((await node.record(draft.key ?? "")).envelope.subject).toBeUndefined();
  });

  test("[E7] a request that set the idle timeout does not set it again with its later commits", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const slow = await node.open(key);
    slow.setIdleTimeout(1_000_000);
    slow.commit();
    const later = await node.open(key);
    later.setIdleTimeout(2_000_000);
    later.commit();
    slow.set("late", true);
    slow.commit();
    expect((await node.record(key)).envelope.idleTimeoutMs).toBe(2_000_000);
  });

  test("reload() forgets whom the session was to belong to", async () => {
    const node = new TestNode(1);
    const session: OpenSession = await node.open(node.create({ a: 1 }));
    session.setSubject("ann");
    session.reload();
    expect(session.isModified()).toBe(false);
    expect(session.commit()).toBe("unchanged");
  });
});

describe("a store that fails while everybody is revoked", () => {
  test("[E11] a revocation that could not be stored works when it is tried again, and then everybody hears of it", async () => {
    const store = memoryStore();
    const node = new TestNode(1, { store });
    const key = login(node.engine, "ann");
    const heard: SessionChange[] = [];
    (await node.engine.open(key))?.observe((change) => heard.push(change));
    const revoke = store.revoke.bind(store);
    store.revoke = () => Promise.reject(new SessionError("STORE_UNAVAILABLE", "on purpose"));
    await expect(node.engine.revokeAll("ann")).rejects.toThrow("on purpose");
    store.revoke = revoke;
    await node.engine.revokeAll("ann");
    expect(heard).toEqual([{ type: "ended", reason: "revoked" }]);
    expect(node.link.outbox.filter((message) => message.kind === "end" && message.key === key).length).toBe(1);
    expect(await isAlive(node.engine, key)).toBe(false);
  });

  test("[E11] one record that cannot be read keeps nobody from being revoked", async () => {
    const store = memoryStore();
    const runtime = new ManualRuntime();
    const first = alone(store, runtime);
    const [broken, whole] = [login(first, "ann"), login(first, "ann")];
    for (const key of [broken, whole]) await store.append(key, await recordOf(first, key), Number.MAX_SAFE_INTEGER);
    const load = store.load.bind(store);
    store.load = async (key) => (key === broken ? Promise.reject(new SessionError("STORE_CORRUPT", "on purpose")) : load(key));
    const second = alone(store, runtime);
    // It may say that it could not end them all; the register alone must hold.
    await second.revokeAll("ann").catch(() => undefined);
    store.load = load;
    for (const key of [broken, whole]) expect(await isAlive(second, key)).toBe(false);
    expect((await store.revocations()).size).toBe(1);
  });

  test("[E14] one record that cannot be read hides no other from lists", async () => {
    const store = memoryStore();
    const runtime = new ManualRuntime();
    const first = alone(store, runtime);
    const keys = Array.from({ length: 3 }, () => login(first, "ann"));
    for (const key of keys) await store.append(key, await recordOf(first, key), Number.MAX_SAFE_INTEGER);
    const load = store.load.bind(store);
    store.load = async (key) => (key === keys[0] ? Promise.reject(new SessionError("STORE_CORRUPT", "on purpose")) : load(key));
    const second = alone(store, runtime);
    const listed: SessionKey[] = [];
    for await (const { key } of second.sessions()) listed.push(key);
    expect(listed.sort()).toEqual(keys.slice(1).sort());
  });

  test("[E11] whatever call of the store fails, nobody else is revoked, nobody is let in again, and trying again works", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(12), fc.boolean(), async (failAt, isExcepting) => {
        const store = memoryStore();
        const runtime = new ManualRuntime();
        const engine = alone(store, runtime, { limits: { hotCount: 2 } });
        const anns = Array.from({ length: 3 }, () => login(engine, "ann"));
        const others = [login(engine, "bob"), login(engine, undefined)];
        await settle();
        const [mine = ""] = anns;
        const gone = anns.slice(isExcepting ? 1 : 0);
        const stays = isExcepting ? [...others, mine] : others;
        let calls = 0;
        for (const name of ["load", "revoke", "keys"] as const) {
          const original = store[name].bind(store) as (...given: unknown[]) => unknown;
          Object.assign(store, {
            [name]: (...given: unknown[]) => {
              if (calls++ !== failAt) return original(...given);
              if (name === "keys") throw new SessionError("STORE_UNAVAILABLE", "on purpose");
              return Promise.reject(new SessionError("STORE_UNAVAILABLE", "on purpose"));
            },
          });
        }
        const options = isExcepting ? { except: mine } : {};
        const failed = await engine.revokeAll("ann", options).then(
          () => false,
          () => true,
        );
        calls = Number.MAX_SAFE_INTEGER / 2;
        for (const key of stays) expect(await isAlive(engine, key)).toBe(true);
        if (failed) await engine.revokeAll("ann", options);
        for (const key of gone) expect(await isAlive(engine, key)).toBe(false);
        for (const key of stays) expect(await isAlive(engine, key)).toBe(true);
      }),
      fewerRuns(17),
    );
  });
});

describe("what was revoked before this process began", () => {
  test("[E11] is known before anybody is let in, also a session that a peer brought meanwhile", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = login(other.engine, "ann");
    const record = await recordOf(other.engine, key);
    const store = memoryStore();
    let answer: (revoked: Map<string, number>) => void = () => undefined;
    store.revocations = () => new Promise((resolve) => (answer = resolve));
    const late = new TestNode(3, { store });
    await late.replica.receiveState(key, record);
    expect(late.engine.checkOutHot(key)).toBeUndefined();
    answer(new Map([[record.envelope.subject ?? "", node.runtime.nowMs()]]));
    await settle();
    expect(late.engine.checkOutHot(key)).toBeUndefined();
    expect(await isAlive(late.engine, key)).toBe(false);
  });
});

describe("revocation with others", () => {
  test("[E11] two processes that share a store: who is revoked in one is over in the other, within seconds", async () => {
    // Only what others may write to has versions.
    const store = Object.assign(memoryStore(), { version: () => 0 });
    const runtime = new ManualRuntime();
    const [one, two] = [alone(store, runtime), alone(store, runtime)];
    const key = login(two, "ann");
    await Promise.all([one.ready, two.ready]);
    await one.revokeAll("ann");
    runtime.advance(5_000);
    await two.checkOut(key);
    await settle();
    expect(await isAlive(two, key)).toBe(false);
  });

  test("[E11] whom a session belongs to is the same everywhere after an exchange, and its revocation ends it everywhere it comes", async () => {
    const at = fc.nat(1);
    const what = fc.constantFrom<string | undefined>("ann", "bob", undefined);
    const change = fc.record({ at, subject: what, waitMs: fc.nat(3), meet: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        // Within ε, also for what is given several times in one millisecond: each is dated one later.
        fc.integer({ min: -1_990, max: 1_990 }),
        fc.array(change, { minLength: 1, maxLength: 8 }),
        async (skewMs, changes) => {
          const nodes = [new TestNode(1), new TestNode(2)] as const;
          nodes[1].runtime.stepTo(nodes[1].runtime.nowMs() + skewMs);
          const key = login(nodes[0].engine, "ann");
          await exchange(...nodes, key);
          for (const { at: index, subject, waitMs, meet } of changes) {
            for (const { runtime } of nodes) runtime.advance(waitMs);
            const session = await nodes[index === 0 ? 0 : 1].open(key);
            session.setSubject(subject);
            session.commit();
            if (meet) await exchange(...nodes, key);
          }
          await exchange(...nodes, key);
          const [left, right] = [(await nodes[0].record(key)).envelope, (await nodes[1].record(key)).envelope];
          expect([left.subject, left.subjectAtMs]).toEqual([right.subject, right.subjectAtMs]);
          for (const name of subjects) {
            const isTheirs = left.subject === nodes[0].engine.host.subjectKey(name);
            if (!isTheirs) {
              await nodes[0].engine.revokeAll(name);
              expect(await isAlive(nodes[0].engine, key)).toBe(true);
            }
          }
          if (left.subject === undefined) return;
          const owner = subjects.find((name) => nodes[0].engine.host.subjectKey(name) === left.subject) ?? "";
          await nodes[0].engine.revokeAll(owner);
          expect(await isAlive(nodes[0].engine, key)).toBe(false);
          await exchange(...nodes, key);
          expect(await isAlive(nodes[1].engine, key)).toBe(false);
        },
      ),
      fewerRuns(5),
    );
  });

  test("[E11] [E2] three nodes with skewed clocks, joins in any order and old copies: after everybody asked and met, all say the same of each session", async () => {
    const at = fc.nat(2);
    const op = fc.record({
      kind: fc.constantFrom("login", "hands", "revoke", "meet", "wait", "copy", "old"),
      at,
      from: at,
      subject: fc.nat(1),
      choice: fc.nat(9),
    });
    const skews = fc.tuple(fc.integer({ min: -1_000, max: 1_000 }), fc.integer({ min: -1_000, max: 1_000 }));
    await fc.assert(
      fc.asyncProperty(skews, fc.array(op, { minLength: 3, maxLength: 20 }), async (skewsMs, ops) => {
        const stores = [memoryStore(), memoryStore(), memoryStore()] as const;
        const nodes = [
          new TestNode(1, { store: stores[0] }),
          new TestNode(2, { store: stores[1] }),
          new TestNode(3, { store: stores[2] }),
        ] as const;
        for (const [index, skewMs] of skewsMs.entries()) nodes[index + 1]?.runtime.stepTo(nodes[0].runtime.nowMs() + skewMs);
        const keys: SessionKey[] = [];
        const copies: SessionRecord[] = [];
        /** Who was told by a node that a session is over must never see it alive there again. */
        const over = new Set<string>();
        const ask = async (index: number, key: SessionKey): Promise<"alive" | "absent" | "ended"> => {
          const node = nodes[index] ?? nodes[0];
          const envelope = (await node.replica.record(key))?.envelope;
          const { kind } = await node.engine.checkOut(key);
          if (envelope !== undefined) {
            const notBeforeMs = (await (stores[index] ?? stores[0]).revocations()).get(envelope.subject ?? "") ?? -1;
            const isOver = envelope.ended !== undefined || envelope.subjectAtMs <= notBeforeMs;
            if (isOver !== (kind === "ended")) throw new Error(`a session that ${isOver ? "is" : "is not"} revoked is ${kind}`);
          }
          if (kind === "ended") over.add(`${index} ${key}`);
          else if (kind === "alive" && over.has(`${index} ${key}`)) throw new Error("it was over, and reads alive");
          await settle();
          return kind;
        };
        for (const { kind, at: index, from, subject, choice } of ops) {
          const node = nodes[index] ?? nodes[0];
          const key = keys[choice % Math.max(1, keys.length)];
          const name = subjects[subject] ?? "";
          if (kind === "login") keys.push(login(node.engine, name));
          else if (kind === "wait") for (const { runtime } of nodes) runtime.advance(choice);
          else if (kind === "revoke") await node.engine.revokeAll(name, choice === 0 && key !== undefined ? { except: key } : {});
          else if (key === undefined) continue;
          else if (kind === "meet" && index !== from) await exchange(nodes[from] ?? nodes[0], node, key);
          else if (kind === "copy") {
            const record = await node.replica.record(key);
            if (record !== undefined) copies.push(record);
          } else if (kind === "old") {
            const record = copies[choice % Math.max(1, copies.length)];
            if (record !== undefined) await node.replica.receiveState(record.envelope.key, record);
          } else if (kind === "hands" && (await ask(index, key)) === "alive") {
            const session = await node.open(key);
            session.setSubject(name);
            session.commit();
          }
        }
        for (let round = 0; round < 3; round++) {
          for (const key of keys) {
            for (const left of nodes) for (const right of nodes) if (left !== right) await exchange(left, right, key);
            for (const index of nodes.keys()) await ask(index, key);
          }
        }
        for (const key of keys) {
          const said = await Promise.all([ask(0, key), ask(1, key), ask(2, key)]);
          expect(new Set(said).size).toBe(1);
        }
      }),
      fewerRuns(7),
    );
  });
});
