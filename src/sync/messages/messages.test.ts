import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Change, Envelope, SessionRecord } from "../../engine/index.ts";
import { endEnvelope } from "../../engine/envelope.ts";
import { keyFromBytes } from "../../engine/key-bytes.ts";
import { ProtocolError } from "../protocol-error.ts";
import { encodeAck } from "./ack.ts";
import { encodeAskState } from "./ask-state.ts";
import { encodeChallenge } from "./challenge.ts";
import { encodeChangeMessage } from "./change.ts";
import { encodeClaim } from "./claim.ts";
import { encodeClaimed } from "./claimed.ts";
import { CLOSE_CODES, closeReasonOf } from "./close-codes.ts";
import { encodeDigest, type DigestLevel } from "./digest.ts";
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
import { encodeCompaction } from "./compaction.ts";
import { encodeUnwatch } from "./unwatch.ts";
import { encodeWatch } from "./watch.ts";
import { encodeWelcome } from "./welcome.ts";

const exactly = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const key = exactly(16).map(keyFromBytes);
const number = fc.maxSafeNat();
const instant = fc.nat({ max: 2 ** 31 - 1 });
const fingerprint = fc.maxSafeNat();
const fingerprints = fc.array(fingerprint, { minLength: 32, maxLength: 32 });
const keyStates = fc.array(fc.record({ key, fingerprint, isRecent: fc.boolean() }), { maxLength: 8 });
const level: fc.Arbitrary<DigestLevel> = fc.oneof(
  fc.record({ level: fc.constant("root" as const), sessions: fingerprint, revocations: fingerprint }),
  fc.record({ level: fc.constant("groups" as const), groups: fingerprints }),
  fc.record({
    level: fc.constant("buckets" as const),
    groups: fc
      .uniqueArray(fc.integer({ min: 0, max: 31 }), { maxLength: 3 })
      .chain((groups) =>
        fc.tuple(...groups.toSorted((a, b) => a - b).map((group) => fc.record({ group: fc.constant(group), buckets: fingerprints }))),
      ),
  }),
  fc.record({ level: fc.constant("list" as const), bucket: fc.nat({ max: 1023 }), sessions: keyStates }),
  fc.record({ level: fc.constant("done" as const), isPartial: fc.boolean() }),
);
const status = fc.record({ isComplete: fc.boolean(), completeSinceMs: number, memberCount: number });
const dialer = fc.record({
  role: fc.constantFrom("node" as const, "relay" as const),
  id: exactly(16),
  incarnation: exactly(16),
  wantsPromptAcks: fc.boolean(),
});
const writer = fc.integer({ min: 2 ** 32, max: 2 ** 35 - 1 });
const epoch = fc.record({ counter: fc.nat(), hash: fc.nat().map((value) => value.toString(16).padStart(16, "0")) });
const alive: fc.Arbitrary<Envelope> = fc.record({
  key,
  createdAtMs: instant.map((value) => value + 2 ** 31),
  firstKey: key,
  firstCreatedAtMs: instant,
  deadlineMs: instant.map((value) => value + 2 ** 32),
  idleTimeoutMs: instant,
  idleTimeoutStamp: instant,
  touchedAtMs: instant,
  subject: fc.option(key, { nil: undefined }),
  subjectAtMs: instant,
  successor: fc.option(fc.record({ key, atMs: instant }), { nil: undefined }),
  ended: fc.constant(undefined),
});
const ended: fc.Arbitrary<Envelope> = fc
  .tuple(alive, instant)
  .map(([envelope, atMs]) => endEnvelope(envelope, { reason: "rotated", atMs }));
const record: fc.Arbitrary<SessionRecord> = fc.oneof(
  fc.record({ envelope: alive, document: fc.record({ epoch, bytes: fc.uint8Array() }) }),
  fc.record({ envelope: ended, document: fc.constant(undefined) }),
);
const change: fc.Arbitrary<Change> = fc
  .record({
    epoch,
    writer,
    previousStamp: fc.nat(),
    seen: fc.array(fc.tuple(writer, fc.integer({ min: 1 })), { maxLength: 3 }),
    update: fc.uint8Array(),
    dropped: fc.array(fc.record({ containerId: fc.string({ maxLength: 22 }), writer, stamp: fc.integer({ min: 1 }) }), { maxLength: 3 }),
  })
  .map((fields) => ({ ...fields, stamp: fields.previousStamp + 1 }));

/** Every message with its encoder: a kind that is forgotten here does not compile. */
const MESSAGES: { [Kind in Frame["kind"]]: fc.Arbitrary<readonly [frame: Frame & { kind: Kind }, bytes: Uint8Array]> } = {
  challenge: coded("challenge", fc.record({ version: number, relayId: exactly(16), relayNonce: exactly(32) }), encodeChallenge),
  hello: coded(
    "hello",
    fc.record({ version: number, domain: fc.string({ maxLength: 128 }), dialer, nodeNonce: exactly(32), mac: exactly(32) }),
    encodeHello,
  ),
  welcome: coded("welcome", fc.record({ standing: fc.record({ incarnation: exactly(16), status }), mac: exactly(32) }), encodeWelcome),
  ping: coded("ping", fc.record({ token: number, nowMs: number, rttMs: number }), encodePing),
  pong: coded("pong", fc.record({ token: number, nowMs: number, hasToldAll: fc.boolean() }), encodePong),
  watch: coded("watch", fc.record({ sessions: keyStates }), encodeWatch),
  compaction: coded("compaction", fc.record({ key, epoch }), encodeCompaction),
  unwatch: coded("unwatch", fc.record({ key }), encodeUnwatch),
  fetch: coded("fetch", fc.record({ requestId: number, key }), encodeFetch),
  fetched: coded(
    "fetched",
    fc.record({
      requestId: number,
      answer: fc.oneof(
        fc.record({ kind: fc.constant("found" as const), record }),
        fc.record({ kind: fc.constant("absent" as const), heardUntilMs: fc.option(fc.nat(), { nil: undefined }) }),
        fc.record({ kind: fc.constant("unknown" as const) }),
      ),
    }),
    encodeFetched,
  ),
  state: coded("state", fc.record({ round: fc.nat({ max: 255 }), record }), encodeState),
  change: coded("change", fc.record({ key, change }), encodeChangeMessage),
  touch: coded("touch", fc.record({ touches: fc.array(fc.tuple(key, number), { maxLength: 8 }) }), encodeTouch),
  end: coded("end", fc.record({ envelope: ended }), encodeEnd),
  ack: coded("ack", fc.record({ number, durable: fc.boolean(), missed: fc.array(key, { maxLength: 3 }) }), encodeAck),
  "ask-state": coded("ask-state", fc.record({ keys: fc.array(key, { maxLength: 3 }) }), encodeAskState),
  digest: coded(
    "digest",
    fc.tuple(fc.boolean(), level).map(([isRepair, fields]) => ({ isRepair, ...fields })),
    encodeDigest,
  ),
  revoke: coded(
    "revoke",
    fc.record({ asks: fc.boolean(), isWhole: fc.boolean(), revocations: fc.array(fc.tuple(key, number), { maxLength: 8 }) }),
    encodeRevoke,
  ),
  claim: coded(
    "claim",
    fc.record({
      requestId: number,
      step: fc.constantFrom("ask" as const, "confirm" as const, "release" as const),
      key,
      name: fc.string({ maxLength: 1_024, unit: "grapheme" }),
      owner: exactly(16),
      nowMs: number,
      untilMs: number,
      bornAtMs: number,
    }),
    encodeClaim,
  ),
  claimed: coded(
    "claimed",
    fc.record({
      requestId: number,
      answer: fc.oneof(
        fc.record({ kind: fc.constant("granted" as const) }),
        fc.record({ kind: fc.constant("taken" as const), owner: exactly(16), isConfirmed: fc.boolean() }),
        fc.record({ kind: fc.constant("abstains" as const) }),
      ),
    }),
    encodeClaimed,
  ),
  status: coded("status", fc.record({ status }), encodeStatus),
  drain: coded("drain", fc.record({}), encodeDrain),
};

function coded<Kind extends Frame["kind"], Fields extends object>(
  kind: Kind,
  fields: fc.Arbitrary<Fields>,
  encode: (fields: Fields) => Uint8Array,
): fc.Arbitrary<readonly [frame: Frame & { kind: Kind }, bytes: Uint8Array]> {
  return fields.map((value) => [{ kind, ...value } as unknown as Frame & { kind: Kind }, encode(value)]);
}

describe.each(Object.entries(MESSAGES))("the message %s", (kind, message) => {
  it(`[SY2] always reads back as it was written (${kind})`, () => {
    fc.assert(
      fc.property(
        message as fc.Arbitrary<readonly [Frame, Uint8Array]>,
        ([frame, bytes]) => void expect(decodeFrame(bytes)).toEqual(frame),
      ),
    );
  });
});

describe("frames from outside", () => {
  const anyBytes = fc.oneof(
    ...Object.values(MESSAGES).map((message) => (message as fc.Arbitrary<readonly [Frame, Uint8Array]>).map(([, bytes]) => bytes)),
  );

  it("[SY2] never lead to anything but a frame or a ProtocolError: changed, cut and extended ones", () => {
    const damage = fc.array(fc.record({ position: fc.nat(), value: fc.integer({ min: 0, max: 255 }) }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyBytes, damage, fc.nat({ max: 30 }), fc.uint8Array({ maxLength: 4 }), (bytes, changes, cut, tail) => {
        const damaged = new Uint8Array([...bytes.subarray(0, Math.max(0, bytes.length - cut)), ...tail]);
        for (const { position, value } of changes) if (damaged.length > 0) damaged[position % damaged.length] = value;
        expectFrameOrProtocolError(damaged);
      }),
      { numRuns: 2_000 },
    );
  });

  it("[SY2] never lead to anything but a frame or a ProtocolError: any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectFrameOrProtocolError), { numRuns: 2_000 });
  });

  it("refuses every proper prefix and every extension of a frame that has no open end", () => {
    const [bytes] = fc.sample(MESSAGES.hello, { numRuns: 1, seed: 7 }).map(([, encoded]) => encoded);
    for (let length = 0; length < (bytes?.length ?? 0); length += 1)
      expect(() => decodeFrame(bytes!.subarray(0, length))).toThrow(ProtocolError);
    expect(() => decodeFrame(new Uint8Array([...bytes!, 0]))).toThrow(ProtocolError);
  });

  it("refuses an end that has not ended, and a batch that claims more touches than one may hold", () => {
    const [state] = fc.sample(alive, { numRuns: 1, seed: 7 });
    expect(() => decodeFrame(encodeEnd({ envelope: state! }))).toThrow(/has not ended/);
    expect(() => decodeFrame(new Uint8Array([22, 0x81, 0x04, ...new Uint8Array(17 * 513)]))).toThrow(ProtocolError);
  });
});

describe("close codes", () => {
  it("are different, and known by their number", () => {
    const codes = Object.values(CLOSE_CODES);
    expect(new Set(codes).size).toBe(codes.length);
    for (const [reason, code] of Object.entries(CLOSE_CODES)) expect(closeReasonOf(code)).toBe(reason);
    expect(closeReasonOf(1006)).toBeUndefined();
  });
});

function expectFrameOrProtocolError(bytes: Uint8Array): void {
  try {
    expect(decodeFrame(bytes).kind).toBeTypeOf("string");
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    expect((error as ProtocolError).reason).toBe("malformed");
  }
}
