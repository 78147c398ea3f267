import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import type { SessionRecord } from "../../src/engine/index.ts";
import { encodeChangeMessage } from "../../src/sync/messages/change.ts";
import { encodeFetch } from "../../src/sync/messages/fetch.ts";
import { encodeState } from "../../src/sync/messages/state.ts";
import { eventually } from "../support/eventually.ts";
import { RawPeer } from "../support/raw-peer.ts";
import { TEST_SECRET } from "../support/relay-holder.ts";
import { RelayBench } from "../support/relay-program.ts";
import { TestWorld } from "../support/replica.ts";
import { freeAddresses } from "../support/test-relay.ts";

const HOUR_MS = 3_600_000;

const bench = new RelayBench();
const peers: RawPeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.cut();
  await bench.cleanUp();
});

async function greet(address: string): Promise<RawPeer> {
  const peer = await RawPeer.greet(address, { secret: TEST_SECRET });
  peers.push(peer);
  return peer;
}

/** A session that was born now, with what a replica holds. */
function bornNow(record: SessionRecord): SessionRecord {
  const key = randomBytes(16).toString("base64url");
  const nowMs = Date.now();
  const life = { createdAtMs: nowMs, firstCreatedAtMs: nowMs, touchedAtMs: nowMs, deadlineMs: nowMs + HOUR_MS, idleTimeoutMs: HOUR_MS / 2 };
  return { ...record, envelope: { ...record.envelope, ...life, key, firstKey: key } };
}

describe("a relay process, over a real socket", () => {
  it("[RP8] [D3] takes in no change with a gap before it: it asks for the state, and acknowledges the change only as missed", async () => {
    const { address } = await bench.relay();
    const peer = await greet(address);
    const writer = new TestWorld().replica();
    writer.edit((data) => (data["first"] = 1));
    const record = bornNow(writer.record());
    const { key } = record.envelope;
    const [lost, late] = [writer.edit((data) => (data["second"] = 2)), writer.edit((data) => (data["third"] = 3))];
    if (lost === undefined || late === undefined) expect.fail("a write made no change");

    peer.send(encodeState({ round: 0, record }));
    peer.send(encodeChangeMessage({ key, change: late }));
    await eventually(() => expect(peer.frames).toContainEqual({ kind: "ask-state", keys: [key] }));
    await eventually(() => expect(peer.frames).toContainEqual(expect.objectContaining({ kind: "ack", number: 2, missed: [key] })));
    peer.send(encodeFetch({ requestId: 1, key }));
    await eventually(() => expect(peer.kinds()).toContain("fetched"));
    expect(peer.frames.find(({ kind }) => kind === "fetched")).toMatchObject({ answer: { record: { document: record.document } } });

    // With what was missing both count.
    for (const change of [lost, late]) peer.send(encodeChangeMessage({ key, change }));
    await eventually(() => expect(peer.frames).toContainEqual(expect.objectContaining({ kind: "ack", number: 4, missed: [] })));
  });

  it("[SY24] says that it has not joined while a relay that it dials is away, and that it has when that one came", async () => {
    const [away = ""] = await freeAddresses(1);
    const { address } = await bench.relay(["--peer", away]);
    const peer = await greet(address);
    const welcome = peer.frames.find(({ kind }) => kind === "welcome");
    expect(welcome).toMatchObject({ standing: { status: { isComplete: false, memberCount: 1 } } });
    const { port } = new URL(away);
    await bench.relay(["--listen", `127.0.0.1:${port}`]);
    const isJoined = (): boolean => peer.frames.some((frame) => frame.kind === "status" && frame.status.isComplete);
    await eventually(() => expect(isJoined()).toBe(true), 20_000);
  });
});
