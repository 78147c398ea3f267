import type { Dot, Stamp, WriterId } from "./record.ts";
import type { Plain } from "./values.ts";

/**
 * What a cell says about its property. The kind is in the cell, not in the code of the application, so that nodes with
 * different declarations converge (DESIGN 3.3). The numbers are on the wire and on disk: never reuse one.
 */
export const CellKind = {
  removed: 0,
  value: 1,
  position: 2,
  expiry: 3,
  object: 4,
  array: 5,
  counter: 6,
  register: 7,
  set: 8,
  map: 9,
} as const;
export type CellKind = (typeof CellKind)[keyof typeof CellKind];
export type ContainerKind = Exclude<CellKind, 0 | 1 | 2 | 3>;

/** How the properties of a container are named: by string, by element id, by writer, or by what the value of a set's element is. */
export const Layout = { named: 0, elements: 1, writers: 2, members: 3 } as const;
export type Layout = (typeof Layout)[keyof typeof Layout];

/** The container of the attributes. Every other one is named by a cell of its parent. */
export const ROOT_CONTAINER = "";

/**
 * What one commit says about one property of one container. `content` is by kind:
 * removed: undefined; value: the plain value; object and what follows it: the id of the container; position: undefined;
 * expiry: milliseconds from the birth of the session to the instant from which on its attribute is gone, 0 for never.
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
  return kind >= CellKind.object;
}

/** The container that a cell names; undefined when it names none. */
export function namedContainer(cell: CellContent): string | undefined {
  return isContainerKind(cell.kind) ? (cell.content as string) : undefined;
}

export function layoutOf(kind: ContainerKind): Layout {
  switch (kind) {
    case CellKind.array:
      return Layout.elements;
    case CellKind.counter:
      return Layout.writers;
    case CellKind.set:
      return Layout.members;
    default:
      return Layout.named;
  }
}

/** Property under which an array element's position is moved: a slot of its own, so that moving and changing do not conflict. */
export function positionProperty(elementId: string): string {
  return `@${elementId}`;
}

/** The slot of an attribute's expiry, beside the attribute. No attribute has this name: names have no lone surrogates. */
export function expiryProperty(name: string): string {
  return EXPIRY_MARK + name;
}

/** The attribute of such a slot. */
export function expiringName(property: string): string {
  return property.slice(EXPIRY_MARK.length);
}

/** An expiry is in force until somebody writes the attribute as a whole: who does so without an expiry wants none. */
export function isInForce(expiry: Cell, attribute: Cell | undefined): boolean {
  return attribute !== undefined && attribute.kind !== CellKind.removed && compareCells(expiry, attribute) >= 0;
}

const EXPIRY_MARK = "\uD800";

/** What a document has seen: for each writer the stamp of its latest commit. */
export type VersionVector = Map<WriterId, Stamp>;

export function covers(vector: ReadonlyMap<WriterId, Stamp>, [writer, stamp]: Dot): boolean {
  return (vector.get(writer) ?? 0) >= stamp;
}

export function raise(vector: VersionVector, [writer, stamp]: Dot): void {
  if ((vector.get(writer) ?? 0) < stamp) vector.set(writer, stamp);
}
