import { describe, expect, test } from "vitest";
import { createHash } from "node:crypto";
import { CellKind, Layout, ROOT_CONTAINER } from "./cells.ts";
import { type DocumentContext, SessionDocument } from "./document.ts";
import { endEnvelope, type Envelope } from "./envelope.ts";
import { endedFingerprint, fingerprintOf } from "./fingerprint.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { LiveSession } from "./live-session.ts";
import { WRITER_MIN } from "./update-reader.ts";

const KEY = "AAAAAAAAAAAAAAAAAAAAAA";
const OTHER_KEY = "AAAAAAAAAAAAAAAAAAAAAQ";

const ENVELOPE: Envelope = {
  key: KEY,
  createdAtMs: 1_700_000_000_000,
  firstKey: KEY,
  firstCreatedAtMs: 1_700_000_000_000,
  deadlineMs: 1_700_000_900_000,
  idleTimeoutMs: 60_000,
  idleTimeoutStamp: 256,
  touchedAtMs: 1_700_000_000_000,
  subject: KEY,
  subjectAtMs: 1_700_000_000_001,
  successor: { key: OTHER_KEY, atMs: 1_700_000_001_000 },
  ended: undefined,
};

function contextOf(writer: number): DocumentContext {
  const sha256 = (data: Uint8Array | string): Uint8Array => new Uint8Array(createHash("sha256").update(data).digest());
  return { sha256, limits: DEFAULT_LIMITS, writer: () => writer, newWriter: () => writer + 1, drawWriter: () => writer + 1 };
}

function sessionWith(envelope: Partial<Envelope>, writer = WRITER_MIN, stamps: readonly number[] = [256]): LiveSession {
  const document = SessionDocument.create(contextOf(writer));
  for (const stamp of stamps) {
    const cell = { property: "x", kind: CellKind.value, content: stamp, writer, stamp, position: "" };
    document.commit([{ containerId: ROOT_CONTAINER, layout: Layout.named, cells: [cell] }], stamp);
  }
  return new LiveSession({ ...ENVELOPE, ...envelope }, document);
}

describe("fingerprintOf", () => {
  const others: Record<string, LiveSession> = {
    "another key": sessionWith({ key: OTHER_KEY }),
    "another writer": sessionWith({}, WRITER_MIN + 7),
    "another stamp": sessionWith({}, WRITER_MIN, [300]),
    "one commit more": sessionWith({}, WRITER_MIN, [256, 257]),
    "nothing seen": sessionWith({}, WRITER_MIN, []),
    "another idle timeout": sessionWith({ idleTimeoutMs: 60_001 }),
    "set at another time": sessionWith({ idleTimeoutStamp: 257 }),
    "another subject": sessionWith({ subject: OTHER_KEY }),
    "no subject": sessionWith({ subject: undefined }),
    "given at another time": sessionWith({ subjectAtMs: 1_700_000_000_002 }),
    "another successor": sessionWith({ successor: { key: KEY, atMs: 1_700_000_001_000 } }),
    "a later end of its grace": sessionWith({ successor: { key: OTHER_KEY, atMs: 1_700_000_001_001 } }),
    "no successor": sessionWith({ successor: undefined }),
    "an end": new LiveSession(endEnvelope(ENVELOPE, { reason: "destroyed", atMs: 1 }), undefined),
    "another epoch": compacted(sessionWith({})),
  };

  test.each(Object.keys(others))("[R14] tells apart %s", (name) => {
    const all = Object.values(others).map(fingerprintOf);
    const own = fingerprintOf(others[name] as LiveSession);
    expect(own).not.toBe(fingerprintOf(sessionWith({})));
    expect(all.filter((fingerprint) => fingerprint === own)).toHaveLength(1);
  });

  test("[R14] is the same after a touch, and for every end of a session", () => {
    expect(fingerprintOf(sessionWith({ touchedAtMs: 1_700_000_500_000 }))).toBe(fingerprintOf(sessionWith({})));
    const ends = [
      endEnvelope(ENVELOPE, { reason: "revoked", atMs: 5 }),
      endEnvelope({ key: KEY, deadlineMs: 9 }, { reason: "expired", atMs: 6 }),
    ];
    for (const envelope of ends) expect(fingerprintOf(new LiveSession(envelope, undefined))).toBe(endedFingerprint(KEY));
  });

  test("spreads over its 53 bits", () => {
    const counts = Array.from({ length: 53 }, () => 0);
    for (let stamp = 1; stamp <= 400; stamp++) {
      let rest = fingerprintOf(sessionWith({}, WRITER_MIN, [stamp]));
      for (let bit = 0; bit < 53; bit++) {
        counts[bit] = (counts[bit] ?? 0) + (rest % 2);
        rest = Math.floor(rest / 2);
      }
    }
    for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(60);
  });
});

function compacted(session: LiveSession): LiveSession {
  session.document?.adopt(session.document.genesis());
  return session;
}
