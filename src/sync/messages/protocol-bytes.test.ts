import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { TestNode } from "../../../test/support/engine-network.ts";
import { changeOf, endedRecord, keyNamed, recordOf } from "../../../test/support/set-replica.ts";
import { PROTOCOL_VERSION } from "../protocol-version.ts";
import { encodeAck } from "./ack.ts";
import { encodeAskState } from "./ask-state.ts";
import { encodeChallenge } from "./challenge.ts";
import { encodeChangeMessage } from "./change.ts";
import { encodeClaim } from "./claim.ts";
import { encodeClaimed } from "./claimed.ts";
import { CLOSE_CODES } from "./close-codes.ts";
import { encodeDigest } from "./digest.ts";
import { encodeCompaction } from "./compaction.ts";
import { encodeDrain } from "./drain.ts";
import { encodeEnd } from "./end.ts";
import { encodeFetch } from "./fetch.ts";
import { encodeFetched } from "./fetched.ts";
import { encodeHello } from "./hello.ts";
import { decodeFrame, type Frame } from "./index.ts";
import { encodePing } from "./ping.ts";
import { encodePong } from "./pong.ts";
import { encodeRevoke } from "./revoke.ts";
import { encodeState } from "./state.ts";
import { encodeStatus } from "./status.ts";
import { encodeTouch } from "./touch.ts";
import { encodeUnwatch } from "./unwatch.ts";
import { encodeWatch } from "./watch.ts";
import { encodeWelcome } from "./welcome.ts";

const [A, B] = [keyNamed("a"), keyNamed("b")];
const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const sums = (from: number): number[] => Array.from({ length: 32 }, (_, index) => from * 2 ** 32 + index);
const status = { isComplete: true, completeSinceMs: 1_700_000_000_000, memberCount: 2 };
const sessions = [
  { key: A, fingerprint: 2 ** 53 - 1, isRecent: false },
  { key: B, fingerprint: 7, isRecent: true },
];

/** One of each message: a kind that is forgotten here does not compile. */
const FRAMES: Record<Frame["kind"], readonly Uint8Array[]> = {
  challenge: [encodeChallenge({ version: 2, relayId: bytes(16, 1), relayNonce: bytes(32, 2) })],
  hello: [
    encodeHello({
      version: 2,
      domain: "shop",
      dialer: { role: "relay", id: bytes(16, 3), incarnation: bytes(16, 4), wantsPromptAcks: true },
      nodeNonce: bytes(32, 5),
      mac: bytes(32, 6),
    }),
  ],
  welcome: [encodeWelcome({ standing: { incarnation: bytes(16, 7), status }, mac: bytes(32, 8) })],
  ping: [encodePing({ token: 300, nowMs: 1_700_000_000_000, rttMs: 3 })],
  pong: [encodePong({ token: 300, nowMs: 1_700_000_000_000, hasToldAll: true })],
  watch: [encodeWatch({ sessions })],
  unwatch: [encodeUnwatch({ key: A })],
  fetch: [encodeFetch({ requestId: 9, key: A })],
  fetched: [
    encodeFetched({ requestId: 9, answer: { kind: "absent", heardUntilMs: 1_700_000_000_000 } }),
    encodeFetched({ requestId: 9, answer: { kind: "absent", heardUntilMs: undefined } }),
    encodeFetched({ requestId: 9, answer: { kind: "unknown" } }),
    encodeFetched({ requestId: 9, answer: { kind: "found", record: recordOf(A, [1, 2]) } }),
  ],
  state: [encodeState({ round: 1, record: recordOf(A, [1, 2]) }), encodeState({ round: 0, record: endedRecord(A) })],
  change: [encodeChangeMessage({ key: A, change: { ...changeOf(3, 2), seen: [[2 ** 33, 4]], update: bytes(3, 9) } })],
  touch: [encodeTouch({ touches: [[A, 1_700_000_000_000]] })],
  end: [encodeEnd({ envelope: endedRecord(A).envelope })],
  ack: [encodeAck({ number: 200, durable: true, missed: [A] })],
  "ask-state": [encodeAskState({ keys: [A, B] })],
  digest: [
    encodeDigest({ level: "root", isRepair: true, sessions: 2 ** 53 - 1, revocations: 5 }),
    encodeDigest({ level: "groups", isRepair: false, groups: sums(1) }),
    encodeDigest({ level: "buckets", isRepair: false, groups: [{ group: 31, buckets: sums(2) }] }),
    encodeDigest({ level: "list", isRepair: false, bucket: 1_023, sessions }),
    encodeDigest({ level: "done", isRepair: true, isPartial: true }),
  ],
  revoke: [encodeRevoke({ asks: true, isWhole: false, revocations: [[A, 1_700_000_000_000]] })],
  claim: [
    encodeClaim({
      requestId: 4,
      step: "ask",
      key: A,
      name: "claim:ticket",
      owner: bytes(16, 1),
      nowMs: 1_700_000_000_000,
      untilMs: 1_700_000_100_000,
      bornAtMs: 1_600_000_000_000,
    }),
  ],
  claimed: [encodeClaimed({ requestId: 4, answer: { kind: "taken", owner: bytes(16, 2), isConfirmed: true } })],
  status: [encodeStatus({ status })],
  drain: [encodeDrain()],
  compaction: [encodeCompaction({ key: A, epoch: { counter: 300, hash: "0123456789abcdef" } })],
};

/** Of all of the above, by the version that writes it. A released version's line never changes. */
const PRINTS: ReadonlyMap<number, string> = new Map([[2, "24521c05f83011418902b2494b0a9d8e"]]);

describe("the protocol's bytes", () => {
  it("[SY13] are those of its version: whoever changes one takes the next number, and adds its line here and in docs/protocol.md", () => {
    const hash = createHash("sha256");
    for (const [kind, frames] of Object.entries(FRAMES).toSorted(([left], [right]) => (left < right ? -1 : 1))) {
      for (const frame of frames) {
        expect(decodeFrame(frame).kind).toBe(kind);
        hash.update(`${kind} ${Buffer.from(frame).toString("hex")}\n`);
      }
    }
    hash.update(JSON.stringify(CLOSE_CODES));
    expect(hash.digest("hex").slice(0, 32)).toBe(PRINTS.get(PROTOCOL_VERSION));
  });

  it("[SY14] of a change of one attribute with a value of 8 bytes are 150 at most, with every header, whatever the session's size", async () => {
    const node = new TestNode(1);
    const data = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`attribute${index}`, "x".repeat(100)]));
    const key = node.create({ ...data, basket: "12345678" });
    const sizes: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      node.runtime.advance(1_000);
      node.link.outbox.length = 0;
      await node.write(key, { basket: String(10_000_000 + round) });
      for (const message of node.link.outbox) {
        if (message.kind === "change") sizes.push(encodeChangeMessage({ key, change: message.change }).length);
      }
    }
    await node.engine.close();
    // A WebSocket frame of 126 to 65,535 bytes from a client has 8 bytes before it (RFC 6455 section 5.2).
    expect(sizes.length).toBeGreaterThanOrEqual(18);
    expect(Math.max(...sizes) + 8).toBeLessThanOrEqual(150);
    expect(encodeDigest({ level: "root", isRepair: false, sessions: 1, revocations: 1 }).length).toBeLessThanOrEqual(20);
  });
});
