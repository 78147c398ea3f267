import { describe, expect, test } from "vitest";
import { exchange, TestNode } from "../../test/support/engine-network.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import { TroubledStore } from "../../test/support/troubled-store.ts";
import type { SessionKey } from "./record.ts";
import type { SessionChange } from "./session-engine.ts";

const SECRET = { subjectSecret: "a secret of subjects" };

function login({ engine }: TestNode, subject: string): SessionKey {
  const session = engine.draft();
  session.identify(engine.issueId());
  session.setSubject(subject);
  session.commit({ evenIfEmpty: true });
  return session.key ?? "";
}

/** All that a node told of revocations, to another one. */
async function tell(from: TestNode, to: TestNode): Promise<boolean[]> {
  return Promise.all(from.link.revoked.map(({ subject, notBeforeMs }) => to.replica.receiveRevocation(subject, notBeforeMs)));
}

describe("revocations across nodes", () => {
  test("[E15] end sessions that the one who revoked never heard of, for their observers too; others and later logins go on", async () => {
    const [node, other] = [new TestNode(1, SECRET), new TestNode(2, SECRET)];
    const [mine, theirs, stranger] = [login(node, "ann"), login(other, "ann"), login(other, "bob")];
    const heard: SessionChange[] = [];
    (await other.engine.open(theirs))?.observe((change) => heard.push(change));
    await node.engine.revokeAll("ann");
    expect(node.link.revoked).toHaveLength(1);
    expect(await tell(node, other)).toEqual([true]);
    await settle();
    expect(heard).toEqual([{ type: "ended", reason: "revoked" }]);
    expect(other.told("ended")).toEqual([{ type: "ended", key: theirs, reason: "revoked" }]);
    // Others that hold it hear of the end, too.
    expect(other.link.outbox.filter(({ kind }) => kind === "end").map(({ key }) => key)).toEqual([theirs]);
    expect([await node.read(mine), await other.read(theirs), await other.read(stranger)]).toEqual(["ended", "ended", {}]);
    const again = login(other, "ann");
    expect(await other.read(again)).toEqual({});
    expect(await node.read((await exchanged(other, node, again)).key)).toEqual({});
  });

  test("[E15] an old copy that turns up afterwards is over, on a node that only knows the revocation", async () => {
    const [node, other] = [new TestNode(1, SECRET), new TestNode(2, SECRET)];
    const key = login(node, "ann");
    const old = await node.record(key);
    await node.engine.revokeAll("ann");
    await tell(node, other);
    await other.replica.receiveState(key, old);
    expect(await other.read(key)).toBe("ended");
    const third = new TestNode(3, SECRET);
    for (const [subject, notBeforeMs] of await other.replica.revocations()) await third.replica.receiveRevocation(subject, notBeforeMs);
    await third.replica.receiveState(key, old);
    expect(await third.read(key)).toBe("ended");
  });

  test("[E15] whoever is kept by the one who revoked is kept everywhere", async () => {
    const [node, other] = [new TestNode(1, SECRET), new TestNode(2, SECRET)];
    const mine = login(node, "ann");
    await exchange(node, other, mine);
    await node.engine.revokeAll("ann", { except: mine });
    await exchange(node, other, mine);
    await tell(node, other);
    expect([await node.read(mine), await other.read(mine)]).toEqual([{}, {}]);
  });

  test("[E16] one that was received is news once, only grows, and is stored before it counts as received", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store });
    const nowMs = node.runtime.nowMs();
    const subject = "AAAAAAAAAAAAAAAAAAAAAA";
    expect(await node.replica.receiveRevocation(subject, nowMs)).toBe(true);
    expect(await node.replica.receiveRevocation(subject, nowMs)).toBe(false);
    expect(await node.replica.receiveRevocation(subject, nowMs - 5)).toBe(false);
    expect(await store.revocations()).toEqual(new Map([[subject, nowMs]]));
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const revoke = store.revoke.bind(store);
    store.revoke = async (...call) => gate.then(() => revoke(...call));
    const received: string[] = [];
    void node.replica.receiveRevocation(subject, nowMs + 1).then((isNews) => received.push(`first ${isNews}`));
    await settle();
    // It counts at once, and nobody who sends it again is told that it lasts before it does.
    expect(await node.replica.revocations()).toEqual(new Map([[subject, nowMs + 1]]));
    void node.replica.receiveRevocation(subject, nowMs + 1).then((isNews) => received.push(`again ${isNews}`));
    await settle();
    expect(received).toEqual([]);
    open();
    await settle();
    expect(received).toEqual(["first true", "again false"]);
    expect(await store.revocations()).toEqual(new Map([[subject, nowMs + 1]]));
  });

  test("[E16] one that could not be stored is not taken as received, and is stored when it comes again", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store });
    const subject = "AAAAAAAAAAAAAAAAAAAAAA";
    const revoke = store.revoke.bind(store);
    store.revoke = async () => Promise.reject(new Error("the disk is on fire"));
    await expect(node.replica.receiveRevocation(subject, 7)).rejects.toThrow("on fire");
    store.revoke = revoke;
    expect(await node.replica.receiveRevocation(subject, 7)).toBe(false);
    expect(await store.revocations()).toEqual(new Map([[subject, 7]]));
  });

  test("[E18] one from a clock that is too fast is taken and counted, and whoever logs in afterwards stays in, everywhere", async () => {
    const [fast, node, other] = [new TestNode(1, SECRET), new TestNode(2, SECRET), new TestNode(3, SECRET)];
    fast.runtime.advance(3_600_000);
    const old = login(node, "ann");
    await fast.engine.revokeAll("ann");
    for (const to of [node, other]) expect(await tell(fast, to)).toEqual([true]);
    expect(node.told("clock-fault")).toHaveLength(1);
    expect(await node.read(old)).toBe("ended");
    const fresh = login(node, "ann");
    await exchange(node, other, fresh);
    expect([await node.read(fresh), await other.read(fresh)]).toEqual([{}, {}]);
    // And the next revocation reaches it.
    await other.engine.revokeAll("ann");
    await tell(other, node);
    expect([await node.read(fresh), await other.read(fresh)]).toEqual(["ended", "ended"]);
  });

  test.each([Number.NaN, -1, 0.5, Infinity, 2 ** 52])(
    "[E18] one that nobody can have made is refused and counted: %d",
    async (notBeforeMs) => {
      const node = new TestNode(1, SECRET);
      expect(await node.replica.receiveRevocation("AAAAAAAAAAAAAAAAAAAAAA", notBeforeMs)).toBe(false);
      expect(await node.replica.revocations()).toEqual(new Map());
      expect(node.told("input-refused")).toHaveLength(1);
    },
  );
});

async function exchanged(from: TestNode, to: TestNode, key: SessionKey): Promise<{ key: SessionKey }> {
  await tell(to, from);
  await exchange(from, to, key);
  return { key };
}
