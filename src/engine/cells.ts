import type { Dot, Stamp, WriterId } from "./record.ts";
import type { Plain } from "./values.ts";

/**
 * What a cell says about its property. The kind is in the cell, not in the code of the application, so that nodes with
 * different declarations converge (DESIGN 3.3). The numbers are on the wire and on disk: never reuse one.
 */
export const CellKind = { removed: 0, value: 1, object: 2, array: 3, counter: 4, register: 5, position: 6 } as const;
export type CellKind = (typeof CellKind)[keyof typeof CellKind];
export type ContainerKind = typeof CellKind.object | typeof CellKind.array | typeof CellKind.counter | typeof CellKind.register;

/** How the properties of a container are named: by string, by element id, or by writer. */
export const Layout = { named: 0, elements: 1, writers: 2 } as const;
export type Layout = (typeof Layout)[keyof typeof Layout];

/** The container of the attributes. Every other one is named by a cell of its parent. */
export const ROOT_CONTAINER = "";

/**
 * What one commit says about one property of one container. `content` is by kind:
 * removed: undefined; value: the plain value; object, array, counter, register: the id of the container; position: undefined.
 * `position` is the position key of an array element, in its value cell the one given at insertion; otherwise "".
 */
export interface CellContent {
  readonly property: string;
  readonly kind: CellKind;
  readonly content: Plain | undefined;
  readonly position: string;
}

/** A cell in a document. Among the cells of one (container, property) the highest (stamp, writer) counts. */
export interface Cell extends CellContent {
  readonly stamp: Stamp;
  readonly writer: WriterId;
}

/** Cells of one commit in one container: the unit in which a document stores and deletes. */
export interface Row {
  readonly containerId: string;
  readonly layout: Layout;
  readonly cells: readonly Cell[];
}

/** Positive when `left` counts before `right`: later stamp, then greater writer; at equal dots a removal counts. */
export function compareCells(left: Cell, right: Cell): number {
  if (left.stamp !== right.stamp) return left.stamp - right.stamp;
  if (left.writer !== right.writer) return left.writer - right.writer;
  return Number(left.kind === CellKind.removed) - Number(right.kind === CellKind.removed);
}

export function isContainerKind(kind: CellKind): kind is ContainerKind {
  return kind >= CellKind.object && kind <= CellKind.register;
}

/** The container that a cell names; undefined when it names none. */
export function namedContainer(cell: CellContent): string | undefined {
  return isContainerKind(cell.kind) ? (cell.content as string) : undefined;
}

export function layoutOf(kind: ContainerKind): Layout {
  if (kind === CellKind.array) return Layout.elements;
  return kind === CellKind.counter ? Layout.writers : Layout.named;
}

/** Property under which an array element's position is moved: a slot of its own, so that moving and changing do not conflict. */
export function positionProperty(elementId: string): string {
  return `@${elementId}`;
}

/** What a document has seen: for each writer the stamp of its latest commit. */
export type VersionVector = Map<WriterId, Stamp>;

export function covers(vector: ReadonlyMap<WriterId, Stamp>, [writer, stamp]: Dot): boolean {
  return (vector.get(writer) ?? 0) >= stamp;
}

export function raise(vector: VersionVector, [writer, stamp]: Dot): void {
  if ((vector.get(writer) ?? 0) < stamp) vector.set(writer, stamp);
}
