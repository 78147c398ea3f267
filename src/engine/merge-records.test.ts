import { describe, expect, test } from "vitest";
import { TestWorld } from "../../test/support/replica.ts";
import { mergeRecords } from "./merge-records.ts";

describe("mergeRecords", () => {
  test("[D12] of two copies of one epoch is what Yjs makes of them, and the same bytes either way round", () => {
    const world = new TestWorld();
    const [left, right] = [world.replica(), world.replica()];
    left.edit((data) => (data["a"] = 1));
    right.edit((data) => (data["b"] = 2));
    const merged = mergeRecords(left.record(), right.record(), left.context);
    expect(mergeRecords(right.record(), left.record(), left.context)).toEqual(merged);
    expect(merged.document?.epoch).toEqual(left.document.epoch);
    left.restartFrom(merged);
    expect(left.plain()).toEqual({ a: 1, b: 2 });
  });

  test("[D12] adopts the higher epoch as it is when the lower adds nothing, and makes one above both when it does", () => {
    const world = new TestWorld();
    const [left, right] = [world.replica(), world.replica()];
    left.edit((data) => (data["a"] = 1));
    right.take(left.record());
    right.compact();
    expect(mergeRecords(left.record(), right.record(), left.context).document).toEqual(right.record().document);
    left.edit((data) => (data["b"] = 2));
    const joined = mergeRecords(left.record(), right.record(), left.context).document;
    expect(joined?.epoch.counter).toBe(right.document.epoch.counter + 1);
  });

  test("[D13] keeps what the higher epoch has not seen, and drops what it has seen and no longer holds", () => {
    const world = new TestWorld();
    const [left, right] = [world.replica(), world.replica()];
    left.edit((data) => Object.assign(data, { gone: 1, kept: 1 }));
    right.take(left.record());
    right.edit((data) => delete data["gone"]);
    right.compact();
    left.edit((data) => (data["fresh"] = 1));
    left.restartFrom(mergeRecords(left.record(), right.record(), left.context));
    expect(left.plain()).toEqual({ kept: 1, fresh: 1 });
  });
});
