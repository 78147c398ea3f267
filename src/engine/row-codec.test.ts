import { describe, expect, test } from "vitest";
import { sha256 } from "../../test/support/manual-runtime.ts";
import { type Cell, CellKind, expiryProperty, Layout, ROOT_CONTAINER } from "./cells.ts";
import { memberProperty } from "./containers.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { decodeRow, encodeCommitRow, encodeGenesisHeader, encodeGenesisRow, type GenesisHeader } from "./row-codec.ts";

const WRITERS = [2 ** 32 + 5, 2 ** 34 + 7] as const;
const CONTAINER = "0123456789abcdef";
const CHILD = "fedcba9876543210";
const ELEMENT = "abcdefg1";

function cell(part: Partial<Cell>): Cell {
  return { property: "p", kind: CellKind.value, content: 1, position: "", stamp: 300, writer: WRITERS[0], ...part };
}

const NAMED: Cell[] = [
  cell({ property: "a", content: { deep: [1, "é", null] } }),
  cell({ property: "b", kind: CellKind.removed, content: undefined }),
  cell({ property: "c", kind: CellKind.object, content: CHILD }),
  cell({ property: "d", kind: CellKind.array, content: CHILD, stamp: 512, writer: WRITERS[1] }),
];
const ELEMENTS: Cell[] = [
  cell({ property: ELEMENT, position: "a0" }),
  cell({ property: "abcdefg2", position: "a1", content: "second" }),
  cell({ property: `@${ELEMENT}`, kind: CellKind.position, content: undefined, position: "a0V" }),
];
const LONG = "long ".repeat(20);
const MEMBERS: Cell[] = [
  cell({ property: memberProperty(sha256, LONG), content: LONG }),
  cell({ property: memberProperty(sha256, [1, { a: null }]), content: [1, { a: null }] }),
  cell({ property: memberProperty(sha256, "gone"), kind: CellKind.removed, content: undefined }),
];
const EXPIRING: Cell[] = [
  cell({ property: "a", kind: CellKind.set, content: CHILD }),
  cell({ property: "b", kind: CellKind.map, content: CHILD, stamp: 512, writer: WRITERS[1] }),
  cell({ property: expiryProperty("a"), kind: CellKind.expiry, content: 300_000 }),
  cell({ property: expiryProperty("b"), kind: CellKind.expiry, content: 0 }),
];

describe("a commit row", () => {
  test.each([
    ["of the root", ROOT_CONTAINER, Layout.named, NAMED.slice(0, 3)],
    ["of a container", CONTAINER, Layout.named, NAMED.slice(0, 3)],
    ["of an array", CONTAINER, Layout.elements, ELEMENTS],
    ["of a set", CONTAINER, Layout.members, MEMBERS],
    ["with expiries", ROOT_CONTAINER, Layout.named, [EXPIRING[0], EXPIRING[2], EXPIRING[3]] as Cell[]],
    ["of a counter", CONTAINER, Layout.writers, [cell({ property: "0" }), cell({ property: String(WRITERS[0]), content: -3 })]],
    ["without cells", ROOT_CONTAINER, Layout.named, []],
  ] as const)("%s reads back as it was", (_what, containerId, layout, cells) => {
    const bytes = encodeCommitRow(300, containerId, layout, cells);
    const expected = { type: "commit", stamp: 300, row: { containerId, layout, cells } };
    expect(decodeRow(bytes, WRITERS[0], undefined, DEFAULT_LIMITS)).toEqual(expected);
  });

  test("[D16] cut anywhere inside a cell it is refused", () => {
    const bytes = encodeCommitRow(300, CONTAINER, Layout.named, NAMED.slice(0, 1));
    for (let length = 12; length < bytes.length; length++) {
      const cut = (): unknown => decodeRow(bytes.subarray(0, length), WRITERS[0], undefined, DEFAULT_LIMITS);
      expect(cut).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
    }
  });
});

describe("a genesis", () => {
  const header: GenesisHeader = {
    removalFloor: 77,
    vector: [
      [WRITERS[0], 300],
      [WRITERS[1], 512],
    ],
    containerIds: [CONTAINER, CHILD],
  };
  const containerNumbers = new Map([
    [ROOT_CONTAINER, 0],
    [CONTAINER, 1],
    [CHILD, 2],
  ]);
  const writerNumbers = new Map<number, number>(WRITERS.map((writer, index) => [writer, index]));

  test("header reads back as it was", () => {
    expect(decodeRow(encodeGenesisHeader(header), 1, undefined, DEFAULT_LIMITS)).toEqual({ type: "header", header });
  });

  test.each([
    ["objects", { containerId: CONTAINER, layout: Layout.named, cells: NAMED }],
    ["sets", { containerId: CONTAINER, layout: Layout.members, cells: MEMBERS }],
    ["the root with expiries", { containerId: ROOT_CONTAINER, layout: Layout.named, cells: EXPIRING }],
    ["arrays", { containerId: CONTAINER, layout: Layout.elements, cells: ELEMENTS }],
  ] as const)("row of %s reads back as it was, in whatever order its cells stood", (_what, row) => {
    const bytes = encodeGenesisRow(row, containerNumbers, writerNumbers);
    expect(encodeGenesisRow({ ...row, cells: [...row.cells].reverse() }, containerNumbers, writerNumbers)).toEqual(bytes);
    expect(decodeRow(bytes, 1, header, DEFAULT_LIMITS)).toEqual({ type: "genesis", row });
  });

  test("[D16] row that refers to a dot above the vector, or to no container, is refused", () => {
    const bytes = encodeGenesisRow({ containerId: CONTAINER, layout: Layout.named, cells: NAMED }, containerNumbers, writerNumbers);
    for (const broken of [
      { ...header, vector: [[WRITERS[0], 299] as const, [WRITERS[1], 512] as const] },
      { ...header, vector: [[WRITERS[0], 300] as const] },
      { ...header, containerIds: [] },
      undefined,
    ]) {
      expect(() => decodeRow(bytes, 1, broken, DEFAULT_LIMITS)).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
    }
  });
});
