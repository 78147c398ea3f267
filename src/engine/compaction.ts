import * as Y from "yjs";
import type { CellTable } from "./cell-table.ts";
import {
  type Cell,
  CellKind,
  compareCells,
  type ContainerKind,
  expiringName,
  isContainerKind,
  isInForce,
  layoutOf,
  ROOT_CONTAINER,
  type Row,
} from "./cells.ts";
import { type Sha256, toHex } from "./containers.ts";
import type { Dot, Epoch, Stamp } from "./record.ts";
import { encodeGenesisHeader, encodeGenesisRow } from "./row-codec.ts";

/** The Yjs client that inserts every genesis. Writers are far above it. */
export const GENESIS_CLIENT = 1;
/** The one shared type of a session's document. */
export const ROWS_NAME = "s";
/**
 * Removals that survive compaction, of properties and, apart from them, of elements of sets (limit L1 of DESIGN 3.4). Older ones of
 * properties raise the removal floor. Those of elements need not: no container is ever made in their place.
 */
const REMOVALS_KEPT = 32;

/** A document that holds nothing: no structs, no deletions. Every session begins with it. */
const EMPTY_UPDATE = new Uint8Array([0, 0]);

export interface Genesis {
  readonly epoch: Epoch;
  readonly bytes: Uint8Array;
}

export function emptyGenesis(sha256: Sha256): Genesis {
  return { epoch: { counter: 0, hash: hashOf(sha256, EMPTY_UPDATE) }, bytes: EMPTY_UPDATE };
}

/**
 * What counts in a table, and nothing else, as a new document. Deterministic: whoever compacts or joins the same cells makes
 * the same bytes, and so the same epoch.
 */
export function genesisOf(table: CellTable, counter: number, sha256: Sha256): Genesis {
  const doc = new Y.Doc({ guid: "" });
  doc.clientID = GENESIS_CLIENT;
  doc.getArray<Uint8Array>(ROWS_NAME).insert(0, canonicalRows(table));
  const bytes = Y.encodeStateAsUpdate(doc);
  doc.destroy();
  return { epoch: { counter, hash: hashOf(sha256, bytes) }, bytes };
}

/**
 * The rows of a genesis. Two tables that say the same have the same rows, whatever epoch they come from: so this is also what
 * is compared and digested.
 */
export function canonicalRows(table: CellTable): Uint8Array[] {
  const vector: Dot[] = [...table.vector].sort(([left], [right]) => left - right);
  const { rows, removalFloor } = reachableRows(table);
  const containerIds = rows.map((row) => row.containerId).filter((id) => id !== ROOT_CONTAINER);
  const containerNumbers = new Map([[ROOT_CONTAINER, 0], ...containerIds.map((id, index) => [id, index + 1] as const)]);
  const writerNumbers = new Map(vector.map(([writer], index) => [writer, index]));
  return [
    encodeGenesisHeader({ removalFloor, vector, containerIds }),
    ...rows.filter((row) => row.cells.length > 0).map((row) => encodeGenesisRow(row, containerNumbers, writerNumbers)),
  ];
}

/** Equal exactly when two documents say the same and have seen the same, in whatever epoch. */
export function digestOf(table: CellTable, sha256: Sha256): Uint8Array {
  const rows = canonicalRows(table);
  const joined = new Uint8Array(rows.reduce((length, row) => length + row.length + 4, 0));
  let at = 0;
  for (const row of rows) {
    new DataView(joined.buffer).setUint32(at, row.length);
    joined.set(row, at + 4);
    at += row.length + 4;
  }
  return sha256(joined);
}

/** Containers that can be reached from the root, parents first and by name, with the cells that are worth keeping. */
function reachableRows(table: CellTable): { rows: Row[]; removalFloor: Stamp } {
  const cellsOf = new Map<string, Cell[]>();
  for (const row of table.countingRows()) cellsOf.set(row.containerId, [...row.cells]);
  const rows: Row[] = [];
  const removals: Cell[] = [];
  const memberRemovals: Cell[] = [];
  const visited = new Set<string>();
  const queue: { id: string; kind: ContainerKind }[] = [{ id: ROOT_CONTAINER, kind: CellKind.object }];
  for (const { id, kind } of queue) {
    if (visited.has(id)) continue;
    visited.add(id);
    const kept: Cell[] = [];
    const present = (cellsOf.get(id) ?? []).sort((left, right) => (left.property < right.property ? -1 : 1));
    const properties = new Map(present.map((cell) => [cell.property, cell]));
    for (const cell of present) {
      if (cell.kind === CellKind.removed) {
        // What was removed from an array or a counter is gone for good.
        if (kind === CellKind.set) memberRemovals.push(cell);
        else if (kind === CellKind.object || kind === CellKind.map) removals.push(cell);
        else continue;
      }
      if (cell.kind === CellKind.position && !isPresent(properties.get(cell.property.slice(1)))) continue;
      if (cell.kind === CellKind.expiry && !isInForce(cell, properties.get(expiringName(cell.property)))) continue;
      kept.push(cell);
      if (isContainerKind(cell.kind)) queue.push({ id: cell.content as string, kind: cell.kind });
    }
    rows.push({ containerId: id, layout: layoutOf(kind), cells: kept });
  }
  const raising = oldest(removals);
  const forgotten = new Set([...raising, ...oldest(memberRemovals)]);
  let removalFloor = table.removalFloor;
  for (const cell of raising) removalFloor = Math.max(removalFloor, cell.stamp);
  return { rows: rows.map((row) => ({ ...row, cells: row.cells.filter((cell) => !forgotten.has(cell)) })), removalFloor };
}

/** All but those that are kept. */
function oldest(removals: Cell[]): Cell[] {
  return removals.sort((left, right) => compareCells(right, left)).slice(REMOVALS_KEPT);
}

function isPresent(cell: Cell | undefined): boolean {
  return cell !== undefined && cell.kind !== CellKind.removed;
}

function hashOf(sha256: Sha256, bytes: Uint8Array): string {
  return toHex(sha256(bytes).subarray(0, 8));
}
