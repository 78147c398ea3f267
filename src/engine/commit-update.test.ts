import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { StoredRow } from "./cell-table.ts";
import { CellKind, Layout, ROOT_CONTAINER } from "./cells.ts";
import { encodeCommit } from "./commit-update.ts";
import { GENESIS_CLIENT, ROWS_NAME } from "./compaction.ts";
import { WRITER_MIN } from "./update-reader.ts";

const [ONE, TWO] = [WRITER_MIN + 1, WRITER_MIN + 2];

function row(client: number, clock: number, stamp: number, content = "x"): StoredRow {
  const cell = { property: `p${clock}`, kind: CellKind.value, content, position: "", stamp, writer: client };
  return { containerId: ROOT_CONTAINER, layout: Layout.named, cells: [cell], client, clock, stamp, counting: 1 };
}

/** Applies it to a document, which must take it whole, and gives what Yjs itself tells of that. */
function retold(doc: Y.Doc, update: Uint8Array): Uint8Array {
  let told: Uint8Array | undefined;
  doc.once("update", (bytes: Uint8Array) => (told = bytes));
  Y.applyUpdate(doc, update);
  expect(doc.store.pendingStructs).toBeNull();
  expect(doc.store.pendingDs).toBeNull();
  if (told === undefined) throw new Error("nothing new");
  return told;
}

describe("a commit as an update", () => {
  test("[D16] its bytes are those that Yjs would write of it: rows after each other, ranges of deletions joined, clients from the highest on", () => {
    const doc = new Y.Doc();
    const genesis = new Y.Doc();
    genesis.clientID = GENESIS_CLIENT;
    genesis.getArray(ROWS_NAME).insert(0, [new Uint8Array([1]), new Uint8Array([2]), new Uint8Array([3])]);
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(genesis));
    const before: StoredRow[] = [1, 2].map((clock) => row(GENESIS_CLIENT, clock, 0));
    const updates: [Iterable<StoredRow>, Uint8Array][] = [];
    const commit = (writer: number, stamp: number, added: StoredRow[], removed: StoredRow[]): void => {
      updates.push([added, encodeCommit(stamp, writer, added, removed)]);
    };
    const first = [0, 1, 2].map((clock) => row(ONE, clock, 256));
    commit(ONE, 256, first, []);
    const other = [row(TWO, 0, 300)];
    commit(TWO, 300, other, [...before].reverse());
    const last = [row(TWO, 1, 512, "y".repeat(200))];
    commit(TWO, 512, last, [first[2], other[0], first[0]] as StoredRow[]);
    commit(ONE, 600, [row(ONE, 3, 600)], [first[1], ...last] as StoredRow[]);
    for (const [, update] of updates) expect(Buffer.from(retold(doc, update))).toEqual(Buffer.from(update));
    // Of each client what lies together folds to one.
    const structs = doc.store.clients;
    expect([GENESIS_CLIENT, ONE, TWO].map((client) => structs.get(client)?.length)).toEqual([2, 2, 1]);
  });
});
