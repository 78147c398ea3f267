import { expect, test } from "vitest";
import { MemoryStore } from "../storage/memory-store.ts";
import { ManualRuntime, settle } from "../../test/support/manual-runtime.ts";
import { set } from "./attributes/set.ts";
import { Engine } from "./engine.ts";
import type { OpenSession } from "./session-engine.ts";

test("[W9] [E12] a request that goes on under another key removes nothing that others wrote after it had read", async () => {
  const engine = new Engine({ attributes: { seen: set<number>() } }, new ManualRuntime(), (context) => new MemoryStore(context));
  const first = engine.draft();
  first.identify(engine.issueId());
  first.set("seen", new Set([1]));
  first.set("list", ["a"]);
  first.commit();
  const open = (): OpenSession => {
    const session = engine.checkOutHot(first.key ?? "");
    if (session === undefined) throw new Error("the session is not in memory");
    return session;
  };
  const rotating = open();
  expect(rotating.get("seen")).toEqual(new Set([1]));
  expect(rotating.get("list")).toEqual(["a"]);
  const other = open();
  other.set("seen", new Set([1, 2]));
  other.set("list", ["a", "b"]);
  other.commit();
  const next = engine.draft({ from: rotating });
  next.identify(engine.issueId());
  expect(next.commit({ evenIfEmpty: true })).toBe("committed");
  expect(next.commit()).toBe("unchanged");
  next.set("seen", new Set([1, 3]));
  next.commit();
  const found = engine.checkOutHot(next.key ?? "");
  expect(found?.get("seen")).toEqual(new Set([1, 2, 3]));
  expect(found?.get("list")).toEqual(["a", "b"]);
  await engine.close();
});

test.each(["before", "between", "after"])(
  "[W1] [E12] what another request writes %s a change of id merges with what this one changes in place",
  async (when) => {
    const engine = new Engine({}, new ManualRuntime(), (context) => new MemoryStore(context));
    const first = engine.draft();
    first.identify(engine.issueId());
    first.set("flags", { a: 1, b: 2 });
    first.commit();
    const open = (): OpenSession => {
      const session = engine.checkOutHot(first.key ?? "");
      if (session === undefined) throw new Error("the session is not in memory");
      return session;
    };
    const flagsOf = (session: OpenSession): Record<string, number> => session.get("flags") as Record<string, number>;
    const [rotating, other] = [open(), open()];
    const flags = flagsOf(rotating);
    const write = (): void => {
      flagsOf(other)["c"] = 3;
      other.commit();
    };
    flagsOf(other);
    if (when === "before") write();
    const next = engine.draft({ from: rotating });
    next.identify(engine.issueId());
    next.commit({ evenIfEmpty: true });
    if (when === "between") write();
    rotating.setSuccessor(next.key ?? "", 3_000);
    if (when === "after") write();
    await settle();
    // An object that loses one property and gets another is changed in place, and not another one.
    delete flags["a"];
    flags["d"] = 4;
    next.commit();
    await settle();
    expect(engine.checkOutHot(next.key ?? "")?.get("flags")).toEqual({ b: 2, c: 3, d: 4 });
    await engine.close();
  },
);
