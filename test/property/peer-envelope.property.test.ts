import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ABSOLUTE_TIMEOUT_MAX_MS } from "../../src/engine/engine-options.ts";
import { type Envelope, endEnvelope } from "../../src/engine/envelope.ts";
import { decodeRecord, encodeRecord } from "../../src/engine/record-codec.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import { exchange, TestNode } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { settle } from "../support/manual-runtime.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const IDLE_MS = 30 * 60 * 1000;
const EPSILON_MS = 2_000;
/** The greatest number that the codec reads. */
const GREATEST = Number.MAX_SAFE_INTEGER;

function login(node: TestNode, subject: string | undefined): SessionKey {
  const session = node.engine.draft();
  session.identify(node.engine.issueId());
  session.setSubject(subject);
  session.set("a", 1);
  session.commit();
  return session.key ?? "";
}

interface Met {
  readonly node: TestNode;
  readonly peer: TestNode;
  readonly key: SessionKey;
  readonly record: SessionRecord;
}

/** Two nodes that hold one session of ann. */
async function met(): Promise<Met> {
  const [node, peer] = [new TestNode(1), new TestNode(2)];
  const key = login(node, "ann");
  await exchange(node, peer, key);
  return { node, peer, key, record: await peer.record(key) };
}

/** Says of the session what a broken or hostile peer would. As it would come from the wire: nothing that the codec cannot say. */
async function say({ node, key, record }: Met, envelope: Partial<Envelope>): Promise<string> {
  const said = decodeRecord(encodeRecord({ ...record, envelope: { ...record.envelope, ...envelope } }));
  return (await node.replica.receiveState(key, said)).kind;
}

describe("an envelope from a broken or hostile peer", () => {
  test("[E11] a subject given in the far future is no way round a revocation", async () => {
    const all = await met();
    const { node, key, record } = all;
    await say(all, { subjectAtMs: node.runtime.nowMs() + DAY_MS });
    await node.engine.revokeAll("ann");
    // An old copy of what the peer said, after this node forgot about it or in another one that knows the register.
    const late = new TestNode(3);
    await late.engine.revokeAll("ann");
    await late.replica.receiveState(key, { ...record, envelope: { ...record.envelope, subjectAtMs: late.runtime.nowMs() + DAY_MS } });
    expect(await late.read(key)).not.toEqual({ a: 1 });
  });

  test("[E11] a subject given in the far future does not keep the session from changing hands, and from being stored", async () => {
    const all = await met();
    const { node, key } = all;
    await say(all, { subject: node.engine.host.subjectKey("eve"), subjectAtMs: GREATEST });
    const session = await node.open(key);
    session.setSubject("bob");
    session.commit();
    const record = await node.record(key);
    expect(record.envelope.subject).toBe(node.engine.host.subjectKey("bob"));
    expect(decodeRecord(encodeRecord(record)).envelope).toEqual(record.envelope);
  });

  test("[E7] an idle timeout with the greatest stamp does not keep the next from counting, and from being stored", async () => {
    const all = await met();
    const { node, key } = all;
    await say(all, { idleTimeoutMs: IDLE_MS + 1, idleTimeoutStamp: GREATEST });
    const session = await node.open(key);
    session.setIdleTimeout(5_000);
    session.commit();
    const record = await node.record(key);
    expect(record.envelope.idleTimeoutMs).toBe(5_000);
    expect(decodeRecord(encodeRecord(record)).envelope).toEqual(record.envelope);
  });

  test("[E4] a touch ahead of the clock is refused also where the birth is ahead of it", async () => {
    const all = await met();
    const { node, key, record } = all;
    const aheadMs = node.runtime.nowMs() + 10 * DAY_MS;
    await say(all, { createdAtMs: aheadMs, deadlineMs: aheadMs + DAY_MS, touchedAtMs: aheadMs });
    const { envelope } = await node.record(key);
    expect(envelope.touchedAtMs).toBe(record.envelope.touchedAtMs);
    node.runtime.advance(IDLE_MS);
    expect(await node.read(key)).not.toEqual({ a: 1 });
  });

  test("[E4] a touch ahead of the clock is refused of a session that is new here, too", async () => {
    const { peer, key, record } = await met();
    const node = new TestNode(3);
    const aheadMs = peer.runtime.nowMs() + DAY_MS;
    const envelope = {
      ...record.envelope,
      createdAtMs: aheadMs,
      firstCreatedAtMs: aheadMs,
      deadlineMs: aheadMs + DAY_MS,
      touchedAtMs: aheadMs,
    };
    await node.replica.receiveState(key, { ...record, envelope });
    // Refusing all of it is as good.
    const held = await node.replica.record(key);
    expect(held?.envelope.touchedAtMs ?? 0).toBeLessThanOrEqual(node.runtime.nowMs() + EPSILON_MS);
  });

  test("[E13] no session that comes from elsewhere may live longer than 30 days after its first birth", async () => {
    const { key, record } = await met();
    const node = new TestNode(3);
    await node.replica.receiveState(key, { ...record, envelope: { ...record.envelope, deadlineMs: GREATEST } });
    const held = await node.replica.record(key);
    if (held === undefined) return;
    expect(held.envelope.deadlineMs).toBeLessThanOrEqual(held.envelope.firstCreatedAtMs + ABSOLUTE_TIMEOUT_MAX_MS);
  });

  test("[E12] a successor that is the session itself does not stop the process", async () => {
    const all = await met();
    const { node, key } = all;
    await say(all, { successor: { key, atMs: GREATEST } });
    const nowMs = node.runtime.nowMs();
    let reads = 0;
    node.runtime.nowMs = () => {
      if (++reads > 5_000) throw new Error("it runs in circles");
      return nowMs;
    };
    await expect(node.engine.checkOut(key).then(({ kind }) => kind)).resolves.toMatch(/alive|absent|ended/);
  });

  test("[E8] an end that is said to be forgotten early is remembered as long as the session could have lived", async () => {
    const { node, peer, key, record } = await met();
    await node.replica.receiveEnd(key, endEnvelope({ key, deadlineMs: 0 }, { reason: "destroyed", atMs: 0 }));
    expect(await node.read(key)).toBe("ended");
    for (const { runtime } of [node, peer]) runtime.advance(10_000);
    await settle();
    // An old copy from somebody who never heard of the end.
    await node.replica.receiveState(key, record);
    expect(await node.read(key)).not.toEqual({ a: 1 });
  });

  test("[E8] an end is not remembered for ever because a peer says so", async () => {
    const node = new TestNode(1);
    const key = "AAAAAAAAAAAAAAAAAAAAAA";
    await node.replica.receiveEnd(key, endEnvelope({ key, deadlineMs: GREATEST }, { reason: "destroyed", atMs: 0 }));
    for (let day = 0; day < 32; day++) {
      node.runtime.stepTo(node.runtime.nowMs() + DAY_MS);
      // So long it takes until a wall clock that jumped is believed.
      node.runtime.advance(65_000);
    }
    await settle();
    expect([...node.replica.heldKeys()]).toEqual([]);
  });

  test("[E1] the birth of a session that is held is never changed by a peer", async () => {
    const all = await met();
    const { node, key, record } = all;
    await say(all, { createdAtMs: 1, firstCreatedAtMs: 1 });
    const { envelope } = await node.record(key);
    expect([envelope.createdAtMs, envelope.firstCreatedAtMs]).toEqual([record.envelope.createdAtMs, record.envelope.firstCreatedAtMs]);
  });

  test("[E4] [E13] whatever a peer says, always what is held is bounded, can be stored, and can be written on", async () => {
    const time = fc.oneof(
      fc.constantFrom(0, 1, 1_700_000_000_000, 1_700_000_000_000 + EPSILON_MS + 1, 1_700_000_000_000 + 31 * DAY_MS, 2 ** 52, GREATEST),
      fc.integer({ min: 1_699_990_000_000, max: 1_700_100_000_000 }),
    );
    const hostile = fc.record(
      {
        createdAtMs: time,
        firstCreatedAtMs: time,
        deadlineMs: time,
        idleTimeoutMs: time,
        idleTimeoutStamp: time,
        touchedAtMs: time,
        subjectAtMs: time,
        successor: fc.record({ key: fc.constantFrom("AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBA"), atMs: time }),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(hostile, fc.boolean(), async (envelope, isHeld) => {
        const all = await met();
        const { key } = all;
        const node = isHeld ? all.node : new TestNode(3);
        const said = { ...all.record.envelope, ...envelope };
        // The rest the codec cannot say.
        fc.pre(said.firstCreatedAtMs <= said.createdAtMs && said.createdAtMs <= said.deadlineMs);
        await say({ ...all, node }, envelope);
        const record = await node.replica.record(key);
        if (record === undefined) return;
        const held = record.envelope;
        const nowMs = node.runtime.nowMs();
        expect(held.touchedAtMs).toBeLessThanOrEqual(nowMs + EPSILON_MS);
        expect(held.subjectAtMs).toBeLessThanOrEqual(nowMs + EPSILON_MS);
        expect(held.firstCreatedAtMs).toBeLessThanOrEqual(held.createdAtMs);
        expect(held.deadlineMs).toBeLessThanOrEqual(held.firstCreatedAtMs + ABSOLUTE_TIMEOUT_MAX_MS);
        const session = node.engine.checkOutHot(key);
        if (session !== undefined) {
          session.setIdleTimeout(7_000);
          session.setSubject("bob");
          session.set("b", 2);
          session.commit();
        }
        const after = await node.record(key);
        expect(decodeRecord(encodeRecord(after)).envelope).toEqual(after.envelope);
        if (session !== undefined)
          expect(after.envelope).toMatchObject({ idleTimeoutMs: 7_000, subject: node.engine.host.subjectKey("bob") });
      }),
      fewerRuns(3),
    );
  });
});
