import * as Y from "yjs";
import { describe, expect, test } from "vitest";
import { corrupt } from "./errors.ts";
import { decodeUpdate, endOf, isWithin } from "./decoded-update.ts";

const WRITER = 2 ** 32 + 7;

function docOf(fill: (doc: Y.Doc) => void, client = WRITER): Y.Doc {
  const doc = new Y.Doc({ guid: "" });
  doc.clientID = client;
  fill(doc);
  return doc;
}

const rows = (count: number): Uint8Array[] => Array.from({ length: count }, (_, index) => Uint8Array.of(index));
const push = (doc: Y.Doc, count: number): void => doc.getArray("s").push(rows(count));

/** What Yjs' own reader says of it. */
function byYjs(update: Uint8Array): unknown[] {
  const { structs, ds } = Y.decodeUpdate(update);
  const told = structs.map((struct) => {
    const { id, length, origin, content } = struct as Y.Item;
    const row = content instanceof Y.ContentBinary ? [...content.content] : undefined;
    return [id.client, id.clock, length, origin?.client, origin?.clock, row];
  });
  return [...told, [...ds.clients].map(([client, ranges]) => [client, ranges.map(({ clock, len }) => [clock, len])])];
}

function byUs(update: Uint8Array): unknown[] {
  const { structs, deleted } = decodeUpdate(update);
  const told = [...structs.values()]
    .flat()
    .map(({ client, clock, length, origin, row }) => [client, clock, length, origin?.client, origin?.clock, row && [...row]]);
  return [...told, [...deleted].map(([client, ranges]) => [client, ranges.map(({ clock, len }) => [clock, len])])];
}

describe("an update with rows", () => {
  test("[D16] reads as Yjs reads it: rows, places, and what was deleted, in a state and in a change", () => {
    const left = docOf((doc) => push(doc, 5));
    const right = docOf(() => undefined, WRITER + 1);
    Y.applyUpdate(right, Y.encodeStateAsUpdate(left));
    const before = Y.encodeStateVector(right);
    right.transact(() => {
      right.getArray("s").delete(1, 2);
      right.getArray("s").delete(2, 1);
      push(right, 3);
    });
    push(left, 1);
    const change = Y.encodeStateAsUpdate(right, before);
    Y.applyUpdate(left, change);
    const state = Y.encodeStateAsUpdate(left);
    for (const update of [new Uint8Array([0, 0]), change, state]) expect(byUs(update)).toEqual(byYjs(update));
    expect(decodeUpdate(state).deleted.get(WRITER)).toEqual([
      { clock: 1, len: 2 },
      { clock: 4, len: 1 },
    ]);
    expect(endOf(decodeUpdate(state).structs.get(WRITER) ?? [])).toBe(6);
  });

  test.each<[what: string, fill: (doc: Y.Doc) => void]>([
    ["subdocuments", (doc) => doc.getArray("s").push(Array.from({ length: 2_000 }, () => new Y.Doc()))],
    ["shared types", (doc) => doc.getArray("s").push(Array.from({ length: 2_000 }, () => new Y.Map()))],
    ["JSON", (doc) => doc.getArray("s").push([{ a: 1 }])],
    ["text", (doc) => doc.getText("s").insert(0, "hello")],
    ["formats", (doc) => doc.getText("s").insert(0, "hello", { bold: true })],
    ["embeds", (doc) => doc.getText("s").insertEmbed(0, { a: 1 })],
  ])("[D16] that holds %s is refused at the first of them, before Yjs makes anything of it", (_what, fill) => {
    const update = Y.encodeStateAsUpdate(docOf(fill));
    // Cut off inside the last of them: who reads that far says so.
    for (const bytes of [update, update.subarray(0, -3)]) expect(() => decodeUpdate(bytes)).toThrow(corrupt("content"));
  });

  test("[D16] of whatever length it claims to be, nothing is allocated for it", () => {
    for (const count of [
      [0xff, 0xff, 0xff, 0x7f],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
    ])
      for (const bytes of [count, [1, ...count], [1, 1, 5, 0, 3, 1, 1, 115, ...count], [0, ...count], [0, 1, 5, ...count]])
        expect(() => decodeUpdate(Uint8Array.from([...bytes, 0]))).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
  });
});

test("clocks are within ranges only where one of them holds all", () => {
  const ranges = [
    { clock: 2, len: 3 },
    { clock: 7, len: 1 },
    { clock: 8, len: 2 },
  ];
  const inside = Array.from({ length: 12 }, (_, clock) => clock).filter((clock) => isWithin(ranges, clock));
  expect(inside).toEqual([2, 3, 4, 7, 8, 9]);
  expect([isWithin(ranges, 2, 3), isWithin(ranges, 2, 4), isWithin(ranges, 7, 2), isWithin([], 0), isWithin(undefined, 0)]).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});
