import { describe, expect, test } from "vitest";
import { exchange, TestNode } from "../../test/support/engine-network.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import type { SessionKey } from "./record.ts";
import type { SessionChange, SessionHandle } from "./session-engine.ts";

async function opened(node: TestNode, key: SessionKey): Promise<SessionHandle> {
  const handle = await node.engine.open(key);
  if (handle === undefined) throw new Error("the session is not there");
  return handle;
}

describe("a session outside a request", () => {
  test("[H1] what change() does is one commit, and reading gives copies", async () => {
    const node = new TestNode(1);
    const key = node.create({ cart: { lines: [1] }, gone: true });
    const handle = await opened(node, key);
    const sent = node.link.outbox.length;
    await handle.change((draft) => {
      (draft["cart"] as { lines: number[] }).lines.push(2);
      draft["name"] = "Ann";
      delete draft["gone"];
      expect({ ...draft }).toEqual({ cart: { lines: [1, 2] }, name: "Ann" });
    });
    expect(node.link.outbox.length).toBe(sent + 1);
    expect(handle.data()).toEqual({ cart: { lines: [1, 2] }, name: "Ann" });
    (handle.get("cart") as { lines: number[] }).lines.push(3);
    expect(handle.get("cart")).toEqual({ lines: [1, 2] });
  });

  test("[H1] a change that throws, at once or later, writes nothing", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    await expect(handle.change((draft) => ((draft["a"] = 2), raise()))).rejects.toThrow("on purpose");
    await expect(handle.change(async (draft) => ((draft["a"] = 2), await Promise.resolve(), raise()))).rejects.toThrow("on purpose");
    await expect(handle.change((draft) => void (draft["f"] = () => 0))).rejects.toMatchObject({ code: "VALUE_REFUSED" });
    expect(await node.read(key)).toEqual({ a: 1 });
  });

  test("[H1] what is written while an asynchronous change is under way merges", async () => {
    const node = new TestNode(1);
    const key = node.create({ list: ["a"] });
    const handle = await opened(node, key);
    await handle.change(async (draft) => {
      await node.write(key, { other: 1 });
      (draft["list"] as string[]).push("b");
    });
    expect(await node.read(key)).toEqual({ list: ["a", "b"], other: 1 });
  });

  test("[H2] observers hear of every commit, here and elsewhere, by name; and of nothing once they stopped", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ a: 1, b: 1 });
    const handle = await opened(node, key);
    const heard: SessionChange[] = [];
    const stop = handle.observe((change) => heard.push(change));
    handle.observe(raise);
    await node.write(key, { a: 2 });
    await exchange(node, other, key);
    await other.write(key, { b: 2, c: 3 });
    await exchange(node, other, key);
    await node.write(key, { a: 2 });
    expect(heard).toEqual([
      { type: "changed", origin: "local", names: ["a"] },
      { type: "changed", origin: "remote", names: ["b", "c"] },
    ]);
    stop();
    await node.write(key, { a: 3 });
    expect(heard.length).toBe(2);
  });

  test.each(["here", "elsewhere", "revoked", "by being told that it was idle"])(
    "[H3] observers hear once that it is over: %s",
    async (how) => {
      const [node, other] = [new TestNode(1), new TestNode(2)];
      const session = node.engine.draft();
      session.identify(node.engine.issueId());
      session.setSubject("ann");
      session.commit({ evenIfEmpty: true });
      const key = session.key ?? "";
      const handle = await opened(node, key);
      const heard: SessionChange[] = [];
      handle.observe((change) => heard.push(change));
      await exchange(node, other, key);
      if (how === "here") await handle.end();
      else if (how === "elsewhere") {
        await other.engine.end(key);
        await exchange(node, other, key);
      } else if (how === "revoked") await node.engine.revokeAll("ann");
      else {
        node.runtime.advance(31 * 60 * 1000);
        await node.engine.checkOut(key);
      }
      const reason = how === "revoked" ? "revoked" : how.startsWith("by") ? "expired" : "destroyed";
      expect(heard).toEqual([{ type: "ended", reason }]);
      expect(node.told("ended")).toEqual([{ type: "ended", key, reason }]);
      await node.engine.end(key);
      expect(heard.length).toBe(1);
      expect([handle.verdict(), handle.get("a"), handle.data()]).toEqual(["ended", undefined, {}]);
      await expect(handle.change(() => undefined)).rejects.toMatchObject({ code: "SESSION_ENDED" });
      expect(await node.engine.open(key)).toBeUndefined();
    },
  );

  test("[H4] opening, reading and observing are no use of the session, touch() is", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    handle.observe(() => undefined);
    node.runtime.advance(20 * 60 * 1000);
    handle.get("a");
    await opened(node, key);
    node.runtime.advance(11 * 60 * 1000);
    expect(handle.verdict()).toBe("idle");
    handle.touch();
    expect(handle.verdict()).toBe("alive");
  });

  test("[H4] an observer of a session that went cold hears of what comes in", async () => {
    const [node, other] = [new TestNode(1, { limits: { hotCount: 1 } }), new TestNode(2)];
    const key = node.create({ a: 1 });
    const heard: SessionChange[] = [];
    (await opened(node, key)).observe((change) => heard.push(change));
    await exchange(node, other, key);
    node.create({ pushes: "the other out" });
    node.create({ and: "once more" });
    await settle();
    await other.write(key, { a: 2 });
    await exchange(node, other, key);
    expect(heard).toEqual([{ type: "changed", origin: "remote", names: ["a"] }]);
  });

  test("[H1] by its id it is opened like by its key, and not when the id is dead by age", async () => {
    const node = new TestNode(1);
    const id = node.engine.issueId();
    const draft = node.engine.draft();
    draft.identify(id);
    draft.set("a", 1);
    draft.commit();
    expect((await node.engine.openById(id))?.data()).toEqual({ a: 1 });
    node.runtime.advance(13 * 60 * 60 * 1000);
    expect(await node.engine.openById(id)).toBeUndefined();
  });
});

function raise(): never {
  throw new Error("on purpose");
}
