import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

/** Few sessions that many processes write: they compact, and merge across epochs. */
const BUSY = {
  browsers: 3,
  mix: { write: 90, create: 1, end: 1, regenerate: 0, rotate: 1, login: 0, revoke: 0, claim: 0, once: 0, page: 0 },
} as const;

/** What a session holds: commits, merging, compaction, writer ids. */
export const DOCUMENT_MUTANTS: readonly SourceMutant[] = [
  {
    name: "a change of a lower epoch is applied raw",
    laws: ["D13", "D1", "D16", "R14", "AK1", "AK2", "D4"],
    alone: "D16",
    edits: [
      edit(
        "src/engine/intake.ts",
        "if (order < 0) {\n    document.adopt(joinChange",
        "if (order < 0 && order > 0) {\n    document.adopt(joinChange",
      ),
    ],
    options: { ...BUSY, troubles: { cut: 20, slow: 20 } },
  },
  {
    name: "epochs are merged without the version vector",
    laws: ["D13"],
    edits: [
      edit("src/engine/merge-records.ts", "rightKeys.has(keyOf(row, cell)) || !covers(right.vector, [cell.writer, cell.stamp])", "true"),
    ],
    // Two sides that compact differently and meet: histories made for it find it at once, worlds of this length rarely.
    test: { project: "integration", file: "test/engine/scenarios.test.ts", title: "[S1] a removal that compaction" },
  },
  {
    name: "merging epochs drops what only one side has",
    laws: ["D13", "AK1", "AK2", "D1", "D4"],
    edits: [
      edit(
        "src/engine/merge-records.ts",
        "rightKeys.has(keyOf(row, cell)) || !covers(right.vector, [cell.writer, cell.stamp])",
        "rightKeys.has(keyOf(row, cell))",
      ),
    ],
    options: { ...BUSY, troubles: { partition: 20, cut: 20 } },
  },
  // A change that is applied over a gap: three guards stand there (the previous stamp, the clocks, the neighbours), and with all of them taken
  // away no world of twelve showed it. Each is taken away below and in `sync-mutants.ts`, and caught by the test of that guard.
  {
    name: "a change is applied without what its author had seen",
    laws: ["RW1", "D13", "D4", "D16"],
    edits: [edit("src/engine/intake.ts", " && change.seen.every((seen) => covers(table.vector, seen));", ";")],
    options: { browsers: 3, mix: { write: 70, read: 30 }, world: { relays: 2 }, troubles: { slow: 60, cut: 20 } },
  },
  {
    name: "at equal dots a removal does not count",
    laws: ["D2"],
    edits: [
      edit(
        "src/engine/cells.ts",
        "return Number(left.kind === CellKind.removed) - Number(right.kind === CellKind.removed);",
        "return Number(right.kind === CellKind.removed) - Number(left.kind === CellKind.removed);",
      ),
    ],
    test: { project: "unit", file: "src/engine/cell-table.test.ts", title: "[D2]" },
  },
  {
    name: "of two values the one of the greater writer counts, not the later one",
    laws: ["D2"],
    edits: [edit("src/engine/cells.ts", "if (left.stamp !== right.stamp) return left.stamp - right.stamp;\n", "")],
    options: BUSY,
  },
  {
    name: "concurrent counts overwrite each other",
    laws: ["D9"],
    alone: "D9",
    edits: [edit("src/engine/document.ts", 'return typeof content === "number" ? content : 0;', "return 0;")],
    options: BUSY,
  },
  {
    name: "a writer id goes on where its own tail is missing",
    laws: ["D10"],
    edits: [edit("src/engine/document.ts", "if ((this.#table.vector.get(this.#writer) ?? 0) !== this.#ownStamp) this.renew();", "")],
    // Whoever forgets a session draws another id as well: of two guards the simulator needs one.
    test: {
      project: "property",
      file: "test/property/own-tail.property.test.ts",
      title: "[D10] a writer id is never used again after a loss",
    },
  },
  {
    name: "a process begins again with the writer id of the one before",
    laws: ["D10"],
    edits: [
      edit(
        "src/engine/engine-context.ts",
        "const [a = 0, b = 0, c = 0, d = 0, e = 0] = runtime.randomBytes(5);",
        "const [a, b, c, d, e] = [0, 0, 0, 0, 7];",
      ),
    ],
  },
  {
    name: "updates are made in Yjs' format V2",
    laws: ["D16"],
    edits: [
      edit(
        "src/engine/document.ts",
        "const update = encodeCommit(stamp, writer, added, removed);",
        "const update = Y.convertUpdateFormatV1ToV2(encodeCommit(stamp, writer, added, removed));",
      ),
    ],
  },
  // In the simulator a world with it does not come to its end: copies that never become equal are sent to and fro.
  byTestsOf("D11", "test/property/merge.property.test.ts", "compaction writes what nobody else would write of the same", [
    edit(
      "src/engine/compaction.ts",
      "const vector: Dot[] = [...table.vector].sort(([left], [right]) => left - right);",
      "const vector: Dot[] = [...table.vector];",
    ),
  ]),
  {
    name: "compaction forgets what was seen",
    laws: ["RP3", "D1", "D13", "D10", "R14", "AK1", "AK2", "RP8"],
    edits: [
      edit(
        "src/engine/compaction.ts",
        "encodeGenesisHeader({ removalFloor, vector, containerIds }),",
        "encodeGenesisHeader({ removalFloor, vector: vector.slice(1), containerIds }),",
      ),
    ],
    options: BUSY,
  },
  {
    name: "compaction drops an attribute",
    laws: ["D13", "D4", "D8", "D9", "D17", "D18"],
    edits: [
      edit(
        "src/engine/compaction.ts",
        "if (cell.kind === CellKind.position &&",
        'if (id === ROOT_CONTAINER && cell.property === "flags") continue;\n      if (cell.kind === CellKind.position &&',
      ),
    ],
    options: BUSY,
  },
  {
    name: "nobody compacts",
    laws: ["D14"],
    edits: [edit("src/engine/compactor.ts", "if (live.document?.compact(rule) !== true) return;", "return;")],
    options: { ...BUSY, browsers: 1, requests: 500, world: { nodes: 4 } },
  },
  {
    name: "a compaction is believed without a look",
    laws: ["D14", "D1"],
    message: "compaction",
    edits: [
      edit(
        "src/engine/document.ts",
        "if (genesis.epoch.hash !== epoch.hash) return false;\n    this.#compactSize = genesis.bytes.length;\n    this.adopt(genesis);",
        "this.#compactSize = genesis.bytes.length;\n    this.adopt({ ...genesis, epoch });",
      ),
    ],
    // No world of twelve showed it.
    test: {
      project: "unit",
      file: "src/engine/engine.test.ts",
      title: "[D14] comes once a session was quiet for 100 ms, and is told to others",
    },
  },
  {
    name: "of a commit the replica takes in the first row",
    laws: ["D4", "D8", "D13", "D9"],
    edits: [
      edit(
        "src/engine/intake.ts",
        "for (const row of rows) table.add(row.decoded.row, row.client, row.clock, stampOf(row));",
        "for (const row of rows.slice(0, 1)) table.add(row.decoded.row, row.client, row.clock, stampOf(row));",
      ),
    ],
  },
  {
    name: "a request is not shown what its browser has seen",
    laws: ["RW1"],
    edits: [
      edit(
        "src/engine/seen.ts",
        "return document === undefined || dots.every((dot) => covers(document.vector, dot));",
        "return document === undefined || dots.length >= 0;",
      ),
    ],
  },
  {
    name: "what a browser saw is not waited for",
    laws: ["RW6"],
    edits: [
      edit(
        "src/engine/seen.ts",
        "const reached = this.isMet(live, seen) ? live : await this.#waitFor(key, live, seen);",
        "const reached = live;",
      ),
    ],
    // No world of twelve showed it.
    test: {
      project: "integration",
      file: "test/integration/adapters/read-your-writes.test.ts",
      title: "[RW6] a request waits for what its browser has seen; one that has seen nothing does not",
    },
  },
  {
    name: "clocks that are left out are not asked for",
    laws: ["D15", "D16"],
    edits: [edit("src/engine/intake.ts", 'if ((ofClient[0] as Struct).clock > knownClock(client)) throw corrupt("gap");', "")],
    // Nobody in the simulation writes such bytes.
    test: { project: "property", file: "test/property/hostile-bytes.test.ts", title: "a row after clocks that nobody has" },
  },
  {
    name: "rows may wait for rows that never come",
    laws: ["D15", "D16"],
    edits: [edit("src/engine/intake.ts", "  checkOrder(structs, knownClock);", "")],
    test: { project: "property", file: "test/property/hostile-bytes.test.ts", title: "a row beside one that nobody has" },
  },
  {
    name: "what waits for Yjs is forgotten when the document is encoded",
    laws: ["D1", "AK1", "AK2", "RP3", "RP8", "R14", "D4", "D13", "D16"],
    edits: [
      edit(
        "src/engine/document.ts",
        "if (this.#bytes === undefined || this.#unapplied.length > 0) this.#bytes = ",
        "if (this.#bytes === undefined) this.#bytes = ",
      ),
    ],
  },
  {
    name: "what waits for Yjs is forgotten when something is written",
    laws: ["D1", "AK1", "AK2", "RP3", "RP8", "R14", "D4", "D13", "D16"],
    edits: [edit("src/engine/document.ts", "for (const update of unapplied) Y.applyUpdate(ydoc, update);", "void unapplied;")],
  },
  {
    name: "what rests from the beginning has the name of another state",
    laws: ["R20"],
    edits: [edit("src/engine/registry.ts", "return this.restore(record, () => vector);", "return this.restore(record, () => new Map());")],
    // Only a relay that starts asks in bulk.
    test: {
      project: "unit",
      file: "src/engine/registry-rest.test.ts",
      title: "[R20] rests from the beginning, is named, read, written and ended like any other",
    },
  },
  {
    name: "the store overwrites instead of merging",
    laws: ["ST4"],
    edits: [
      edit(
        "src/storage/memory-store.ts",
        "const merged = resting === undefined ? record : mergeRecords(resting, record, this.#context);",
        "const merged = resting === undefined || record !== undefined ? record : mergeRecords(resting, record, this.#context);",
      ),
    ],
    test: { project: "integration", file: "test/contract/memory-store.test.ts", title: "[ST4] appending merges as mergeRecords does" },
  },
  byTestsOf("D1", "src/engine/document.test.ts", "a replica does not take in the changes of others", [
    edit(
      "src/engine/intake.ts",
      "for (const row of rows) table.add(row.decoded.row, row.client, row.clock, stampOf(row));",
      "void [rows, table, stampOf];",
    ),
  ]),
  byTestsOf("D3", "src/engine/document.test.ts", "a change is taken in though the one before it is missing", [
    edit("src/engine/intake.ts", "const isNext = (table.vector.get(change.writer) ?? 0) === change.previousStamp && ", "const isNext = "),
  ]),
  byTestsOf("D4", "src/engine/document.test.ts", "of a commit a replica keeps one row", [
    edit(
      "src/engine/intake.ts",
      "for (const row of rows) table.add(row.decoded.row, row.client, row.clock, stampOf(row));",
      "for (const row of rows.slice(0, 1)) table.add(row.decoded.row, row.client, row.clock, stampOf(row));",
    ),
  ]),
  byTestsOf("D10", "src/engine/document.test.ts", "a document that lacks its own tail keeps its writer id", [
    edit("src/engine/document.ts", "if ((this.#table.vector.get(this.#writer) ?? 0) !== this.#ownStamp) this.renew();", ""),
  ]),
  byTestsOf("D12", "src/engine/merge-records.test.ts", "of two copies of one epoch the first is taken", [
    edit("src/engine/merge-records.ts", "if (order === 0) return mergeWithinEpoch(left, right, context);", "if (order === 0) return left;"),
  ]),
  byTestsOf("D13", "src/engine/merge-records.test.ts", "of two epochs the higher is taken", [
    edit(
      "src/engine/merge-records.ts",
      "return joined(joinTables(lowerTable, higherTable), higherTable, higher, context);",
      "return lowerTable === higherTable ? lower : higher;",
    ),
  ]),
  byTestsOf("D14", "src/engine/compaction.test.ts", "compaction keeps every removal", [
    edit("src/engine/compaction.ts", "const REMOVALS_KEPT = 32;", "const REMOVALS_KEPT = 32_000;"),
  ]),
  byTestsOf("D15", "test/property/hostile-bytes.test.ts", "rows may wait for what never comes", [
    edit("src/engine/intake.ts", "  checkOrder(structs, knownClock);", ""),
  ]),
];
