import type { IncomingMessage } from "node:http";
import { describe, expectTypeOf, test } from "vitest";
import { session } from "../../src/adapters/express/index.ts";
import {
  type AttributeType,
  counter,
  createEngine,
  type EngineOptions,
  list,
  map,
  register,
  type SessionData,
  type SessionDataOf,
  type SessionEngine,
  type SessionHandle,
  set,
} from "../../src/index.ts";

interface Line {
  readonly sku: string;
  readonly count: number;
}

const attributes = {
  visits: counter({ ttlMs: 60_000 }),
  tags: set<string>(),
  cart: map(counter()),
  lines: list(register<Line>()),
  user: register<{ id: string; name?: string }>(),
  prefs: map<string>(),
  grid: map(map(counter())),
  seen: list(),
  cache: register<Map<string, Date>>({ local: true }),
};
type Data = SessionDataOf<typeof attributes>;

/** Looked at by the compiler (`npm run check:types`) and never run. */
function neverRun(run: () => unknown): void {
  void run;
}

describe("what a declaration is", () => {
  test("[D24] each function says the type of its value", () => {
    expectTypeOf(counter()).toEqualTypeOf<AttributeType<number>>();
    expectTypeOf(register<Line>()).toEqualTypeOf<AttributeType<Line>>();
    expectTypeOf(register()).toEqualTypeOf<AttributeType<unknown>>();
    expectTypeOf(set<string>()).toEqualTypeOf<AttributeType<Set<string>>>();
    expectTypeOf(map(counter())).toEqualTypeOf<AttributeType<Record<string, number>>>();
    expectTypeOf(map<string>()).toEqualTypeOf<AttributeType<Record<string, string>>>();
    expectTypeOf(map()).toEqualTypeOf<AttributeType<Record<string, unknown>>>();
    expectTypeOf(list(register<Line>())).toEqualTypeOf<AttributeType<Line[]>>();
    expectTypeOf(list(map(counter()))).toEqualTypeOf<AttributeType<Record<string, number>[]>>();
    expectTypeOf(map(list(set<number>()))).toEqualTypeOf<AttributeType<Record<string, Set<number>[]>>>();
    expectTypeOf(counter()).not.toEqualTypeOf<AttributeType<string>>();
  });

  test("[D24] what makes no sense does not compile", () => {
    expectTypeOf(counter).toBeCallableWith({ ttlMs: 5, local: false });
    neverRun(() => {
      // @ts-expect-error -- what is inside comes first
      map({ ttlMs: 5 });
      // @ts-expect-error -- no such option
      counter({ ttl: 5 });
      // @ts-expect-error -- milliseconds are a number
      counter({ ttlMs: "5" });
      // @ts-expect-error -- the elements of a set are plain values
      set(counter());
      // @ts-expect-error -- the function, not what it gives
      map(counter);
      // @ts-expect-error -- neither true nor false
      register({ local: 1 });
    });
  });
});

describe("the data of a session", () => {
  test("[D24] follows from the declarations", () => {
    expectTypeOf<Data["visits"]>().toEqualTypeOf<number>();
    expectTypeOf<Data["tags"]>().toEqualTypeOf<Set<string>>();
    expectTypeOf<Data["cart"]>().toEqualTypeOf<Record<string, number>>();
    expectTypeOf<Data["lines"]>().toEqualTypeOf<Line[]>();
    expectTypeOf<Data["user"]>().toEqualTypeOf<{ id: string; name?: string }>();
    expectTypeOf<Data["prefs"]>().toEqualTypeOf<Record<string, string>>();
    expectTypeOf<Data["grid"]>().toEqualTypeOf<Record<string, Record<string, number>>>();
    expectTypeOf<Data["seen"]>().toEqualTypeOf<unknown[]>();
    expectTypeOf<Data["cache"]>().toEqualTypeOf<Map<string, Date>>();
    expectTypeOf<keyof Data>().toEqualTypeOf<keyof typeof attributes>();
    expectTypeOf<SessionDataOf<{ readonly visits: AttributeType<number> }>>().toEqualTypeOf<{ visits: number }>();
  });

  test("[D24] is what the engine's sessions hold, beside what is not declared", () => {
    expectTypeOf(createEngine<typeof attributes>).returns.toEqualTypeOf<SessionEngine<Data & SessionData>>();
    expectTypeOf<Data & SessionData>().toExtend<SessionData>();
    neverRun(async () => {
      const engine = createEngine({ attributes });
      const handle = await engine.open("key");
      if (handle === undefined) return;
      expectTypeOf(handle.get("visits")).toEqualTypeOf<number | undefined>();
      expectTypeOf(handle.get("tags")).toEqualTypeOf<Set<string> | undefined>();
      expectTypeOf(handle.get("lines")).toEqualTypeOf<Line[] | undefined>();
      expectTypeOf(handle.get("other")).toEqualTypeOf<unknown>();
      expectTypeOf(handle.data().cart).toEqualTypeOf<Record<string, number> | undefined>();
      // @ts-expect-error -- a counter is a number
      expectTypeOf(handle.get("visits")).toEqualTypeOf<string | undefined>();
      await handle.change((draft) => {
        draft.visits = (draft.visits ?? 0) + 1;
        draft.tags = new Set(["a"]);
        draft["other"] = { anything: true };
        delete draft.user;
        // @ts-expect-error -- a counter is a number
        draft.visits = "1";
        // @ts-expect-error -- the elements are strings
        draft.tags = new Set([1]);
        // @ts-expect-error -- a line has a count
        draft.lines = [{ sku: "A" }];
        // @ts-expect-error -- it may be absent
        draft.cart["a"] = 1;
      });
    });
  });

  test("[D24] is anything where nothing is declared", () => {
    neverRun(async () => {
      expectTypeOf((await createEngine().open("key"))?.get("visits")).toEqualTypeOf<unknown>();
      expectTypeOf((await createEngine({ idleTimeoutMs: 5 }).open("key"))?.get("visits")).toEqualTypeOf<unknown>();
    });
    expectTypeOf<SessionHandle["data"]>().returns.toEqualTypeOf<Partial<SessionData>>();
  });

  test("[D24] an engine with declarations goes wherever an engine does", () => {
    expectTypeOf<SessionEngine<Data & SessionData>>().toExtend<SessionEngine>();
    expectTypeOf<EngineOptions<typeof attributes>>().toExtend<EngineOptions>();
    neverRun(() => {
      // @ts-expect-error -- made by hand
      createEngine({ attributes: { visits: { kind: "counter" } } });
      // @ts-expect-error -- the function, not what it gives
      createEngine({ attributes: { visits: counter } });
    });
  });

  test("[N1] a listener is given the event that it asked for", () => {
    neverRun(() => {
      const engine = createEngine();
      for (const type of ["created", "passivated", "activated", "idle", "ended"] as const) {
        engine.on(type, (event) => expectTypeOf(event.key).toEqualTypeOf<string>());
      }
      engine.on("passivated", (event) => expectTypeOf(event.type).toEqualTypeOf<"passivated">());
      engine.on("attribute", ({ change }) => expectTypeOf(change).toEqualTypeOf<"added" | "replaced" | "removed">());
      // @ts-expect-error -- no such event
      engine.on("evicted", () => undefined);
    });
  });

  test("[D24] [A25] an Express middleware takes its type from the declaration, or from who makes it", () => {
    neverRun(async () => {
      const sessions = session({ secret: "s", attributes });
      expectTypeOf(sessions.engine).toEqualTypeOf<SessionEngine<Data & SessionData>>();
      const handle = await sessions.open({} as IncomingMessage);
      expectTypeOf(handle?.get("visits")).toEqualTypeOf<number | undefined>();
      expectTypeOf(handle?.get("tags")).toEqualTypeOf<Set<string> | undefined>();
      await handle?.change((draft) => {
        draft.visits = 1;
        // @ts-expect-error -- a counter is a number
        draft.visits = "1";
      });
      expectTypeOf(session<{ name: string }>({ secret: "s" }).engine).toEqualTypeOf<SessionEngine<{ name: string }>>();
      expectTypeOf(session({ secret: "s" }).engine).toEqualTypeOf<SessionEngine>();
    });
  });
});
