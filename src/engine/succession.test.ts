import { expect, test } from "vitest";
import { exchange, TestNode } from "../../test/support/engine-network.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import type { SessionKey } from "./record.ts";

const GRACE_MS = 60_000;
const MINUTE_MS = 60_000;

/** Time passes, second by second, so that sweeps run as they do. */
async function pass(nodes: readonly TestNode[], durationMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += 1_000) {
    for (const { runtime } of nodes) runtime.advance(1_000);
    await settle();
  }
}

async function rotate(node: TestNode, key: SessionKey): Promise<void> {
  const next = node.engine.draft({ from: await node.open(key) });
  next.identify(node.engine.issueId());
  next.commit();
  const live = await node.engine.registry.use(key, (session) => session);
  if (live === undefined) throw new Error("the session is not held");
  node.engine.host.setSuccessor(live, next.key ?? "", GRACE_MS);
}

// Found by the model (test/model, world "rotation"): what is forgotten before its deadline comes back with any copy that never heard of it.
test.each([2, 4_000])(
  "[E8] [E12] a rotated session stays over when a node comes back that never heard of it (hot: %i)",
  async (hotCount) => {
    const limits = { hotCount };
    const [node, away] = [new TestNode(1, { limits }), new TestNode(2, { limits })];
    const key = node.create({ a: 1 });
    await exchange(node, away, key);
    await rotate(node, key);
    if (hotCount === 2) for (let others = 0; others < 8; others++) node.create({});
    await pass([node, away], 10 * MINUTE_MS);
    // The other side of a cut, where nobody has used it since: not idle for long yet.
    expect(await away.read(key)).toEqual({ a: 1 });
    await node.replica.receiveState(key, await away.record(key));
    expect(await node.engine.checkOut(key)).toMatchObject({ kind: "ended", reason: "rotated" });
    await exchange(node, away, key);
    expect(await away.engine.checkOut(key)).toMatchObject({ kind: "ended", reason: "rotated" });
  },
);

test("[E12] [R8] after its grace a rotated session is a tombstone, told of once, on every node that heard of it", async () => {
  const [node, other] = [new TestNode(1), new TestNode(2)];
  const key = node.create({ a: 1 });
  await rotate(node, key);
  await exchange(node, other, key);
  await pass([node, other], GRACE_MS - 1_000);
  for (const each of [node, other]) expect(each.engine.registry.counts().ended).toBe(0);
  await pass([node, other], 10_000);
  for (const each of [node, other]) {
    expect(each.engine.registry.counts().ended).toBe(1);
    expect(each.events.filter((event) => event.type === "ended" && event.key === key)).toEqual([{ type: "ended", key, reason: "rotated" }]);
  }
  expect(node.replica.fingerprint(key)).toBe(other.replica.fingerprint(key));
});
