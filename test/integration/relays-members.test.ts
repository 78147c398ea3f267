import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { type KeptIncarnation, PROTOCOL_VERSION } from "../../src/sync/index.ts";
import type { Replicator } from "../../src/sync/replicator.ts";
import { eventually } from "../support/eventually.ts";
import { replicatorFor, TEST_SECRET } from "../support/relay-holder.ts";
import { changeOf, endedRecord, keyNamed, SetReplica } from "../support/set-replica.ts";
import { freeAddresses, TestRelay } from "../support/test-relay.ts";

const [A, B, C] = [keyNamed("a"), keyNamed("b"), keyNamed("c")];
const MISS_TIMEOUT_MS = 300;
/** Registers that are older than any session are forgotten. */
const NOW_MS = Date.now();

const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

interface Member {
  readonly relay: TestRelay;
  readonly replica: SetReplica;
  readonly address: string;
}

async function startRelay(
  address: string,
  peers: readonly string[],
  replica = new SetReplica(),
  incarnation?: KeptIncarnation,
): Promise<Member> {
  const relay = await TestRelay.start({ address, peers, replica, ...(incarnation === undefined ? {} : { incarnation }) });
  cleanUps.push(() => relay.close());
  return { relay, replica, address };
}

/** Relays that are all configured with all, and past their barriers. */
async function startRelays(count: number): Promise<Member[]> {
  const addresses = await freeAddresses(count);
  const members = await Promise.all(addresses.map((address) => startRelay(address, addresses)));
  await joined(members);
  return members;
}

async function joined(members: readonly Member[]): Promise<void> {
  await eventually(() => {
    for (const { relay } of members) expect(relay.core.status).toMatchObject({ isComplete: true, memberCount: members.length });
  });
}

async function startNode(members: readonly { readonly address: string }[]): Promise<{ replica: SetReplica; replication: Replicator }> {
  const replica = new SetReplica();
  const addresses = members.map(({ address }) => address);
  const replication = replicatorFor(addresses, {
    alone: "serve",
    secret: TEST_SECRET,
    missTimeoutMs: MISS_TIMEOUT_MS,
    ackTimeoutMs: 2_000,
  });
  replication.start(replica);
  cleanUps.push(() => replication.close());
  await replication.ready;
  return { replica, replication };
}

describe("relays that dial each other", () => {
  it("[SY32] leave their own address alone, and need be told of each other by one side only", async () => {
    const [left = "", right = ""] = await freeAddresses(2);
    const listening = await startRelay(left, [left]);
    const dialing = await startRelay(right, [left, right]);
    await joined([listening, dialing]);
    listening.replica.hold(A, 1);
    const [onLeft, onRight] = [await startNode([listening]), await startNode([dialing])];
    onLeft.replication.sendState(B, onLeft.replica.hold(B, 2));
    onRight.replication.sendState(C, onRight.replica.hold(C, 3));
    for (const { replica } of [listening, dialing])
      await eventually(() => expect([B, C].map((key) => replica.read(key))).toEqual([[2], [3]]));
    for (const { relay } of [listening, dialing]) expect(relay.core.members().filter(({ role }) => role === "relay")).toHaveLength(1);
  });

  it("[SY21] exchange what each of them held before they met, ends and revocations included", async () => {
    const addresses = await freeAddresses(2);
    const replicas = [new SetReplica(), new SetReplica()] as const;
    replicas[0].hold(A, 1, 2);
    replicas[0].end(B);
    replicas[0].revoked.set(A, NOW_MS + 10);
    replicas[1].hold(A, 1, 3);
    replicas[1].hold(B, 4);
    replicas[1].hold(C, 5);
    replicas[1].revoked.set(A, NOW_MS + 9).set(B, NOW_MS + 20);
    const members = await Promise.all(addresses.map((address, index) => startRelay(address, addresses, replicas[index])));
    await joined(members);
    for (const { replica } of members) {
      expect([A, B, C].map((key) => replica.read(key))).toEqual([[1, 2, 3], "ended", [5]]);
      expect([...replica.revoked]).toEqual(
        expect.arrayContaining([
          [A, NOW_MS + 10],
          [B, NOW_MS + 20],
        ]),
      );
    }
  });

  it("[SY24] [SY30] are not complete before they have what the others hold, and their registers", async () => {
    const addresses = await freeAddresses(2);
    const [one = "", other = ""] = addresses;
    const slow = new SetReplica();
    slow.hold(A, 1);
    slow.revoked.set(A, NOW_MS + 10);
    const joining = await startRelay(one, addresses);
    await startRelay(other, addresses, slow);
    slow.isHung = true;
    await eventually(() => expect(joining.relay.core.members()).not.toEqual([]));
    expect(joining.relay.core.status.isComplete).toBe(false);
    slow.isHung = false;
    await eventually(() => expect(joining.relay.core.status.isComplete).toBe(true), 20_000);
    expect([joining.replica.read(A), joining.replica.revoked.get(A)]).toEqual([[1], NOW_MS + 10]);
  });

  it("[SY24] pass their barrier under writes that never end", async () => {
    const addresses = await freeAddresses(2);
    const [one = "", other = ""] = addresses;
    const staying = await startRelay(one, [one]);
    for (let n = 0; n < 500; n += 1) staying.replica.hold(keyNamed(`old${n}`), 1);
    const node = await startNode([staying]);
    let count = 0;
    const writing = setInterval(() => {
      const key = keyNamed(`new${(count += 1)}`);
      node.replication.sendState(key, node.replica.hold(key, 1));
    }, 2);
    cleanUps.push(async () => clearInterval(writing));
    const joining = await startRelay(other, addresses);
    await eventually(() => expect(joining.relay.core.status).toMatchObject({ isComplete: true, memberCount: 2 }), 20_000);
    for (let n = 0; n < 500; n += 1) expect(joining.replica.read(keyNamed(`old${n}`))).toEqual([1]);
    expect(count).toBeGreaterThan(10);
  });

  it("[SY20] tell each other what is news, once", async () => {
    const members = await startRelays(3);
    const [writer, reader] = [await startNode([members[0]!]), await startNode([members[2]!])];
    for (const { replica } of members) replica.received.length = 0;
    reader.replica.hold(A, 1);
    writer.replication.sendState(A, writer.replica.hold(A, 1));
    await eventually(() => expect(members[2]!.replica.read(A)).toEqual([1]));
    reader.replication.watch(A);
    await reader.replication.fetch(A);
    for (let stamp = 2; stamp <= 20; stamp += 1) writer.replication.sendChange(A, changeOf(stamp, stamp - 1));
    writer.replication.sendTouch(A, 99);
    await eventually(() => expect(reader.replica.received).toContain(`touch ${A} 99`));
    expect(reader.replica.read(A)).toHaveLength(20);
    await writer.replication.sendEnd(A, endedRecord(A).envelope);
    await eventually(() => expect(reader.replica.read(A)).toBe("ended"));
    for (const { replica } of members) {
      for (const what of ["state", "touch", "end"])
        expect(replica.received.filter((line) => line.startsWith(what)).length).toBeLessThanOrEqual(3);
      // From its node or one relay, and from the other relay.
      expect(replica.received.filter((line) => line.startsWith("change")).length).toBeLessThanOrEqual(2 * 19);
    }
  });

  it("[SY25] say what the loss of one of them means, and take it back when it is back with what it kept", async () => {
    const addresses = await freeAddresses(2);
    const kept: number[] = [];
    const incarnation: KeptIncarnation = {
      id: randomBytes(16),
      begunAtMs: 1_000,
      completeSinceMs: undefined,
      keep: (sinceMs) => void kept.push(sinceMs),
    };
    const staying = await startRelay(addresses[0]!, addresses);
    const replica = new SetReplica();
    const leaving = await startRelay(addresses[1]!, addresses, replica, incarnation);
    await joined([staying, leaving]);
    const { completeSinceMs } = staying.relay.core.status;
    await leaving.relay.kill();
    await eventually(() => expect(staying.relay.core.status).toMatchObject({ isComplete: true, memberCount: 1 }));
    expect(staying.relay.core.status.completeSinceMs).toBeGreaterThan(completeSinceMs);
    const keptSinceMs = kept.at(-1) ?? 0;
    const back = await startRelay(addresses[1]!, addresses, replica, { ...incarnation, completeSinceMs: keptSinceMs });
    // What nodes made meanwhile it learns from the one that stayed.
    expect(back.relay.core.status.completeSinceMs).toBeGreaterThanOrEqual(keptSinceMs);
    await joined([staying, back]);
    expect(staying.relay.core.status.completeSinceMs).toBe(completeSinceMs);
    expect(back.relay.core.status.completeSinceMs).toBe(Math.max(keptSinceMs, completeSinceMs));
    // And one that comes back empty changes nothing for the better: behind a cut its old self may have been told of sessions until now.
    await back.relay.kill();
    await eventually(() => expect(staying.relay.core.status.memberCount).toBe(1));
    const lostAtMs = staying.relay.core.status.completeSinceMs;
    const empty = await startRelay(addresses[1]!, addresses);
    await joined([staying, empty]);
    const metAtMs = staying.relay.core.status.completeSinceMs;
    expect(metAtMs).toBeGreaterThan(lostAtMs);
    expect(empty.relay.core.status.completeSinceMs).toBe(metAtMs);
  });

  it("[SY26] lose nothing when one of them says that it stops", async () => {
    const members = await startRelays(2);
    const { completeSinceMs } = members[0]!.relay.core.status;
    await members[1]!.relay.close();
    await eventually(() => expect(members[0]!.relay.core.members()).toEqual([]));
    expect(members[0]!.relay.core.status).toEqual({ isComplete: true, completeSinceMs, memberCount: 2 });
  });
});

describe("a node on several relays", () => {
  const LONG_AGO_MS = 1;

  it("[SY23] believes one of them that there is none, as long as that one would know", async () => {
    const members = await startRelays(2);
    const { replication } = await startNode(members);
    const bornAtMs = Date.now() + 60_000;
    expect(await replication.fetch(A, bornAtMs)).toEqual({ kind: "absent", isComplete: true });
    // Born before either of them began.
    expect(await replication.fetch(A, LONG_AGO_MS)).toEqual({ kind: "unavailable" });
    await members[1]!.relay.close();
    await eventually(async () => expect(await replication.fetch(A, bornAtMs)).toEqual({ kind: "absent", isComplete: false }));
  });

  it("[SY23] does not believe it of one that lost another, until that one is back", async () => {
    const members = await startRelays(2);
    const { replication } = await startNode(members);
    const bornAtMs = Date.now() + 60_000;
    await members[1]!.relay.kill();
    await eventually(() => expect(members[0]!.relay.core.status.memberCount).toBe(1));
    await eventually(async () => expect(await replication.fetch(A, bornAtMs)).toEqual({ kind: "unavailable" }));
    await startRelay(
      members[1]!.address,
      members.map(({ address }) => address),
    );
    await eventually(async () => expect(await replication.fetch(A, bornAtMs)).toEqual({ kind: "absent", isComplete: true }));
  });

  it("[SY34] speaks with a relay of the next release, which still speaks its version", async () => {
    const [address = ""] = await freeAddresses(1);
    const replica = new SetReplica();
    const versions = { newest: PROTOCOL_VERSION + 1, oldest: PROTOCOL_VERSION };
    const relay = await TestRelay.start({ address, peers: [], replica, versions });
    cleanUps.push(() => relay.close());
    const node = await startNode([{ address }]);
    node.replication.sendState(A, node.replica.hold(A, 1));
    await eventually(() => expect(replica.read(A)).toEqual([1]));
    expect(await node.replication.fetch(B)).toMatchObject({ kind: "absent" });
  });

  it("[SY29] [C3] claims with a majority of its relays, and not without", async () => {
    const two = await startRelays(2);
    const [left, right] = [await startNode(two), await startNode(two)];
    const nowMs = Date.now();
    const bornAtMs = nowMs + 60_000;
    const untilMs = nowMs + 86_400_000;
    const answers = await Promise.all([left, right].map(({ replication }) => replication.claim(A, "claim 1", nowMs, untilMs, bornAtMs)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    await two[1]!.relay.close();
    await eventually(() =>
      expect(left.replication.claim(A, "claim 2", nowMs, untilMs, bornAtMs)).rejects.toMatchObject({ code: "CLAIM_UNAVAILABLE" }),
    );
    const three = await startRelays(3);
    const [one, other] = [await startNode(three), await startNode(three)];
    await three[1]!.relay.kill();
    expect(await one.replication.claim(A, "claim 1", nowMs, untilMs, bornAtMs)).toBe(true);
    expect(await other.replication.claim(A, "claim 1", nowMs, untilMs, bornAtMs)).toBe(false);
    expect(await one.replication.claim(A, "once 1", nowMs, nowMs + 30_000, bornAtMs)).toBe(true);
    expect(await other.replication.claim(A, "once 1", nowMs, nowMs + 30_000, bornAtMs)).toBe(false);
    await one.replication.release(A, "once 1", nowMs + 30_000);
    await eventually(async () => expect(await other.replication.claim(A, "once 1", nowMs, nowMs + 30_001, bornAtMs)).toBe(true));
  });

  it("[SY30] revokes on all of them, with their acks, and on those that were away when they are back", async () => {
    const members = await startRelays(2);
    const addresses = members.map(({ address }) => address);
    const [both, onlyOne, onlyOther] = [await startNode(members), await startNode([members[0]!]), await startNode([members[1]!])];
    expect(await both.replication.sendRevocation(A, NOW_MS + 10)).toEqual({ acks: 2, wanted: 2, durable: false });
    expect(await onlyOne.replication.sendRevocation(B, NOW_MS + 20)).toMatchObject({ acks: 1, wanted: 1 });
    await eventually(() =>
      expect([...onlyOther.replica.revoked]).toEqual(
        expect.arrayContaining([
          [A, NOW_MS + 10],
          [B, NOW_MS + 20],
        ]),
      ),
    );
    await members[1]!.relay.kill();
    await eventually(async () => expect(await both.replication.sendRevocation(C, NOW_MS + 30)).toMatchObject({ acks: 1, wanted: 1 }));
    const back = await startRelay(members[1]!.address, addresses);
    await eventually(() => expect(back.replica.revoked.size).toBe(3));
    await eventually(() => expect([...onlyOther.replica.revoked.keys()]).toContain(C));
  });

  it("[SY30] tells of revocations from before it met its relays, and hears of theirs", async () => {
    const [member] = await startRelays(1);
    member!.replica.revoked.set(A, NOW_MS + 10);
    const back = await startRelay((await freeAddresses(1))[0]!, [], member!.replica);
    const node = new SetReplica();
    node.revoked.set(B, NOW_MS + 20);
    const replication = replicatorFor([back.address], { alone: "serve", secret: TEST_SECRET });
    replication.start(node);
    cleanUps.push(() => replication.close());
    await eventually(() => expect([node.revoked.get(A), back.replica.revoked.get(B)]).toEqual([NOW_MS + 10, NOW_MS + 20]));
  });
});
