import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Frame } from "../../src/sync/messages/index.ts";
import type { Replicator } from "../../src/sync/replicator.ts";
import { changeOf, keyNamed, recordOf, SetReplica } from "../support/set-replica.ts";
import { Wire } from "../support/wire.ts";

const [A, B] = [keyNamed("a"), keyNamed("b")];
let wire: Wire;

beforeEach(() => void (wire = new Wire()));
afterEach(() => wire.close());

interface Node {
  readonly replica: SetReplica;
  readonly replication: Replicator;
}

async function node(options: Parameters<Wire["node"]>[1] = {}, replica = new SetReplica()): Promise<Node> {
  const replication = wire.node(replica, options);
  await wire.pass(20);
  return { replica, replication };
}

/** One request that adds a number. */
function write({ replica, replication }: Node, key: string, stamp: number, previousStamp = 0): void {
  replica.hold(key, stamp);
  if (previousStamp === 0) {
    replication.watch(key);
    replication.sendState(key, recordOf(key, [stamp]));
  } else replication.sendChange(key, changeOf(stamp, previousStamp));
}

const fillWith = (replica: SetReplica, count: number): void => {
  for (let index = 0; index < count; index += 1) replica.hold(keyNamed(`k${index}`), 1);
};

describe("acks and what waits for them", () => {
  it("[RP6] says that it is delivered when a holder has it, at once where nothing is open, and in time where nobody has", async () => {
    const writer = await node({ acks: 1, ackTimeoutMs: 500 });
    write(writer, A, 1);
    const delivered = writer.replication.delivered(A, 1);
    await wire.pass(10);
    expect(await delivered).toEqual({ acks: 1, wanted: 1, durable: false });
    expect(wire.replica.read(A)).toEqual([1]);
    expect(await writer.replication.delivered(A, 1)).toEqual({ acks: 1, wanted: 1, durable: false });
    wire.held.add("up");
    write(writer, A, 2, 1);
    const late = writer.replication.delivered(A, 1);
    await wire.pass(499, 1);
    let isSettled = false;
    void late.then(() => (isSettled = true));
    await wire.pass(0);
    expect(isSettled).toBe(false);
    await wire.pass(2, 1);
    expect(await late).toEqual({ acks: 0, wanted: 1, durable: false });
    wire.release("up");
  });

  it("[RP6] is durable exactly where the holder stored it before it acked", async () => {
    wire.replica.isDurable = true;
    const writer = await node({ acks: 1 });
    write(writer, A, 1);
    const delivered = writer.replication.delivered(A, 1);
    await wire.pass(10);
    expect(await delivered).toEqual({ acks: 1, wanted: 1, durable: true });
  });

  it("[RP7] outlives a reconnect: what was not acked before the cut is sent again, and its ack counts", async () => {
    const writer = await node({ acks: 1, ackTimeoutMs: 20_000 });
    write(writer, A, 1);
    await wire.pass(10);
    wire.loseNext((frame) => frame.kind === "change");
    write(writer, A, 2, 1);
    const delivered = writer.replication.delivered(A, 1);
    await wire.pass(5);
    wire.cut();
    await wire.pass(1_000);
    expect(await delivered).toMatchObject({ acks: 1, wanted: 1 });
    expect(wire.replica.read(A)).toEqual([1, 2]);
  });

  it("[RP8] never acks what it did not take in: a change with a gap counts only once the state is there", async () => {
    const writer = await node({ acks: 1, ackTimeoutMs: 20_000 });
    write(writer, A, 1);
    await wire.pass(10);
    // Its second number was never sent, so the relay cannot use the third. What the node answers when it is asked for the state waits.
    writer.replica.hold(A, 2);
    wire.loseNext((frame) => {
      if (frame.kind === "change") wire.held.add("up");
      return false;
    });
    write(writer, A, 3, 2);
    const delivered = writer.replication.delivered(A, 1);
    let isSettled = false;
    void delivered.then(() => (isSettled = true));
    await wire.pass(200);
    expect(wire.kinds("down")).toEqual(expect.arrayContaining(["ask-state", "ack"]));
    expect(wire.replica.read(A)).toEqual([1]);
    expect(isSettled).toBe(false);
    expect(writer.replication.backlog().sessions).toBe(1);
    wire.release("up");
    await wire.pass(20);
    expect(wire.replica.read(A)).toEqual([1, 2, 3]);
    expect(await delivered).toMatchObject({ acks: 1 });
    expect(writer.replication.backlog().sessions).toBe(0);
  });

  it("[RP9] tells what no holder has: nothing after the ack, all that was written while nobody was there", async () => {
    const writer = await node();
    expect(writer.replication.backlog()).toEqual({ sessions: 0, bytes: 0, ageMs: 0 });
    write(writer, A, 1);
    expect(writer.replication.backlog()).toMatchObject({ sessions: 1 });
    expect(writer.replication.backlog().bytes).toBeGreaterThan(30);
    await wire.pass(100);
    expect(writer.replication.backlog()).toEqual({ sessions: 0, bytes: 0, ageMs: 0 });
    wire.isReachable = false;
    wire.cut();
    await wire.pass(10);
    write(writer, A, 2, 1);
    write(writer, B, 1);
    await wire.pass(1_000);
    expect(writer.replication.backlog()).toMatchObject({ sessions: 2, ageMs: 1_000 });
    wire.isReachable = true;
    await wire.pass(10_000, 50);
    expect(writer.replication.backlog()).toEqual({ sessions: 0, bytes: 0, ageMs: 0 });
    expect(wire.replica.read(A)).toEqual([1, 2]);
  });

  it("[RP10] acks within 50 ms together where nobody waits, and at the end of the tick where somebody does", async () => {
    const [idle, waiting] = [await node(), await node({ acks: 1 })];
    write(idle, A, 1);
    write(waiting, B, 1);
    await wire.pass(10);
    wire.frames.length = 0;
    for (let stamp = 2; stamp <= 21; stamp += 1) write(idle, A, stamp, stamp - 1);
    await wire.pass(60);
    expect(wire.kinds("down").filter((kind) => kind === "ack")).toHaveLength(1);
    wire.frames.length = 0;
    for (let stamp = 2; stamp <= 21; stamp += 1) write(waiting, B, stamp, stamp - 1);
    await wire.pass(0);
    expect(wire.kinds("down").filter((kind) => kind === "ack").length).toBeGreaterThanOrEqual(1);
  });
});

describe("a reconnect", () => {
  it("[RP11] of sessions that are equal costs 23 bytes each and not one state", async () => {
    const count = 5_000;
    const replica = new SetReplica();
    fillWith(replica, count);
    fillWith(wire.replica, count);
    wire.replica.hold(keyNamed("k7"), 2);
    await node({}, replica);
    await wire.pass(500);
    const up = wire.frames.filter(({ direction }) => direction === "up");
    const byteCount = up.reduce((sum, each) => sum + each.byteCount, 0);
    expect(up.filter(({ frame }) => frame.kind === "state")).toHaveLength(0);
    expect(byteCount).toBeLessThan(count * 23 + 1_000);
    expect(wire.kinds("down").filter((kind) => kind === "state")).toHaveLength(1);
    expect(replica.read(keyNamed("k7"))).toEqual([1, 2]);
  });

  it("[RP11] brings a holder without memory everything, and what it is asked for meanwhile first", async () => {
    const replica = new SetReplica();
    fillWith(replica, 3_000);
    await node({}, replica);
    await wire.pass(2_000);
    for (const index of [0, 1_500, 2_999]) expect(wire.replica.read(keyNamed(`k${index}`))).toEqual([1]);
    expect([...wire.replica.heldKeys()]).toHaveLength(3_000);
  });
});

describe("a relay that joins", () => {
  it("[SY15] is asked for a session that it knows a node to hold: that one comes before the rest", async () => {
    const replica = new SetReplica();
    fillWith(replica, 3_000);
    await node({}, replica);
    const asking = await node({ missTimeoutMs: 1_000 });
    // The node told what it holds, and of the states themselves the first few are here.
    await wire.pass(20);
    const key = keyNamed("k2999");
    expect(wire.replica.read(key)).toBeUndefined();
    const before = [...wire.replica.heldKeys()].length;
    const answer = asking.replication.fetch(key);
    await wire.pass(1);
    expect(await answer).toMatchObject({ kind: "found", record: recordOf(key, [1]) });
    expect([...wire.replica.heldKeys()].length - before).toBeLessThan(500);
  });
});

describe("what was lost on the way", () => {
  const lost: readonly (readonly [string, "up" | "down", Frame["kind"]])[] = [
    ["from a node to its relay", "up", "change"],
    ["from a relay to a node", "down", "change"],
    ["when a session was made", "up", "state"],
    ["when one ended", "up", "end"],
  ];

  it.each(lost)("[SY10] is there within three seconds (%s)", async (_what, lostDirection, kind) => {
    const [writer, reader] = [await node(), await node()];
    write(writer, A, 1);
    await wire.pass(20);
    await Promise.all([reader.replication.fetch(A), wire.pass(20)]);
    reader.replica.hold(A, 1);
    await wire.pass(3_000);
    wire.loseNext((frame, direction) => frame.kind === kind && direction === lostDirection);
    if (kind === "change") write(writer, A, 2, 1);
    else if (kind === "state") write(writer, B, 1);
    else void writer.replication.sendEnd(A, writer.replica.end(A));
    await wire.pass(3_100);
    if (kind === "change") for (const replica of [wire.replica, reader.replica]) expect(replica.read(A)).toEqual([1, 2]);
    else if (kind === "state") expect(wire.replica.read(B)).toEqual([1]);
    else for (const replica of [wire.replica, reader.replica]) expect(replica.read(A)).toBe("ended");
  });

  it("[SY11] costs a quiet link nothing worth mentioning: less than 100 bytes a second, however many sessions there are", async () => {
    const replica = new SetReplica();
    fillWith(replica, 10_000);
    fillWith(wire.replica, 10_000);
    await node({}, replica);
    await wire.pass(3_000);
    wire.frames.length = 0;
    await wire.pass(20_000);
    const byteCount = wire.frames.reduce((sum, each) => sum + each.byteCount, 0);
    expect(wire.kinds("up").filter((kind) => kind === "digest").length).toBeGreaterThanOrEqual(19);
    expect(byteCount / 20).toBeLessThan(100);
  });

  it("[SY11] looks less often into what differs for good, and into a few buckets at a time", async () => {
    const replica = new SetReplica();
    fillWith(replica, 2_000);
    const { replication } = await node({}, replica);
    await wire.pass(3_000);
    // Nothing that this node is told arrives: its answers to digests differ from the relay's for ever.
    for (let index = 0; index < 2_000; index += 1) wire.replica.hold(keyNamed(`k${index}`), 2);
    replica.isHung = true;
    wire.frames.length = 0;
    await wire.pass(30_000, 100);
    expect(wire.kinds("up").filter((kind) => kind === "digest").length).toBeLessThan(40);
    replica.isHung = false;
    expect(replication.backlog().sessions).toBe(0);
  });
});

describe("a peer that does not read", () => {
  it("[SY5] [SY12] has 16 MiB queued at most, loses no connection, and has everything soon after it reads again", async () => {
    const [writer, reader] = [await node(), await node()];
    write(writer, A, 1);
    await wire.pass(20);
    await Promise.all([reader.replication.fetch(A), wire.pass(20)]);
    reader.replica.hold(A, 1);
    wire.held.add("down");
    const update = new Uint8Array(512 * 1024);
    for (let stamp = 2; stamp <= 81; stamp += 1) {
      writer.replica.hold(A, stamp);
      writer.replication.sendChange(A, { ...changeOf(stamp, stamp - 1), update });
      await wire.pass(0);
    }
    await wire.pass(1_000);
    expect(wire.replica.read(A)).toHaveLength(81);
    expect(wire.counters.queueOverflows).toBe(1);
    wire.release("down");
    await wire.pass(2_000);
    expect(reader.replica.read(A)).toHaveLength(81);
    expect(wire.core.connectionCount).toBe(2);
  });

  it("[SY12] on the way up: what the node dropped is sent whole once the relay reads again, and acked", async () => {
    const writer = await node({ acks: 1, ackTimeoutMs: 20_000 });
    write(writer, A, 1);
    await wire.pass(20);
    wire.held.add("up");
    const update = new Uint8Array(512 * 1024);
    for (let stamp = 2; stamp <= 81; stamp += 1) {
      writer.replica.hold(A, stamp);
      writer.replication.sendChange(A, { ...changeOf(stamp, stamp - 1), update });
    }
    const delivered = writer.replication.delivered(A, 1);
    await wire.pass(1_000);
    wire.release("up");
    await wire.pass(1_000);
    expect(wire.replica.read(A)).toHaveLength(81);
    expect(await delivered).toMatchObject({ acks: 1 });
    expect(writer.replication.backlog().sessions).toBe(0);
  });
});
