import { describe, expect, test } from "vitest";
import { deliver, exchange, TestNode } from "../../test/support/engine-network.ts";
import { counter } from "./attributes/counter.ts";
import { EventHub } from "./event-hub.ts";
import type { SessionEvent } from "./events.ts";

const CREATED: SessionEvent = { type: "created", key: "AAAAAAAAAAAAAAAAAAAAAA" };

describe("listeners", () => {
  test("[N1] hear what they asked for, until they stop", () => {
    const hub = new EventHub();
    const heard: string[] = [];
    const stop = hub.on("created", () => heard.push("created"));
    hub.on("*", ({ type }) => heard.push(`* ${type}`));
    hub.on("idle", () => heard.push("idle"));
    hub.emit(CREATED);
    stop();
    hub.emit(CREATED);
    expect(heard).toEqual(["created", "* created", "* created"]);
    expect([hub.count("created"), hub.wants("created"), hub.wants("attribute")]).toEqual([2, true, true]);
  });

  test("[N2] that throw harm nobody: neither the others nor the session", async () => {
    const node = new TestNode(1, {
      onEvent: () => {
        throw new Error("on purpose");
      },
    });
    const heard: string[] = [];
    node.engine.on("attribute", ({ name }) => heard.push(name));
    const key = node.create({ a: 1 });
    await node.write(key, { b: 2 });
    expect(heard).toEqual(["a", "b"]);
    expect(await node.read(key)).toEqual({ a: 1, b: 2 });
  });
});

describe("attribute events", () => {
  test("[N1] tell each attribute that a commit added, replaced or removed, wherever it was made, and never a value", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ kept: { deep: [1] }, changed: 1, removed: 1 });
    await exchange(node, other, key);
    node.events.length = 0;
    other.events.length = 0;
    const session = await node.open(key);
    session.get("kept");
    session.set("changed", "secret value");
    session.set("added", 1);
    session.delete("removed");
    session.commit();
    await exchange(node, other, key);
    for (const [{ events }, origin] of [
      [node, "local"],
      [other, "remote"],
    ] as const) {
      expect(events.filter(({ type }) => type === "attribute")).toEqual([
        { type: "attribute", key, change: "added", name: "added", origin },
        { type: "attribute", key, change: "replaced", name: "changed", origin },
        { type: "attribute", key, change: "removed", name: "removed", origin },
      ]);
      expect(JSON.stringify(events)).not.toContain("secret value");
    }
  });

  test("[N1] a compaction changes nothing, and is told to nobody", async () => {
    const node = new TestNode(1);
    const key = node.create({ list: [] });
    for (let round = 0; round < 40; round++)
      await node.write(key, { [`k${round % 3}`]: "x".repeat(100) + round, [`other ${round}`]: round });
    node.events.length = 0;
    const { epoch } = (await node.record(key)).document ?? {};
    node.runtime.advance(1_000);
    expect((await node.record(key)).document?.epoch).not.toEqual(epoch);
    expect(node.told("attribute")).toEqual([]);
  });
});

describe("conflicts", () => {
  test("[N3] of two values that were written at the same time one is discarded: told on both sides, with both stamps and no value", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ theme: "light", cart: { n: 1 } });
    await exchange(node, other, key);
    other.runtime.advance(5);
    await node.write(key, { theme: "dark" });
    await other.write(key, { theme: "blue" });
    await exchange(node, other, key);
    for (const each of [node, other]) {
      expect(await each.read(key)).toMatchObject({ theme: "blue" });
      expect(each.told("conflict")).toEqual([{ type: "conflict", key, name: "theme", keptAtMs: 5, discardedAtMs: 0 }]);
      expect(each.engine.stats().conflicts).toBe(1);
    }
  });

  test("[N3] the same when changes cross each other on the way; what an author had seen before is none", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ theme: "light" });
    await exchange(node, other, key);
    const cross = async (): Promise<void> => {
      const [ours, theirs] = [node.link.outbox.splice(0), other.link.outbox.splice(0)];
      for (const message of ours) await deliver(message, node, other);
      for (const message of theirs) await deliver(message, other, node);
    };
    await cross();
    for (const [round, writer] of [node, other, node, other].entries()) {
      await writer.write(key, { theme: `turn ${round}` });
      await cross();
    }
    expect([...node.told("conflict"), ...other.told("conflict")]).toEqual([]);
    other.runtime.advance(5);
    await node.write(key, { theme: "dark" });
    await other.write(key, { theme: "blue" });
    await cross();
    for (const each of [node, other]) {
      expect(await each.read(key)).toEqual({ theme: "blue" });
      expect(each.told("conflict")).toMatchObject([{ name: "theme", keptAtMs: 5, discardedAtMs: 0 }]);
    }
    await node.write(key, { theme: "seen" });
    await cross();
    expect(other.told("conflict").length).toBe(1);
  });

  test("[N3] what one had seen, what merges, and what is the same container is no conflict", async () => {
    const [node, other] = [new TestNode(1, { attributes: { n: counter() } }), new TestNode(2, { attributes: { n: counter() } })];
    const key = node.create({ list: [1], o: { a: 1 }, n: 1 });
    await exchange(node, other, key);
    for (const [at, name] of [
      [node, "x"],
      [other, "y"],
    ] as const) {
      const session = await at.open(key);
      (session.get("list") as unknown[]).push(name);
      (session.get("o") as Record<string, unknown>)[name] = 1;
      session.set("n", (session.get("n") as number) + 1);
      session.set("first", { [name]: 1 });
      session.commit();
    }
    await exchange(node, other, key);
    for (let round = 0; round < 3; round++) {
      for (const at of [node, other]) {
        await at.write(key, { turn: round });
        await exchange(node, other, key);
      }
    }
    expect(await node.read(key)).toEqual(await other.read(key));
    expect([...node.told("conflict"), ...other.told("conflict")]).toEqual([]);
  });

  test("[N3] two requests of one process that write over each other are one, too", async () => {
    const node = new TestNode(1);
    const key = node.create({ theme: "light", o: { deep: { x: 1 } } });
    const [left, right] = [await node.open(key), await node.open(key)];
    left.set("theme", "dark");
    right.set("theme", "blue");
    (left.get("o") as { deep: { x: number } }).deep.x = 2;
    (right.get("o") as { deep: { x: number } }).deep.x = 3;
    left.commit();
    right.commit();
    expect(
      node
        .told("conflict")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["o", "theme"]);
  });
});

test("[N4] stats count what happened, and what is held", async () => {
  const node = new TestNode(1);
  const keys = [node.create({ a: 1 }), node.create({ b: 1 })];
  await node.write(keys[0] ?? "", { a: 2 });
  await node.engine.end(keys[1] ?? "");
  const stats = node.engine.stats();
  expect(stats).toMatchObject({
    created: 2,
    commits: 3,
    ended: { destroyed: 1, rotated: 0, expired: 0, revoked: 0 },
    conflicts: 0,
    storeFailures: 0,
  });
  expect(stats.sessions.hot + stats.sessions.cold).toBe(1);
});
