import { describe, expect, test } from "vitest";
import { TestNode } from "../../../test/support/engine-network.ts";
import { settle } from "../../../test/support/manual-runtime.ts";
import { TestWorld } from "../../../test/support/replica.ts";
import { counter } from "./counter.ts";
import { register } from "./register.ts";
import { Schema } from "./schema.ts";

const LOCAL = { attributes: { cache: register<Record<string, unknown>>({ local: true }), hits: counter({ local: true }) } };

describe("an attribute that is local", () => {
  test("[D23] is neither sent nor stored: no change, no bytes, and no other node sees it", async () => {
    const [node, other] = [new TestNode(1, LOCAL), new TestNode(2, LOCAL)];
    const key = node.create({ a: 1 });
    const before = await node.record(key);
    const session = await node.open(key);
    node.link.outbox.length = 0;
    session.set("cache", { rows: [1] });
    expect(session.isModified()).toBe(true);
    expect(session.commit()).toBe("committed");
    expect(session.commit()).toBe("unchanged");
    expect(await node.record(key)).toEqual(before);
    expect(node.link.outbox).toEqual([]);
    expect(await node.read(key)).toEqual({ a: 1, cache: { rows: [1] } });
    await other.replica.receiveState(key, await node.record(key));
    expect(await other.read(key)).toEqual({ a: 1 });
  });

  test("[D23] is what later requests of this process are given, each a copy of its own; the last write counts", async () => {
    const node = new TestNode(1, LOCAL);
    const key = node.create({});
    const given = { rows: [1] };
    await node.write(key, { cache: given });
    given.rows.push(2);
    const [one, slow] = [await node.open(key), await node.open(key)];
    (one.get("cache") as typeof given).rows.push(3);
    expect(slow.get("cache")).toEqual({ rows: [1] });
    one.commit();
    (slow.get("cache") as typeof given).rows.push(4);
    slow.set("hits", 1);
    slow.commit();
    expect(await node.read(key)).toEqual({ cache: { rows: [1, 4] }, hits: 1 });
    const last = await node.open(key);
    expect([last.names(), last.has("hits")]).toEqual([["cache", "hits"], true]);
    last.delete("cache");
    expect(last.names()).toEqual(["hits"]);
    last.commit();
    expect(await node.read(key)).toEqual({ hits: 1 });
  });

  test("[D23] stays while there is room, however long nobody asks for it", async () => {
    const node = new TestNode(1, LOCAL);
    const key = node.create({ a: 1, cache: { x: 1 } });
    const other = node.create({ a: 1 });
    node.runtime.advance(10 * 60 * 1000);
    await settle();
    expect(node.told("passivated").map((event) => event.key)).toEqual([other]);
    expect(await node.read(key)).toEqual({ a: 1, cache: { x: 1 } });
  });

  test("[D23] goes when the session leaves memory, and with its end", async () => {
    const node = new TestNode(1, { ...LOCAL, limits: { hotCount: 1 } });
    const key = node.create({ a: 1, cache: { x: 1 } });
    const slow = await node.open(key);
    node.create({ filler: 1 });
    await settle();
    expect(await node.read(key)).toEqual({ a: 1 });
    // Who still holds it, and writes, writes what he wrote.
    slow.set("hits", 2);
    slow.commit();
    expect(await node.read(key)).toEqual({ a: 1, hits: 2 });
    const late = await node.open(key);
    await node.engine.end(key, "destroyed");
    late.set("cache", { x: 2 });
    expect(late.commit()).toBe("discarded");
  });

  test("[D23] lets a draft begin to exist, and goes out with what is shared in one commit", async () => {
    const node = new TestNode(1, LOCAL);
    const key = node.create({ cache: { x: 1 } });
    expect(await node.read(key)).toEqual({ cache: { x: 1 } });
    await node.write(key, { cache: { x: 2 }, b: 1 });
    const copy = new TestNode(2, LOCAL);
    await copy.replica.receiveState(key, await node.record(key));
    expect([await node.read(key), await copy.read(key)]).toEqual([{ b: 1, cache: { x: 2 } }, { b: 1 }]);
  });

  test("[D23] [V5] counts towards the limits like any other, and what cannot be stored is refused", async () => {
    const node = new TestNode(1, { ...LOCAL, limits: { valueBytes: 100, attributeCount: 2 } });
    const key = node.create({ a: 1 });
    const refusal = async (data: Record<string, unknown>): Promise<unknown> => node.write(key, data).catch((error: unknown) => error);
    expect(await refusal({ cache: { text: "x".repeat(200) } })).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await refusal({ cache: {}, hits: 1 })).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await refusal({ cache: { run: () => 1 } })).toMatchObject({ code: "VALUE_REFUSED" });
    expect(await node.read(key)).toEqual({ a: 1 });
  });

  test("[D23] [D20] hides what a node that does not declare it local stored under its name, and leaves that alone", () => {
    const world = new TestWorld();
    const [plain, local] = [world.replica(), world.replica(new Schema(LOCAL.attributes))];
    plain.edit((data) => Object.assign(data, { cache: { theirs: 1 }, a: 1 }));
    local.take(plain.record());
    const { data } = local.request();
    expect([Object.keys(data), data["cache"]]).toEqual([["a"], undefined]);
    expect(local.edit((mine) => (mine["cache"] = { ours: 1 }))).toBeUndefined();
    expect(local.edit((mine) => delete mine["cache"])).toBeUndefined();
    expect(local.local.size).toBe(0);
    expect(local.record()).toEqual(plain.record());
  });
});
