import { once } from "node:events";
import { createConnection } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeAck } from "../../src/sync/messages/ack.ts";
import { encodeChangeMessage } from "../../src/sync/messages/change.ts";
import { CLOSE_CODES } from "../../src/sync/messages/close-codes.ts";
import { encodePing } from "../../src/sync/messages/ping.ts";
import { encodeState } from "../../src/sync/messages/state.ts";
import { encodeWatch } from "../../src/sync/messages/watch.ts";
import { nodeRuntime } from "../../src/runtime/node-runtime.ts";
import { startRelayServer } from "../../src/sync/index.ts";
import { eventually } from "../support/eventually.ts";
import { RawPeer, RawRelay } from "../support/raw-peer.ts";
import { RelayHolder, TEST_SECRET, replicatorFor } from "../support/relay-holder.ts";
import { changeOf, keyNamed, recordOf, SetReplica } from "../support/set-replica.ts";

const A = keyNamed("a");
const on = new RelayHolder();
const peers: RawPeer[] = [];

beforeEach(() => on.restart());
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.cut();
  await on.stop();
});

async function stranger(): Promise<RawPeer> {
  const peer = await RawPeer.connect(on.address);
  peers.push(peer);
  return peer;
}

async function member(options: { secret?: string; domain?: string } = {}): Promise<RawPeer> {
  const peer = await RawPeer.greet(on.address, { secret: TEST_SECRET, ...options });
  peers.push(peer);
  return peer;
}

/** A relay that still does its work answers. */
async function expectRelayWorks(): Promise<void> {
  const peer = await member();
  peer.send(encodePing({ token: 7, nowMs: 0, rttMs: 0 }));
  await eventually(() => expect(peer.frames.at(-1)).toMatchObject({ kind: "pong", token: 7 }));
}

describe("a stranger at the relay", () => {
  it("[SY1] learns nothing but the challenge, whatever it asks for", async () => {
    const before = on.replica.received.length;
    const peer = await stranger();
    await eventually(() => expect(peer.kinds()).toEqual(["challenge"]));
    peer.send(encodeState({ round: 0, record: recordOf(A, [1]) }));
    peer.send(encodeWatch({ sessions: [{ key: A, fingerprint: 0, isRecent: false }] }));
    await eventually(() => expect(peer.closeCode).toBe(CLOSE_CODES.malformed));
    expect(peer.kinds()).toEqual(["challenge"]);
    expect(on.replica.received).toHaveLength(before);
    await expectRelayWorks();
  });

  it("[SY1] is refused with a code that says why: another secret, another domain", async () => {
    expect((await member({ secret: `${TEST_SECRET}!` })).closeCode).toBe(CLOSE_CODES.notAuthenticated);
    expect((await member({ domain: "other" })).closeCode).toBe(CLOSE_CODES.wrongDomain);
    await eventually(() => expect(on.relay.counters.refusedGreetings).toBe(2));
    await expectRelayWorks();
  });

  it.each([
    ["text", "hello"],
    ["an unknown type", new Uint8Array([255, 1, 2])],
    ["nothing", new Uint8Array()],
    ["more than a greeting may hold", new Uint8Array(4_097)],
  ])("[SY2] is cut off when it sends %s, and counted", async (_what, data) => {
    const peer = await stranger();
    peer.socket.send(data);
    await eventually(() => expect(peer.closeCode).toBeDefined());
    await eventually(() => expect(on.relay.counters.refusedGreetings).toBe(1));
    await expectRelayWorks();
  });

  it("[SY1] is cut off in the middle of a large frame, long before its end", async () => {
    const socket = createConnection({ host: "127.0.0.1", port: on.relay.port });
    await once(socket, "connect");
    socket.on("error", () => undefined);
    socket.write(
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await once(socket, "data");
    const closed = once(socket, "close");
    // A binary frame of 1,000,000 bytes, masked, of which only the first 8 KiB ever come.
    socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 1, 2, 3, 4]));
    socket.write(Buffer.alloc(8_192));
    const startedMs = performance.now();
    await closed;
    expect(performance.now() - startedMs).toBeLessThan(2_500);
    await expectRelayWorks();
  });

  it("[SY1] has three seconds, with or without an upgrade", async () => {
    const silent = createConnection({ host: "127.0.0.1", port: on.relay.port });
    silent.on("error", () => undefined);
    const peer = await stranger();
    await Promise.all([once(silent, "close"), eventually(() => expect(peer.closeCode).toBeDefined(), 6_000)]);
    await eventually(() => expect(on.relay.counters.refusedGreetings).toBe(2));
    await expectRelayWorks();
  });

  it("is told by plain HTTP that this is no web site", async () => {
    const response = await fetch(`http://127.0.0.1:${on.relay.port}/`);
    expect(response.status).toBe(426);
  });
});

describe("a member that breaks the protocol", () => {
  it.each([
    ["broken bytes", encodeChangeMessage({ key: A, change: changeOf(1) }).subarray(0, 30), CLOSE_CODES.malformed],
    ["a frame that only relays send", encodeAck({ number: 1, durable: true, missed: [] }), CLOSE_CODES.malformed],
    ["more than a frame may hold", new Uint8Array(1024 * 1024 + 4097), 1009],
  ])("[SY2] is closed for %s, and the others go on", async (_what, bytes, code) => {
    const [breaking, other] = [await member(), await member()];
    breaking.send(bytes);
    await eventually(() => expect(breaking.closeCode).toBe(code));
    other.send(encodePing({ token: 1, nowMs: 0, rttMs: 0 }));
    await eventually(() => expect(other.frames.at(-1)).toMatchObject({ kind: "pong", token: 1 }));
  });

  it("[SY2] has nothing done for it after the frame that was refused", async () => {
    const peer = await member();
    peer.send(new Uint8Array([255]));
    peer.send(encodeState({ round: 0, record: recordOf(keyNamed("late"), [1]) }));
    await eventually(() => expect(peer.closeCode).toBe(CLOSE_CODES.malformed));
    expect(on.relay.counters.malformedFrames).toBe(1);
    expect(on.replica.read(keyNamed("late"))).toBeUndefined();
  });

  it("[SY5] has no more than 16 MiB queued when it does not read, is repaired when it does, and the others go on", async () => {
    const [stuck, writer, reader] = [await member(), await member(), await member()];
    const watching = { sessions: [{ key: A, fingerprint: 0, isRecent: false }] };
    const alive = setInterval(() => {
      for (const peer of [stuck, writer, reader]) peer.send(encodePing({ token: 9, nowMs: 0, rttMs: 0 }));
    }, 1_000);
    for (const peer of [stuck, reader]) peer.send(encodeWatch(watching));
    for (const peer of [stuck, reader]) peer.send(encodePing({ token: 1, nowMs: 0, rttMs: 0 }));
    await eventually(() => expect([stuck, reader].map((peer) => peer.kinds().includes("pong"))).toEqual([true, true]));
    stuck.socket.pause();
    // 40 MiB for each watcher: more than the queue and all the buffers of the kernel between two sockets hold.
    const update = new Uint8Array(512 * 1024);
    on.replica.hold(A, 1);
    for (let stamp = 2; stamp <= 81; stamp += 1) {
      writer.send(encodeChangeMessage({ key: A, change: { ...changeOf(stamp, stamp - 1), update } }));
      await eventually(() => expect(reader.kinds().filter((kind) => kind === "change")).toHaveLength(stamp - 1));
    }
    expect(on.relay.counters.queueOverflows).toBe(1);
    expect(on.relay.connectionCount()).toBe(3);
    stuck.socket.resume();
    // What it got is not all; then the relay compares what the two hold, and leaves nothing out.
    await eventually(() => expect(stuck.frames.at(-1)).toMatchObject({ kind: "digest", level: "root", isRepair: true }));
    expect(stuck.kinds().filter((kind) => kind === "change").length).toBeLessThan(80);
    clearInterval(alive);
  });
});

describe("a relay that breaks the protocol", () => {
  it("[SY1] gets no session from a node before it showed that it knows the secret", async () => {
    const impostor = await RawRelay.listen(`${TEST_SECRET}!`);
    const replica = new SetReplica();
    replica.hold(A, 1);
    const replication = replicatorFor([impostor.address], { alone: "serve", secret: TEST_SECRET, missTimeoutMs: 50 });
    replication.start(replica);
    // It answers every hello with a guess.
    await eventually(() => expect(impostor.peers.length).toBeGreaterThan(0));
    await replication.ready;
    expect(await replication.fetch(A)).toEqual({ kind: "unavailable" });
    expect(impostor.peers.flatMap((peer) => peer.kinds()).filter((kind) => kind !== "hello")).toEqual([]);
    await replication.close();
    impostor.close();
  });

  it("[SY5] has no more than 16 MiB queued by a node when it does not read, and gets the state when it does", async () => {
    const stuck = await RawRelay.listen(TEST_SECRET);
    const replica = new SetReplica();
    const replication = replicatorFor([stuck.address], { alone: "serve", secret: TEST_SECRET });
    replication.start(replica);
    await replication.ready;
    replication.watch(A);
    replica.hold(A, 1, 2);
    stuck.peers[0]?.socket.pause();
    const update = new Uint8Array(512 * 1024);
    for (let stamp = 1; stamp <= 80; stamp += 1) replication.sendChange(A, { ...changeOf(stamp, stamp - 1), update });
    expect(replication.counters.queueOverflows).toBe(1);
    stuck.peers[0]?.socket.resume();
    await eventually(() => expect(stuck.peers[0]?.kinds()).toContain("state"));
    expect(stuck.peers).toHaveLength(1);
    await replication.close();
    stuck.close();
  });
});

describe("a relay that cannot start", () => {
  it("says why: no secret worth the name, a port that is taken", async () => {
    const replica = new SetReplica();
    await expect(startRelayServer({ replica, runtime: nodeRuntime, secret: "short" })).rejects.toMatchObject({ code: "OPTION_INVALID" });
    await expect(startRelayServer({ replica, runtime: nodeRuntime, secret: TEST_SECRET, port: 70_000 })).rejects.toMatchObject({
      code: "OPTION_INVALID",
    });
    await expect(startRelayServer({ replica, runtime: nodeRuntime, secret: TEST_SECRET, port: on.relay.port })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });
});
