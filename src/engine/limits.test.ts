import { describe, expect, test } from "vitest";
import { attributesOf, exchange, TestNode } from "../../test/support/engine-network.ts";
import type { Limits } from "./limits.ts";
import type { OpenSession } from "./session-engine.ts";

const SECRET = "s3cret-value-of-a-user";

async function sessionWith(
  limits: Partial<Limits>,
  data: Record<string, unknown> = { kept: 1 },
): Promise<{ node: TestNode; session: OpenSession; key: string }> {
  const node = new TestNode(1, { limits });
  const key = node.create(data);
  return { node, session: await node.open(key), key };
}

/** The code of what `run` throws. */
function codeOf(run: () => void): string {
  try {
    run();
  } catch (error) {
    expect(String(error)).not.toContain(SECRET);
    return (error as { code: string }).code;
  }
  return "nothing was thrown";
}

describe("crossing a limit", () => {
  test("[V5] attributes: one too many is an error, and the session is as it was", async () => {
    const { node, session, key } = await sessionWith({ attributeCount: 3 });
    const before = await node.record(key);
    for (let index = 0; index < 3; index++) session.set(`n${index}`, index);
    expect(codeOf(() => session.commit())).toBe("LIMIT_EXCEEDED");
    expect(await node.record(key)).toEqual(before);
    session.delete("n2");
    expect(session.commit()).toBe("committed");
    expect(await node.read(key)).toEqual({ kept: 1, n0: 0, n1: 1 });
  });

  test("[V5] [V6] one value: too many bytes, as one string, or in many small parts", async () => {
    const { node, session, key } = await sessionWith({ valueBytes: 1_000 });
    const before = await node.record(key);
    for (const value of [SECRET.repeat(100), Array.from({ length: 900 }, () => 1_000_000), { deep: { text: SECRET.repeat(50) } }]) {
      session.set("big", value);
      expect(codeOf(() => session.commit())).toBe("LIMIT_EXCEEDED");
      expect(await node.record(key)).toEqual(before);
    }
    session.set("big", "x".repeat(900));
    expect(session.commit()).toBe("committed");
  });

  test("[V5] an attribute that grows in place, by an element or a property, counts as a whole", async () => {
    const { node, session, key } = await sessionWith({ valueBytes: 1_000 }, { list: ["x".repeat(600)], o: { a: "x".repeat(600) } });
    const before = await node.record(key);
    (session.get("list") as string[]).push("y".repeat(600));
    expect(codeOf(() => session.commit())).toBe("LIMIT_EXCEEDED");
    session.reload();
    (session.get("o") as Record<string, string>)["b"] = "y".repeat(600);
    expect(codeOf(() => session.commit())).toBe("LIMIT_EXCEEDED");
    expect(await node.record(key)).toEqual(before);
  });

  test("[V5] the session: many values that are small enough each", async () => {
    const { node, session, key } = await sessionWith({ sessionBytes: 5_000 });
    for (let index = 0; index < 4; index++) {
      session.set(`n${index}`, "x".repeat(1_000));
      expect(session.commit()).toBe("committed");
    }
    const before = await node.record(key);
    session.set("n4", "x".repeat(1_500));
    expect(codeOf(() => session.commit())).toBe("LIMIT_EXCEEDED");
    expect(await node.record(key)).toEqual(before);
    // What takes the place of something else counts as what is left.
    session.delete("n4");
    session.set("n0", "y".repeat(1_000));
    expect(session.commit()).toBe("committed");
  });

  test("[V5] a session is measured by what it holds, not by the history of how it came about", async () => {
    const { node, session, key } = await sessionWith({ sessionBytes: 3_000 });
    for (let index = 0; index < 300; index++) {
      session.set("n", `${index} `.repeat(100));
      expect(session.commit()).toBe("committed");
    }
    expect((await node.record(key)).document?.bytes.length).toBeLessThanOrEqual(3_000 * 3);
  });

  test("[V5] a session that grew too large by a merge can be made smaller again", async () => {
    const limits = { sessionBytes: 5_000 };
    const [left, right] = [new TestNode(1, { limits }), new TestNode(2, { limits })];
    const key = left.create({ a: 1 });
    await right.replica.receiveState(key, await left.record(key));
    await left.write(key, { l1: "x".repeat(2_000), l2: "x".repeat(1_500) });
    await right.write(key, { r1: "x".repeat(2_000), r2: "x".repeat(1_500) });
    await exchange(left, right, key);
    const session = await left.open(key);
    expect(session.names()).toEqual(["a", "l1", "l2", "r1", "r2"]);
    session.delete("l2");
    expect(session.commit()).toBe("committed");
    session.set("more", "x".repeat(1_000));
    expect(codeOf(() => session.commit())).toBe("LIMIT_EXCEEDED");
  });

  test("[V5] an attribute that grew too large by a merge can be made smaller again", async () => {
    const limits = { valueBytes: 1_000 };
    const [left, right] = [new TestNode(1, { limits }), new TestNode(2, { limits })];
    const key = left.create({ l: [1] });
    await right.replica.receiveState(key, await left.record(key));
    for (const node of [left, right]) {
      const session = await node.open(key);
      (session.get("l") as string[]).push("x".repeat(450), "y".repeat(450));
      session.commit();
    }
    await exchange(left, right, key);
    const session = await left.open(key);
    (session.get("l") as string[]).shift();
    expect(session.commit()).toBe("committed");
    (session.get("l") as string[]).push("one more");
    expect(codeOf(() => session.commit())).toBe("LIMIT_EXCEEDED");
  });

  test("[V4] [V5] names: an attribute's and one inside", async () => {
    const { node, session, key } = await sessionWith({ nameBytes: 8 });
    const before = await node.record(key);
    expect(codeOf(() => session.set("ninechars", 1))).toBe("ATTRIBUTE_NAME_REFUSED");
    session.set("o", { ninechars: 1 });
    expect(codeOf(() => session.commit())).toBe("VALUE_REFUSED");
    session.set("o", { "ü€€": 1 });
    expect(session.commit()).toBe("committed");
    session.set("o", { "ü€€x": 1 });
    expect(codeOf(() => session.commit())).toBe("VALUE_REFUSED");
    session.reload();
    expect(attributesOf(session)).toEqual({ kept: 1, o: { "ü€€": 1 } });
    expect(before).not.toEqual(await node.record(key));
  });

  test("[V5] [V2] depth: too deep, and for ever", async () => {
    const { node, session, key } = await sessionWith({ depth: 3 });
    const before = await node.record(key);
    session.set("o", [[[[1]]]]);
    expect(codeOf(() => session.commit())).toBe("VALUE_REFUSED");
    const loop: { self?: unknown } = {};
    loop.self = loop;
    session.set("o", loop);
    expect(codeOf(() => session.commit())).toBe("VALUE_REFUSED");
    expect(await node.record(key)).toEqual(before);
    session.set("o", [[[1]]]);
    expect(session.commit()).toBe("committed");
    expect(await node.read(key)).toEqual({ kept: 1, o: [[[1]]] });
  });

  test("[V5] a draft that crosses a limit does not begin to exist", async () => {
    const node = new TestNode(1, { limits: { valueBytes: 100 } });
    const session = node.engine.draft();
    session.identify(node.engine.issueId());
    session.set("big", "x".repeat(200));
    expect(codeOf(() => session.commit())).toBe("LIMIT_EXCEEDED");
    expect(session.isNew).toBe(true);
    expect([...node.replica.heldKeys()]).toEqual([]);
    expect(node.link.outbox).toEqual([]);
  });

  test("[V5] one bad value among good ones keeps all of them out", async () => {
    const { node, session, key } = await sessionWith({});
    session.set("good", 1);
    session.set("bad", () => SECRET);
    expect(codeOf(() => session.commit())).toBe("VALUE_REFUSED");
    expect(await node.read(key)).toEqual({ kept: 1 });
    session.delete("bad");
    expect(session.commit()).toBe("committed");
    expect(await node.read(key)).toEqual({ kept: 1, good: 1 });
  });
});

test.each(["idleTimeoutMs", "absoluteTimeoutMs", "epsilonMs"] as const)(
  "[V5] the option %s refuses what is no number in its range",
  (name) => {
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => new TestNode(1, { [name]: value })).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    }
  },
);
