import { describe, expect, test } from "vitest";
import { CellTable } from "./cell-table.ts";
import { type Cell, CellKind, Layout, ROOT_CONTAINER } from "./cells.ts";
import { DEPTH_MAX } from "./limits.ts";
import { plainOf } from "./view.ts";

const CHILD = "0123456789abcdef";
const [LOW, HIGH] = [2 ** 32 + 1, 2 ** 32 + 2];

function cell(property: string, stamp: number, writer: number, content: Cell["content"], kind: CellKind = CellKind.value): Cell {
  return { property, kind, content, position: "", stamp, writer };
}

/** Adds one row a cell, in the order given, each at a clock of its own. */
function tableOf(...cells: readonly (readonly [containerId: string, cell: Cell])[]): CellTable {
  const table = new CellTable();
  cells.forEach(([containerId, one], clock) => {
    table.add({ containerId, layout: Layout.named, cells: [one] }, one.writer, clock, one.stamp);
  });
  return table;
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

describe("which cell counts", () => {
  test("[D2] depends only on which are in: the highest (stamp, writer), at equal dots a removal, in whatever order they came", () => {
    const cells = [
      cell("p", 1, HIGH, "old"),
      cell("p", 2, LOW, "low"),
      cell("p", 2, HIGH, "high"),
      cell("p", 2, HIGH, undefined, CellKind.removed),
    ];
    for (const order of permutations(cells)) {
      const table = tableOf(...order.map((one) => [ROOT_CONTAINER, one] as const));
      expect(plainOf(table.root())).toEqual({});
      table.remove([{ client: HIGH, clock: order.indexOf(cells[3] as Cell) }]);
      expect(plainOf(table.root())).toEqual({ p: "high" });
      table.remove([{ client: HIGH, clock: order.indexOf(cells[2] as Cell) }]);
      expect(plainOf(table.root())).toEqual({ p: "low" });
      table.remove([{ client: LOW, clock: order.indexOf(cells[1] as Cell) }]);
      expect(plainOf(table.root())).toEqual({ p: "old" });
      table.remove([{ client: HIGH, clock: order.indexOf(cells[0] as Cell) }]);
      expect(plainOf(table.root())).toEqual({});
    }
  });

  test("[D2] 30,000 rows of one property, the latest first, come and go without each looking for its place among the others", () => {
    const count = 30_000;
    const table = tableOf(...Array.from({ length: count }, (_, clock) => [ROOT_CONTAINER, cell("p", count - clock, LOW, clock)] as const));
    expect(plainOf(table.root())).toEqual({ p: 0 });
    table.remove(Array.from({ length: count - 1 }, (_, clock) => ({ client: LOW, clock })));
    expect(plainOf(table.root())).toEqual({ p: count - 1 });
    table.remove([{ client: LOW, clock: count - 1 }]);
    expect(plainOf(table.root())).toEqual({});
  });

  test("[D16] containers that are nested deeper than anything is written show nothing beyond that, and break nothing", () => {
    const id = (level: number): string => level.toString(16).padStart(16, "0");
    const levels = Array.from({ length: 20_000 }, (_, level) => [id(level), cell("o", 1, LOW, id(level + 1), CellKind.object)] as const);
    const table = tableOf([ROOT_CONTAINER, cell("o", 1, LOW, id(0), CellKind.object)], ...levels);
    let depth = 0;
    for (let node: unknown = plainOf(table.root()); node !== undefined; node = (node as { o?: unknown }).o) depth++;
    expect(depth).toBe(DEPTH_MAX + 1);
    expect(table.rowsBelow(ROOT_CONTAINER)).toHaveLength(20_001);
  });

  test("[D5] a container shows only where it is named, whichever came first", () => {
    const named = [ROOT_CONTAINER, cell("o", 1, LOW, CHILD, CellKind.object)] as const;
    const inner = [CHILD, cell("x", 2, HIGH, 7)] as const;
    expect(plainOf(tableOf(named, inner).root())).toEqual({ o: { x: 7 } });
    expect(plainOf(tableOf(inner, named).root())).toEqual({ o: { x: 7 } });
    expect(plainOf(tableOf(inner).root())).toEqual({});
    expect(tableOf(inner).attributeOf(CHILD)).toBeUndefined();
    expect(tableOf(inner, named).attributeOf(CHILD)).toBe("o");
  });
});

describe("what was read", () => {
  test("[V1] stays as it was when the table changes, and what did not change is shared", () => {
    const table = tableOf(
      [ROOT_CONTAINER, cell("o", 1, LOW, CHILD, CellKind.object)],
      [CHILD, cell("x", 1, LOW, 1)],
      [ROOT_CONTAINER, cell("p", 1, LOW, 1)],
    );
    const before = table.root();
    expect(table.root()).toBe(before);
    table.add({ containerId: ROOT_CONTAINER, layout: Layout.named, cells: [cell("p", 2, LOW, 2)] }, LOW, 9, 2);
    expect(plainOf(before)).toEqual({ o: { x: 1 }, p: 1 });
    expect(plainOf(table.root())).toEqual({ o: { x: 1 }, p: 2 });
    expect(table.root().entries.get("o")).toBe(before.entries.get("o"));
    table.add({ containerId: CHILD, layout: Layout.named, cells: [cell("x", 3, LOW, 3)] }, LOW, 10, 3);
    expect(plainOf(table.root())).toEqual({ o: { x: 3 }, p: 2 });
    expect(plainOf(before)).toEqual({ o: { x: 1 }, p: 1 });
  });
});

test("[D3] the vector has the latest stamp of each writer, and keeps it when rows go", () => {
  const table = tableOf(
    [ROOT_CONTAINER, cell("a", 5, LOW, 1)],
    [ROOT_CONTAINER, cell("b", 3, LOW, 1)],
    [ROOT_CONTAINER, cell("c", 4, HIGH, 1)],
  );
  table.remove([{ client: LOW, clock: 0 }]);
  expect([...table.vector]).toEqual([
    [LOW, 5],
    [HIGH, 4],
  ]);
  expect(table.latestStamp).toBe(5);
});
