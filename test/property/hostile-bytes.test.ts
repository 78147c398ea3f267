import * as Y from "yjs";
import { describe, expect, test } from "vitest";
import { CellKind, expiryProperty, Layout, ROOT_CONTAINER } from "../../src/engine/cells.ts";
import { memberProperty } from "../../src/engine/containers.ts";
import { checkDocument, mergeState } from "../../src/engine/intake.ts";
import type { Change, SessionRecord } from "../../src/engine/record.ts";
import { encodeCommitRow } from "../../src/engine/row-codec.ts";
import { TestNode } from "../support/engine-network.ts";
import { sha256 } from "../support/manual-runtime.ts";
import { type TestReplica, TestWorld } from "../support/replica.ts";
import { expectSound, expectUnpolluted, unlessCorrupt } from "../support/soundness.ts";

describe("bytes that somebody made", () => {
  const WRITER = 2 ** 32 + 2 ** 30;

  function victim(): { replica: TestReplica; honest: (change: Partial<Change>) => Change } {
    const replica = new TestWorld().replica();
    replica.edit((data) => Object.assign(data, { a: 1, o: { x: 1 }, l: [1, 2] }));
    const { epoch } = replica.document;
    return {
      replica,
      honest: (change) => ({
        epoch,
        writer: WRITER,
        previousStamp: 0,
        stamp: replica.document.latestStamp + 1,
        seen: [],
        update: new Uint8Array([0, 0]),
        dropped: [],
        ...change,
      }),
    };
  }

  function updateBy(client: number, fill: (doc: Y.Doc) => void): Uint8Array {
    const doc = new Y.Doc({ guid: "" });
    doc.clientID = client;
    fill(doc);
    return Y.encodeStateAsUpdate(doc);
  }

  /** An honest row, in an update that also holds `fill`. */
  function rowAnd(row: Uint8Array, fill: (doc: Y.Doc) => void, client = WRITER): Uint8Array {
    return updateBy(client, (doc) => {
      doc.getArray("s").push([row]);
      fill(doc);
    });
  }

  /** The update of an honest row, with these deletions. */
  function withDeletions(row: Uint8Array, ...deletions: readonly (readonly [client: number, clock: number, length: number])[]): Uint8Array {
    const update = updateBy(WRITER, (doc) => doc.getArray("s").push([row]));
    const ranges = deletions.flatMap(([client, clock, length]) => [...varuint(client), 1, ...varuint(clock), ...varuint(length)]);
    // The last byte of an update without deletions says that there are none.
    return Uint8Array.from([...update.slice(0, -1), deletions.length, ...ranges]);
  }

  /** An Item of `WRITER` at clock 0 that holds `row`, with its place as the bytes `place` say (Yjs' format V1). */
  const item = (row: Uint8Array, info: number, place: readonly number[]): number[] => [info, ...place, row.length, ...row];
  const DELETED = 1;
  const BINARY = 3;
  const HAS_ORIGIN = 0x80;
  const HAS_RIGHT = 0x40;
  const inList = [1, 1, "s".charCodeAt(0)];
  /** What lib0 reads as NaN: zeros until the factor of the next digit is infinite. */
  const ENDLESS = [...Array.from({ length: 200 }, () => 0x80), 0];
  const beyondNumbers = (struct: readonly number[]): Uint8Array =>
    Uint8Array.from([1, 1, ...varuint(WRITER), 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, ...struct, 0]);
  /** Two clients in one update: an honest row, and clocks of `client` that are gone for good. */
  const withGc = (row: Uint8Array, client: number, clocks: number): Uint8Array =>
    Uint8Array.from([2, 1, ...varuint(client), 0, 0, ...varuint(clocks), 1, ...varuint(WRITER), 0, ...item(row, BINARY, inList), 0]);
  const withDeleted = (row: Uint8Array, client: number, clocks: number): Uint8Array =>
    Uint8Array.from([
      2,
      1,
      ...varuint(client),
      0,
      DELETED,
      ...inList,
      ...varuint(clocks),
      1,
      ...varuint(WRITER),
      0,
      ...item(row, BINARY, inList),
      0,
    ]);
  const saying = (update: Uint8Array, client: number, clock: number, clocks: number): Uint8Array =>
    Uint8Array.from([...update.slice(0, -1), 1, ...varuint(client), 1, clock, ...varuint(clocks)]);
  const inBlocks = (row: Uint8Array, clocks: readonly number[]): Uint8Array =>
    Uint8Array.from([clocks.length, ...clocks.flatMap((clock) => [1, ...varuint(WRITER), clock, ...item(row, BINARY, inList)]), 0]);
  const withRanges = (row: Uint8Array, ...ranges: readonly (readonly [clock: number, length: number])[]): Uint8Array =>
    Uint8Array.from([
      ...updateOf(0, ...Array.from({ length: 3 }, () => item(row, BINARY, inList))).slice(0, -1),
      1,
      ...varuint(WRITER),
      ranges.length,
      ...ranges.flat(),
    ]);
  /** Empty byte strings, each in a list of its own. */
  const otherTypes = (count: number): number[][] =>
    Array.from({ length: count }, (_, index) => {
      const name = `t${index}`;
      return [BINARY, 1, name.length, ...Buffer.from(name), 0];
    });
  const updateOf = (clock: number, ...structs: readonly number[][]): Uint8Array =>
    Uint8Array.from([1, structs.length, ...varuint(WRITER), clock, ...structs.flat(), 0]);

  const hostileUpdates: readonly (readonly [what: string, make: (row: Uint8Array) => Uint8Array])[] = [
    ["no bytes", () => new Uint8Array()],
    ["a count of 32 million structs", () => Uint8Array.from([1, ...varuint(32_000_000), ...varuint(WRITER), 0])],
    ["a deletion of future clocks", (row) => withDeletions(row, [WRITER, 1, 2 ** 50])],
    ["a deletion of nothing at all", (row) => withDeletions(row, [WRITER, 0, 0])],
    ["a deletion at no number", (row) => Uint8Array.from([...withDeletions(row).slice(0, -1), 1, ...varuint(WRITER), 1, ...ENDLESS, 1])],
    ["a deletion by an unknown client", (row) => withDeletions(row, [WRITER + 1, 0, 5])],
    ["a deletion of the header of the genesis", (row) => withDeletions(row, [1, 0, 1])],
    ["a browser's client id", (row) => rowAnd(row, () => undefined, 77)],
    ["a client id above all writers", (row) => rowAnd(row, () => undefined, 2 ** 35)],
    ["a row in a shared type of another name", (row) => updateBy(WRITER, (doc) => doc.getArray("t").push([row]))],
    ["a row in a map", (row) => updateBy(WRITER, (doc) => doc.getMap("s").set("role", row))],
    ["a row and a map", (row) => rowAnd(row, (doc) => doc.getMap("t").set("role", "admin"))],
    ["a row and text", (row) => rowAnd(row, (doc) => doc.getText("t").insert(0, "hello"))],
    ["a row and a nested type", (row) => rowAnd(row, (doc) => doc.getArray("s").push([new Y.Map()]))],
    ["a row and a subdocument", (row) => rowAnd(row, (doc) => doc.getArray("s").push([new Y.Doc()]))],
    ["a row and JSON", (row) => rowAnd(row, (doc) => doc.getArray("s").push([{ a: 1 }]))],
    ["a row and an empty one", (row) => rowAnd(row, (doc) => doc.getArray("s").push([new Uint8Array()]))],
    ["a row beside one that nobody has", (row) => updateOf(0, item(row, BINARY | HAS_ORIGIN, [...varuint(WRITER + 1), 7]))],
    ["a row beside itself", (row) => updateOf(0, item(row, BINARY | HAS_ORIGIN, [...varuint(WRITER), 0]))],
    ["a row after clocks that nobody has", (row) => updateOf(5, item(row, BINARY, inList))],
    ["a row, and clocks that are taken away for good", (row) => updateOf(0, item(row, BINARY, inList), [0, ...varuint(1_000)])],
    ["a row, and clocks that are left out", (row) => updateOf(0, item(row, BINARY, inList), [10, ...varuint(1_000)])],
    ["a row at a clock beyond 2^53", (row) => beyondNumbers(item(row, BINARY, inList))],
    ["a row, and the future clocks of an honest writer taken away", (row) => withGc(row, WRITER + 1, 1_000)],
    ["a row between neighbours that nobody has", (row) => updateOf(0, item(row, BINARY | HAS_RIGHT, [...varuint(WRITER + 1), 7]))],
    ["a row whose right neighbour is itself", (row) => updateOf(0, item(row, BINARY | HAS_RIGHT, [...varuint(WRITER), 0]))],
    ["a row between others", (row) => updateOf(0, item(row, BINARY, inList), item(row, BINARY | HAS_RIGHT, [...varuint(WRITER), 0]))],
    // Yjs puts a deletion of no clocks in a list of its own, and writes it as a deletion that nobody else takes.
    ["a row behind clocks that are none", (row) => updateOf(0, [DELETED, ...inList, 0], item(row, BINARY, inList))],
    ["a row, and clocks of another writer taken away", (row) => withDeleted(row, WRITER + 1, 1_000)],
    ["a row, and clocks of its own taken away", (row) => updateOf(0, item(row, BINARY, inList), [DELETED, ...inList, 5])],
    // Of a client that comes twice Yjs takes what comes last, and waits for the rest.
    ["a row, and another in a second block of its client", (row) => inBlocks(row, [0, 1])],
    [
      "a row that begins with a number spelled longer than needed",
      (row) => Uint8Array.from([0x81, 0, ...updateOf(0, item(row, BINARY, inList)).slice(1)]),
    ],
    ["a row, and bytes behind its end", (row) => Uint8Array.from([...updateOf(0, item(row, BINARY, inList)), 0])],
    ["a row, and deletions that overlap", (row) => withRanges(row, [0, 2], [1, 1])],
    ["a row, and deletions out of order", (row) => withRanges(row, [2, 1], [0, 1])],
    [
      "a row and 2,000 subdocuments",
      (row) => rowAnd(row, (doc) => doc.getArray("s").push(Array.from({ length: 2_000 }, () => new Y.Doc()))),
    ],
    ["a row and 20,000 shared types of other names", (row) => updateOf(0, item(row, BINARY, inList), ...otherTypes(20_000))],
    [
      "a row in format V2",
      (row) => {
        const doc = new Y.Doc({ guid: "" });
        doc.clientID = WRITER;
        doc.getArray("s").push([row]);
        return Y.encodeStateAsUpdateV2(doc);
      },
    ],
  ];
  /** Each of these cost seconds a hundred kilobytes, or a session that nobody could open any more. */
  test.each<[what: string, cells: (stamp: number) => readonly (readonly number[])[]]>([
    ["a property twice in a row", (stamp) => [[4, ...varuint(stamp), 1, 1, 97, 126, 1, 1, 97, 126]]],
    [
      "a container twice in a commit",
      (stamp) => [
        [4, ...varuint(stamp)],
        [4, ...varuint(stamp), 1, 1, 97, 126],
      ],
    ],
    [
      "a position behind the last one",
      (stamp) => {
        const id = Buffer.from("aaaaaaaaaaaaaaaa", "hex");
        const position = Buffer.from(`${"z".repeat(27)}y`);
        const array = [4, ...varuint(stamp), CellKind.array, 1, 120, ...id];
        return [
          array,
          [Layout.elements << 3, ...varuint(stamp), ...id, CellKind.value, 1, 0, 0, 0, 0, 0, position.length, ...position, 126],
        ];
      },
    ],
  ])("[D16] %s is refused, in a change and in a document", (_what, rowsOf) => {
    const { replica, honest } = victim();
    const before = replica.record();
    const { stamp } = honest({});
    const rows = rowsOf(stamp).map((row) => Uint8Array.from(row));
    const update = updateBy(WRITER, (doc) => doc.getArray("s").push(rows));
    expect(unlessCorrupt(() => replica.apply(honest({ stamp, update })))).toBeUndefined();
    expect(unlessCorrupt(() => checkDocument(replica.context, { epoch: replica.document.epoch, bytes: update }))).toBeUndefined();
    expect(replica.record()).toEqual(before);
    expectSound(replica);
  });

  test("[D16] a genesis in an epoch that began without one is refused, and so is an epoch beyond all that are written", () => {
    const { replica } = victim();
    const { epoch } = replica.document;
    const other = new TestWorld(2).replica();
    other.edit((data) => (data["a"] = 1));
    const genesis = other.document.genesis();
    expect(checkDocument(replica.context, genesis).table.latestStamp).toBeGreaterThan(0);
    for (const counter of [0, 2 ** 52, 2 ** 53 - 1])
      expect(unlessCorrupt(() => checkDocument(replica.context, { epoch: { ...epoch, counter }, bytes: genesis.bytes }))).toBeUndefined();
    expect(unlessCorrupt(() => mergeState(replica.document, { epoch, bytes: genesis.bytes }))).toBeUndefined();
    expectSound(replica);
  });

  const honestRow = (stamp: number): Uint8Array => Uint8Array.from([4, ...varuint(stamp)]);
  /** A document may hold that, a commit never. */
  const notOneCommit: typeof hostileUpdates = [
    [
      "a row, and clocks of another writer that are said to be taken away",
      (row) => saying(withDeleted(row, WRITER + 1, 1_000), WRITER + 1, 0, 1_000),
    ],
    [
      "a row, and clocks of its own that are said to be taken away",
      (row) => saying(updateOf(0, item(row, BINARY, inList), [DELETED, ...inList, 5]), WRITER, 1, 5),
    ],
    [
      "a row, and one that it takes away itself",
      (row) => saying(updateOf(0, item(row, BINARY, inList), item(row, BINARY, inList)), WRITER, 1, 1),
    ],
  ];

  test("an honest row by itself is taken, so that what is refused below is refused for what is wrong with it", () => {
    const { replica, honest } = victim();
    const { stamp } = honest({});
    expect(replica.apply(honest({ update: updateOf(0, item(honestRow(stamp), BINARY, inList)) }))).toBe("applied");
    expectSound(replica);
  });

  test.each([["nothing", () => new Uint8Array([0, 0])] as const, ...hostileUpdates, ...notOneCommit])(
    "[D15] [D16] a change whose update is %s is refused, and nothing changed",
    (_what, make) => {
      const { replica, honest } = victim();
      const before = replica.record();
      const digest = replica.digest();
      const { stamp } = honest({});
      expect(unlessCorrupt(() => replica.apply(honest({ update: make(honestRow(stamp)) })))).toBeUndefined();
      expect(replica.record()).toEqual(before);
      expect(replica.digest()).toBe(digest);
      expectSound(replica);
    },
  );

  test.each(hostileUpdates)("[D15] [D16] a document that is %s is refused", (_what, make) => {
    const { replica } = victim();
    const { epoch } = replica.document;
    expect(unlessCorrupt(() => checkDocument(replica.context, { epoch, bytes: make(honestRow(9)) }))).toBeUndefined();
    expect(unlessCorrupt(() => mergeState(replica.document, { epoch, bytes: make(honestRow(9)) }))).toBeUndefined();
    expectSound(replica);
  });

  test("[D16] a change that deletes what only its own writer may replace does not take a writer out of the vector", () => {
    const { replica, honest } = victim();
    const other = replica.world.replica();
    other.take(replica.record());
    const change = other.edit((data) => (data["b"] = 1));
    if (change === undefined) throw new Error("nothing was written");
    // All that the first writer ever wrote, three rows, is deleted beside an honest row.
    const deletions = [1, ...varuint(replica.document.writer), 1, 0, 3];
    const hostile = Uint8Array.from([...change.update.slice(0, -1), ...deletions]);
    expect(unlessCorrupt(() => replica.apply(honest({ ...change, update: hostile })))).toBeUndefined();
    replica.check();
    expectSound(replica);
  });

  test.each(hostileUpdates)(
    "[D15] [D16] %s leaves nothing behind in Yjs: what is written next holds one list, and nothing that waits",
    (_what, make) => {
      const { replica, honest } = victim();
      const { stamp } = honest({});
      unlessCorrupt(() => replica.apply(honest({ update: make(honestRow(stamp)) })));
      replica.edit((data) => (data["next"] = 1));
      const ydoc = new Y.Doc({ guid: "" });
      Y.applyUpdate(ydoc, replica.document.encode().bytes);
      expect([...ydoc.share.keys()]).toEqual(["s"]);
      expect([ydoc.subdocs.size, ydoc.store.pendingStructs, ydoc.store.pendingDs]).toEqual([0, null, null]);
    },
  );

  test("[D3] [D16] 1,500 changes behind a gap pile up nowhere: each asks for the state", () => {
    const { replica, honest } = victim();
    const before = replica.record();
    for (let count = 2; count < 1_502; count++) {
      const { stamp } = honest({});
      const update = updateOf(0, item(honestRow(stamp + count), BINARY, inList));
      expect(replica.apply(honest({ previousStamp: stamp + count - 1, stamp: stamp + count, update }))).toBe("state-needed");
    }
    expect(replica.record()).toEqual(before);
    expectSound(replica);
  });

  test("[D16] 3,000 writers at one attribute, in one state, are a session like any other", () => {
    const { replica } = victim();
    const { epoch } = replica.document;
    const row = [4, ...varuint(256), CellKind.value, 1, "a".charCodeAt(0), 125, 7];
    const blocks = Array.from({ length: 3_000 }, (_, index) => [
      1,
      ...varuint(WRITER + 3_000 - index),
      0,
      ...item(Uint8Array.from(row), BINARY, inList),
    ]);
    const bytes = Uint8Array.from([...varuint(3_000), ...blocks.flat(), 0]);
    expect(mergeState(replica.document, { epoch, bytes })).toBe(true);
    expect(replica.document.vector.size).toBeGreaterThan(3_000);
    expectSound(replica);
  });

  const deep = (open: readonly number[]): number[] => [...Array.from({ length: 4_000 }, () => open).flat(), 126];
  test.each([
    ["4,000 arrays deep", deep([117, 1])],
    ["4,000 objects deep", deep([118, 1, 1, 97])],
    ["4,000 Sets deep", deep([117, 3, 127, 125, 3])],
    ["an object with a __proto__", [118, 1, 9, ...Buffer.from("__proto__"), 118, 1, 5, ...Buffer.from("admin"), 120]],
  ])("[D16] [V3] a value that is %s is refused, in a change and in a document", (_what, value) => {
    const { replica, honest } = victim();
    const before = replica.record();
    const { stamp } = honest({});
    const row = Uint8Array.from([4, ...varuint(stamp), CellKind.value, 1, "d".charCodeAt(0), ...value]);
    const update = updateBy(WRITER, (doc) => doc.getArray("s").push([row]));
    expect(unlessCorrupt(() => replica.apply(honest({ stamp, update })))).toBeUndefined();
    expect(unlessCorrupt(() => checkDocument(replica.context, { epoch: replica.document.epoch, bytes: update }))).toBeUndefined();
    expect(replica.record()).toEqual(before);
    expectUnpolluted();
  });

  test("[D16] of a state whose document is refused, its times, its owner and its successor are not taken, either", async () => {
    const node = new TestNode(1).settle();
    const key = node.create({ o: { x: 1 } });
    const record = await node.record(key);
    const { document } = node.engine.host.registry.hot(key) ?? {};
    const entry = document?.root(0).entries.get("o");
    const object = entry !== undefined && "id" in entry ? entry.id : "";
    // By itself it is sound; here the container is an object.
    const bytes = updateBy(WRITER, (doc) => doc.getArray("s").push([namingRow(9, "o", CellKind.array, object)]));
    const nowMs = node.runtime.nowMs();
    const fingerprint = node.replica.fingerprint(key);
    const hostile: SessionRecord = {
      envelope: {
        ...record.envelope,
        touchedAtMs: nowMs + 5,
        subject: "AAAAAAAAAAAAAAAAAAAAAA",
        subjectAtMs: nowMs,
        successor: { key: "AAAAAAAAAAAAAAAAAAAAAA", atMs: nowMs + 5 },
      },
      document: { epoch: record.document?.epoch ?? { counter: 0, hash: "" }, bytes },
    };
    expect(await node.replica.receiveState(key, hostile)).toEqual({ kind: "refused", ahead: false });
    expect(await node.record(key)).toEqual(record);
    expect(node.replica.fingerprint(key)).toBe(fingerprint);
    expect(await node.read(key)).toEqual({ o: { x: 1 } });
  });

  /** A row of the root that gives `name` the kind `kind`, naming the container `id`. */
  const namingRow = (stamp: number, name: string, kind: number, id: string): Uint8Array =>
    Uint8Array.from([4, ...varuint(stamp), kind, name.length, ...Buffer.from(name), ...Buffer.from(id, "hex")]);

  test.each([
    ["an object's container as an array", CellKind.array],
    ["an object's container as a counter", CellKind.counter],
  ])("[D16] a cell that names %s is refused, or harmless", (_what, kind) => {
    const { replica, honest } = victim();
    const [object] = [...replica.document.root(0).entries].flatMap(([name, entry]) => (name === "o" && "id" in entry ? [entry.id] : []));
    const stamp = replica.document.latestStamp + 1;
    const update = updateBy(WRITER, (doc) => doc.getArray("s").push([namingRow(stamp, "evil", kind, object ?? "")]));
    unlessCorrupt(() => replica.apply(honest({ stamp, update })));
    expectSound(replica);
    replica.reloadFrom(replica.record());
    expect(replica.plain()).toMatchObject({ a: 1 });
  });

  test("[D16] a cell that gives a container another kind at its own place is refused", () => {
    const { replica, honest } = victim();
    const entry = replica.document.root(0).entries.get("o");
    const id = entry !== undefined && "id" in entry ? entry.id : "";
    const { stamp } = honest({});
    const before = replica.record();
    const hostile = updateBy(WRITER, (doc) => doc.getArray("s").push([namingRow(stamp, "o", CellKind.array, id)]));
    expect(unlessCorrupt(() => replica.apply(honest({ stamp, update: hostile })))).toBeUndefined();
    expect(replica.record()).toEqual(before);
    expectSound(replica);
  });

  test("[D15] [D16] rows of two writers that wait for each other are refused, and nothing changed", () => {
    const { replica } = victim();
    const { epoch } = replica.document;
    const before = replica.record();
    const waiting = (row: Uint8Array, client: number, neighbour: number): number[] => [
      1,
      ...varuint(client),
      0,
      ...item(row, BINARY | HAS_ORIGIN, [...varuint(neighbour), 0]),
    ];
    const bytes = Uint8Array.from([2, ...waiting(honestRow(9), WRITER + 1, WRITER), ...waiting(honestRow(9), WRITER, WRITER + 1), 0]);
    expect(unlessCorrupt(() => checkDocument(replica.context, { epoch, bytes }))).toBeUndefined();
    expect(unlessCorrupt(() => mergeState(replica.document, { epoch, bytes }))).toBeUndefined();
    expect(replica.record()).toEqual(before);
    expectSound(replica);
  });

  test("[D16] containers that name each other in a circle are refused, or harmless", () => {
    const { replica, honest } = victim();
    const stamp = replica.document.latestStamp + 1;
    const [left, right] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"];
    const inner = (id: string, child: string): Uint8Array =>
      Uint8Array.from([0, ...varuint(stamp), ...Buffer.from(id, "hex"), CellKind.object, 1, 120, ...Buffer.from(child, "hex")]);
    const update = updateBy(WRITER, (doc) =>
      doc.getArray("s").push([namingRow(stamp, "loop", CellKind.object, left), inner(left, right), inner(right, left)]),
    );
    unlessCorrupt(() => replica.apply(honest({ stamp, update })));
    expectSound(replica);
  });

  test("[D16] a container that is named at two places is refused, or harmless", () => {
    const { replica, honest } = victim();
    const stamp = replica.document.latestStamp + 1;
    const id = "aaaaaaaaaaaaaaaa";
    const row = [
      4,
      ...varuint(stamp),
      CellKind.object,
      1,
      121,
      ...Buffer.from(id, "hex"),
      CellKind.object,
      1,
      120,
      ...Buffer.from(id, "hex"),
    ];
    const inner = Uint8Array.from([0, ...varuint(stamp), ...Buffer.from(id, "hex"), 1, 1, 122, 0]);
    const update = updateBy(WRITER, (doc) => doc.getArray("s").push([Uint8Array.from(row), inner]));
    unlessCorrupt(() => replica.apply(honest({ stamp, update })));
    const before = [replica.digest(), replica.plain()];
    replica.reloadFrom(replica.record());
    expect([replica.digest(), replica.plain()]).toEqual(before);
    replica.compact();
    expect([replica.digest(), replica.plain()]).toEqual(before);
    expectSound(replica);
  });

  /** A container of its own at `evil`, with one more row in it. */
  const SET = "aaaaaaaaaaaaaaaa";
  const LONG = "long ".repeat(20);
  const member = (stamp: number, ...cells: readonly (readonly (number | Uint8Array)[])[]): Uint8Array =>
    Uint8Array.from([
      Layout.members << 3,
      ...varuint(stamp),
      ...Buffer.from(SET, "hex"),
      ...cells.flatMap((cell) => cell.flatMap((part) => (typeof part === "number" ? part : [...part]))),
    ]);
  const expiry = (stamp: number, atMs: readonly number[]): number[] => [
    4,
    ...varuint(stamp),
    CellKind.expiry,
    1,
    "a".charCodeAt(0),
    ...atMs,
  ];
  const honestMember = (element: string): Uint8Array =>
    encodeCommitRow(1, SET, Layout.members, [
      { property: memberProperty(sha256, element), kind: CellKind.value, content: element, position: "" },
    ]).subarray(10);

  test("an honest set and an honest expiry are taken, so that what is refused below is refused for what is wrong with it", () => {
    const { replica, honest } = victim();
    const { stamp } = honest({});
    const rows = [
      encodeCommitRow(stamp, ROOT_CONTAINER, Layout.named, [
        { property: "evil", kind: CellKind.set, content: SET, position: "" },
        { property: expiryProperty("evil"), kind: CellKind.expiry, content: 500, position: "" },
      ]),
      member(stamp, [honestMember("x")], [honestMember(LONG)], [CellKind.removed, 3, ...Buffer.from("s0:")]),
    ];
    const update = updateBy(WRITER, (doc) => doc.getArray("s").push(rows));
    expect(replica.apply(honest({ stamp, update }))).toBe("applied");
    expect(replica.plain()).toMatchObject({ evil: new Set(["x", LONG]) });
    expect(replica.plain(500)).not.toHaveProperty("evil");
    expectSound(replica);
  });

  const broken: readonly (readonly [what: string, make: (stamp: number) => Uint8Array | number[]])[] = [
    ["an element of a set that is called otherwise than its value", (stamp) => member(stamp, [honestMember(LONG).subarray(0, -1), 0])],
    ["an element of a set without its hash", (stamp) => member(stamp, [honestMember(LONG).subarray(0, -8)])],
    ["a container as an element of a set", (stamp) => member(stamp, [CellKind.object, ...Buffer.from(SET, "hex")])],
    ["a container as a removed element's name", (stamp) => member(stamp, [CellKind.counter, 1, 65, ...Buffer.from(SET, "hex")])],
    ["a removal of an element without a name", (stamp) => member(stamp, [CellKind.removed, 0])],
    ["a removal of an element with an endless name", (stamp) => member(stamp, [CellKind.removed, 41, ...Buffer.alloc(41, 65)])],
    ["a position in a set", (stamp) => member(stamp, [CellKind.position, 1, 65])],
    ["an expiry in a set", (stamp) => member(stamp, [CellKind.expiry, 1, 65, 5])],
    ["an expiry in a container", (stamp) => [0, ...varuint(stamp), ...Buffer.from(SET, "hex"), CellKind.expiry, 1, 65, 5]],
    ["an expiry without an instant", (stamp) => expiry(stamp, [])],
    ["an expiry beyond all numbers", (stamp) => expiry(stamp, [...Buffer.alloc(12, 0xff), 1])],
    ["an expiry of a refused name", (stamp) => [4, ...varuint(stamp), CellKind.expiry, 9, ...Buffer.from("__proto__"), 5]],
    ["the root as a set", (stamp) => [4 | (Layout.members << 3), ...varuint(stamp), ...honestMember("x")]],
    ["the root as an array", (stamp) => [4 | (Layout.elements << 3), ...varuint(stamp), CellKind.removed, ...Buffer.alloc(6, 1)]],
    ["a layout that there is not", (stamp) => [4 << 3, ...varuint(stamp), ...Buffer.from(SET, "hex")]],
    ...[10, 15, 16, 32].map((kind) => [`a cell of kind ${kind}`, (stamp: number) => [4, ...varuint(stamp), kind, 1, 65, 0]] as const),
    [
      "a container in a part of a counter",
      (stamp) => [Layout.writers << 3, ...varuint(stamp), ...Buffer.from(SET, "hex"), CellKind.object, 5, ...Buffer.from(SET, "hex")],
    ],
  ];

  test.each(broken)("[D16] %s is refused, in a change and in a document", (_what, make) => {
    const { replica, honest } = victim();
    const { stamp } = honest({});
    const before = replica.record();
    const rows: Uint8Array[] = [Uint8Array.from(make(stamp))];
    // A commit has a row of the root.
    if (((rows[0]?.[0] ?? 0) & 4) === 0) rows.unshift(honestRow(stamp));
    const update = updateBy(WRITER, (doc) => doc.getArray("s").push(rows));
    expect(unlessCorrupt(() => replica.apply(honest({ stamp, update })))).toBeUndefined();
    expect(unlessCorrupt(() => checkDocument(replica.context, { epoch: replica.document.epoch, bytes: update }))).toBeUndefined();
    expect(replica.record()).toEqual(before);
    expectSound(replica);
  });

  test.each(["__proto__", "constructor", "prototype"])("[D16] [V4] a property named %s is refused, at the root and inside", (name) => {
    const { replica, honest } = victim();
    const stamp = replica.document.latestStamp + 1;
    for (const row of [
      [4, ...varuint(stamp), 1, name.length, ...Buffer.from(name), 0],
      [0, ...varuint(stamp), ...Buffer.from("aaaaaaaaaaaaaaaa", "hex"), 1, name.length, ...Buffer.from(name), 0],
    ]) {
      const update = updateBy(WRITER, (doc) => doc.getArray("s").push([Uint8Array.from(row)]));
      expect(unlessCorrupt(() => replica.apply(honest({ stamp, update })))).toBeUndefined();
    }
    expect(replica.plain()).toEqual({ a: 1, o: { x: 1 }, l: [1, 2] });
    expectUnpolluted();
  });

  test("[D16] a joined late change that drops cells of containers that do not exist is harmless", () => {
    const { replica, honest } = victim();
    replica.compact();
    const late = honest({
      dropped: [{ containerId: "ffffffffffffffff", writer: WRITER, stamp: 1 }],
      epoch: { counter: 0, hash: "0".repeat(16) },
    });
    expect(unlessCorrupt(() => replica.apply(late))).toBeUndefined();
    expectSound(replica);
  });
});

function varuint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}
