import { describe, expect, test } from "vitest";
import { TestWorld } from "../../test/support/replica.ts";
import { SessionDocument } from "./document.ts";
import { applyChange, mergeState } from "./intake.ts";
import type { Change } from "./record.ts";
import { WRITER_MAX, WRITER_MIN } from "./update-reader.ts";

function written(change: Change | undefined): Change {
  if (change === undefined) throw new Error("nothing was written");
  return change;
}

function pair(): { left: ReturnType<TestWorld["replica"]>; right: ReturnType<TestWorld["replica"]> } {
  const world = new TestWorld();
  return { left: world.replica(), right: world.replica() };
}

describe("a change", () => {
  test("[D3] is not applied before the one before it, and nothing changes", () => {
    const { left, right } = pair();
    const [first, second] = [written(left.edit((data) => (data["a"] = 1))), written(left.edit((data) => (data["b"] = 2)))];
    const before = right.record();
    expect(right.apply(second)).toBe("state-needed");
    expect(right.record()).toEqual(before);
    expect(right.apply(first)).toBe("applied");
    expect(right.apply(second)).toBe("applied");
    expect(right.record()).toEqual(left.record());
  });

  test("[D3] is not applied before all that its author had seen", () => {
    const { left, right } = pair();
    const third = left.world.replica();
    const first = written(left.edit((data) => (data["a"] = 1)));
    right.apply(first);
    const second = written(right.edit((data) => (data["a"] = 2)));
    expect(third.apply(second)).toBe("state-needed");
    expect(third.plain()).toEqual({});
    expect(third.apply(first)).toBe("applied");
    expect(third.apply(second)).toBe("applied");
    expect(third.plain()).toEqual({ a: 2 });
  });

  test("[D3] names what its author has seen since his commit before, and only that", () => {
    const { left, right } = pair();
    const first = written(left.edit((data) => (data["a"] = 1)));
    right.apply(first);
    expect(written(right.edit((data) => (data["b"] = 1))).seen).toEqual([[first.writer, first.stamp]]);
    expect(written(right.edit((data) => (data["b"] = 2))).seen).toEqual([]);
  });

  test("[D1] that comes twice is a duplicate, also after a compaction", () => {
    const { left, right } = pair();
    const change = written(left.edit((data) => (data["a"] = 1)));
    expect(right.apply(change)).toBe("applied");
    expect(right.apply(change)).toBe("duplicate");
    right.compact();
    expect(right.apply(change)).toBe("duplicate");
    expect(right.plain()).toEqual({ a: 1 });
  });

  test("[D13] of a lower epoch joins; one of a higher epoch makes the receiver ask for the state", () => {
    const { left, right } = pair();
    left.edit((data) => (data["a"] = 1));
    right.take(left.record());
    const late = written(left.edit((data) => (data["b"] = 2)));
    right.edit((data) => (data["c"] = 3));
    right.compact();
    expect(right.apply(late)).toBe("joined");
    expect(right.plain()).toEqual({ a: 1, b: 2, c: 3 });
    const early = written(right.edit((data) => (data["d"] = 4)));
    expect(left.apply(early)).toBe("state-needed");
    expect(left.plain()).toEqual({ a: 1, b: 2 });
  });

  test("[D4] is one Yjs update for all that a request wrote, and small for what little it wrote", () => {
    const { left, right } = pair();
    left.edit((data) => Object.assign(data, { big: "x".repeat(10_000), o: { a: 1, b: { c: 2 } } }));
    right.take(left.record());
    const change = written(
      left.edit((data) => {
        data["p"] = 1;
        ((data["o"] as Record<string, unknown>)["b"] as Record<string, unknown>)["c"] = 3;
        delete (data["o"] as Record<string, unknown>)["a"];
      }),
    );
    expect(change.update.length).toBeLessThan(200);
    expect(right.apply(change)).toBe("applied");
    expect(right.plain()).toEqual(left.plain());
  });

  test("[D16] that holds rows of two commits is refused", () => {
    const { left, right } = pair();
    const first = written(left.edit((data) => (data["a"] = 1)));
    left.edit((data) => (data["b"] = 2));
    const { bytes } = left.document.encode();
    expect(() => right.apply({ ...first, update: bytes })).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
    expect(right.plain()).toEqual({});
    expect(right.document.vector.size).toBe(0);
  });
});

describe("writer ids", () => {
  test("[D10] lie between 2^32 and 2^35, above what browsers draw", () => {
    expect(WRITER_MIN).toBe(2 ** 32);
    expect(WRITER_MAX).toBeLessThan(2 ** 35);
  });

  test("[D10] a change under this document's own writer id, which it did not write, makes it take another", () => {
    const { left } = pair();
    left.edit((data) => (data["a"] = 1));
    const old = left.record();
    const writer = left.document.writer;
    const lost = written(left.edit((data) => (data["b"] = 2)));
    // Loaded by one who thinks the old copy is all there is.
    const document = SessionDocument.load({ ...left.context, writer: () => writer }, copy(old), [writer, lost.previousStamp]);
    expect(document.writer).toBe(writer);
    expect(applyChange(document, lost)).toBe("applied");
    expect(document.writer).not.toBe(writer);
  });

  test("[D10] a state with commits of this document's own writer id that it did not write makes it take another", () => {
    const { left } = pair();
    left.edit((data) => (data["a"] = 1));
    const old = left.record();
    const writer = left.document.writer;
    const lost = written(left.edit((data) => (data["b"] = 2)));
    const document = SessionDocument.load({ ...left.context, writer: () => writer }, copy(old), [writer, lost.previousStamp]);
    mergeState(document, left.document.encode());
    expect(document.writer).not.toBe(writer);
    left.compact();
    const again = SessionDocument.load({ ...left.context, writer: () => writer }, copy(old), [writer, lost.previousStamp]);
    again.adopt(left.document.encode());
    expect(again.writer).not.toBe(writer);
  });
});

describe("a document", () => {
  test("[D15] with a gap in it is refused when it is loaded or merged", () => {
    const { left, right } = pair();
    left.edit((data) => (data["a"] = 1));
    const second = written(left.edit((data) => (data["b"] = 2)));
    const gapped = { epoch: second.epoch, bytes: second.update };
    expect(() => right.restartFrom({ ...right.record(), document: gapped })).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
    expect(() => mergeState(right.document, gapped)).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
    expect(right.plain()).toEqual({});
    right.check();
  });

  test("[D2] a commit that is not stamped above all that was seen is a broken invariant, and changes nothing", () => {
    const { left } = pair();
    left.edit((data) => (data["a"] = 1));
    const before = left.record();
    expect(() => left.document.commit([], left.document.latestStamp)).toThrow(expect.objectContaining({ code: "INVARIANT_BROKEN" }));
    expect(left.record()).toEqual(before);
  });

  test("[D1] digests tell documents apart that differ in a value, or only in what they have seen", () => {
    const { left, right } = pair();
    left.edit((data) => (data["a"] = 1));
    right.take(left.record());
    expect(right.digest()).toBe(left.digest());
    right.edit((data) => (data["a"] = 2));
    expect(right.digest()).not.toBe(left.digest());
    right.edit((data) => (data["a"] = 1));
    expect(right.plain()).toEqual(left.plain());
    expect(right.digest()).not.toBe(left.digest());
  });

  test("[D9] a stamp never goes back, however the clock does", () => {
    const { left } = pair();
    left.edit((data) => (data["a"] = 1), 1_000);
    left.edit((data) => (data["a"] = 2), 5);
    left.edit((data) => (data["a"] = 3), 5);
    expect(left.plain()).toEqual({ a: 3 });
  });
});

function copy(record: ReturnType<ReturnType<TestWorld["replica"]>["record"]>): NonNullable<typeof record.document> {
  if (record.document === undefined) throw new Error("these replicas never end");
  return { epoch: record.document.epoch, bytes: record.document.bytes.slice() };
}
