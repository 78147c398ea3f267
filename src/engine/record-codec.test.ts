import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endEnvelope, type EndReason, type Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import { keyFromBytes, keyToBytes } from "./key-bytes.ts";
import { decodeChange, decodeEnvelope, decodeRecord, encodeChange, encodeEnvelope, encodeRecord } from "./record-codec.ts";
import type { Change, SessionRecord } from "./record.ts";

const key = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(keyFromBytes);
const instant = fc.integer({ min: 0, max: 2 ** 48 });
const stamp = fc.integer({ min: 1, max: 2 ** 45 });
const writer = fc.integer({ min: 2 ** 32, max: 2 ** 35 - 1 });
const bytes = fc.uint8Array({ maxLength: 300 });
const epoch = fc.record({
  counter: fc.nat(),
  hash: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => value.toString(16).padStart(16, "0")),
});
const alive: fc.Arbitrary<Envelope> = fc
  .record({
    key,
    createdAtMs: instant,
    lifetimeMs: fc.nat({ max: 30 * 24 * 3_600_000 }),
    idleTimeoutMs: fc.nat(),
    idleTimeoutStamp: stamp,
    touchedAtMs: instant,
    subject: fc.option(key, { nil: undefined }),
    subjectAtMs: instant,
    successor: fc.option(fc.record({ key, atMs: instant }), { nil: undefined }),
    first: fc.option(fc.record({ firstKey: key, ageMs: fc.nat() }), { nil: undefined }),
  })
  .map(({ lifetimeMs, first, ...rest }) => ({
    ...rest,
    firstKey: first?.firstKey ?? rest.key,
    firstCreatedAtMs: Math.max(0, rest.createdAtMs - (first?.ageMs ?? 0)),
    deadlineMs: rest.createdAtMs + lifetimeMs,
    ended: undefined,
  }));
const ended: fc.Arbitrary<Envelope> = fc
  .tuple(alive, fc.constantFrom<EndReason[]>("destroyed", "rotated", "expired", "revoked"), instant)
  .map(([envelope, reason, atMs]) => endEnvelope(envelope, { reason, atMs }));
const record: fc.Arbitrary<SessionRecord> = fc.oneof(
  fc.record({ envelope: alive, document: fc.record({ epoch, bytes }) }),
  fc.record({ envelope: ended, document: fc.constant(undefined) }),
);
const change: fc.Arbitrary<Change> = fc
  .record({
    epoch,
    writer,
    previousStamp: fc.oneof(fc.constant(0), stamp),
    ahead: stamp,
    seen: fc.array(fc.tuple(writer, stamp)),
    update: bytes,
    dropped: fc.array(fc.record({ containerId: fc.string({ maxLength: 40 }), writer, stamp })),
  })
  .map(({ ahead, ...rest }) => ({ ...rest, stamp: rest.previousStamp + ahead }));

describe("record codec", () => {
  it("always gives back the record that was encoded", () => {
    fc.assert(fc.property(record, (value) => void expect(decodeRecord(encodeRecord(value))).toEqual(value)));
  });

  it("always gives back the envelope that was encoded", () => {
    fc.assert(fc.property(fc.oneof(alive, ended), (value) => void expect(decodeEnvelope(encodeEnvelope(value))).toEqual(value)));
  });

  it("always gives back the change that was encoded", () => {
    fc.assert(fc.property(change, (value) => void expect(decodeChange(encodeChange(value))).toEqual(value)));
  });

  it("always gives back the key that its bytes came from", () => {
    fc.assert(fc.property(key, (value) => void expect(keyFromBytes(keyToBytes(value))).toBe(value)));
  });

  it("never reads anything but a whole encoding: cut, extended or changed bytes are refused as RECORD_CORRUPT or read as another value", () => {
    const damage = fc.record({
      position: fc.nat(),
      value: fc.integer({ min: 1, max: 255 }),
      cut: fc.nat({ max: 20 }),
      tail: fc.uint8Array({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.oneof(record.map(encodeRecord), change.map(encodeChange)), damage, (encoded, { position, value, cut, tail }) => {
        const damaged = new Uint8Array([...encoded.subarray(0, encoded.length - cut), ...tail]);
        if (damaged.length > 0) damaged[position % damaged.length]! ^= value;
        for (const [decode, encode] of [
          [decodeRecord, (read: never) => encodeRecord(read)],
          [decodeChange, (read: never) => encodeChange(read)],
          [decodeEnvelope, (read: never) => encodeEnvelope(read)],
        ] as const) {
          let read: unknown;
          try {
            read = decode(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(SessionError);
            expect((error as SessionError).code).toBe("RECORD_CORRUPT");
            continue;
          }
          // One value, one spelling: whatever is accepted encodes to the very same bytes.
          expect(encode(read as never)).toEqual(damaged);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("refuses every proper prefix", () => {
    const [encoded] = fc.sample(change, { numRuns: 1, seed: 7 }).map(encodeChange);
    for (let length = 0; length < (encoded?.length ?? 0); length += 1) {
      expect(() => decodeChange(encoded!.subarray(0, length))).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
    }
  });

  it("believes no length before it is compared with what is left", () => {
    // A change that claims 2^40 seen dots, then one that claims an update of 2^40 bytes.
    const head = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
    expect(() => decodeChange(new Uint8Array([...head, ...huge]))).toThrow(/count is larger/);
    expect(() => decodeChange(new Uint8Array([...head, 0, 0, ...huge]))).toThrow(/length reaches past/);
  });

  it("shares no memory with the bytes that it read", () => {
    const [value] = fc.sample(
      fc.record({ envelope: alive, document: fc.record({ epoch, bytes: fc.constant(new Uint8Array([1, 2, 3])) }) }),
      { numRuns: 1, seed: 7 },
    );
    const encoded = encodeRecord(value!);
    const read = decodeRecord(encoded);
    encoded.fill(0);
    expect(read.document?.bytes).toEqual(new Uint8Array([1, 2, 3]));
  });

  it("refuses to encode a record that is neither alive nor ended, a key that is none, a writer of a browser", () => {
    const [one] = fc.sample(record, { numRuns: 1, seed: 7 });
    const [other] = fc.sample(change, { numRuns: 1, seed: 7 });
    const broken: unknown = expect.objectContaining({ code: "INVARIANT_BROKEN" });
    const upsideDown = one!.document === undefined ? { epoch: other!.epoch, bytes: other!.update } : undefined;
    expect(() => encodeRecord({ envelope: one!.envelope, document: upsideDown })).toThrow(broken);
    expect(() => encodeEnvelope({ ...one!.envelope, key: "too-short" })).toThrow(broken);
    // The last of 22 characters carries two bits only.
    expect(() => encodeEnvelope({ ...one!.envelope, key: "AAAAAAAAAAAAAAAAAAAAAB" })).toThrow(broken);
    expect(() => encodeChange({ ...other!, writer: 2 ** 31 })).toThrow(broken);
  });
});
