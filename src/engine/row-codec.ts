import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import {
  type Cell,
  type CellContent,
  CellKind,
  expiringName,
  expiryProperty,
  isContainerKind,
  Layout,
  positionProperty,
  ROOT_CONTAINER,
  type Row,
} from "./cells.ts";
import {
  CONTAINER_ID_BYTES,
  ELEMENT_ID_LENGTH,
  elementIdOf,
  elementNumber,
  fromHex,
  fullPosition,
  MEMBER_HASH_MARK,
  MEMBER_KEY_LENGTH,
  nextPosition,
  toHex,
} from "./containers.ts";
import { corrupt, SessionError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Dot, Stamp, WriterId } from "./record.ts";
import { emptied, readValue, valueKey, writeValue } from "./value-codec.ts";
import { checkName, type Plain } from "./values.ts";

/*
 * Rows are the elements of a document's Y.Array, each a byte string:
 *
 *   commit row      [u8 0 | root << 2 | layout << 3] [varuint stamp] [8 bytes container id, unless root] cell*
 *   genesis header  [u8 1] [varuint removal floor] [varuint n] n × ([varuint writer] [varuint stamp]) (8 bytes container id)*
 *   genesis row     [u8 2 | layout << 3] [varuint container: 0 root, i the i-th of the header] cell*
 *
 *   cell            [u8 kind | sameDot << 4 | nextPosition << 5]
 *                   genesis rows, unless sameDot: [varuint index of the writer in the header] [varuint stamp]
 *                   property, by layout: named [varstring] · elements [u48 element id] · writers [varuint writer, 0 the start] ·
 *                   members, removed: [varstring]; a value: nothing, it follows from the value
 *                   layout elements, unless removed or nextPosition: [varstring position key]
 *                   value: [value] · expiry: [varuint] · containers: [8 bytes id] in a commit row, [varuint index ≥ 1] in a genesis row
 *                   layout members, a value whose canonical text is long: [8 bytes hash of it]
 *
 * The writer of a commit row is the Yjs client that inserted it. Cells fill the rest of the row.
 */
const COMMIT_ROW = 0;
const GENESIS_HEADER = 1;
const GENESIS_ROW = 2;
const ROW_TYPE_MASK = 3;
const ROOT_FLAG = 4;
const LAYOUT_SHIFT = 3;
const KIND_MASK = 15;
const SAME_DOT_FLAG = 16;
const NEXT_POSITION_FLAG = 32;

/** Of what `nextPosition` gives, which counts up to 27 digits and has no more. */
const POSITION_AFTER_LENGTH_MAX = 27;

/** What the rows of a genesis refer to by small numbers, and what it carries besides cells. */
export interface GenesisHeader {
  /** The highest stamp of an object-property removal that compaction has dropped; 0 for none (`G` of DESIGN 3.2). */
  readonly removalFloor: Stamp;
  readonly vector: readonly Dot[];
  readonly containerIds: readonly string[];
}

export type DecodedRow =
  | { readonly type: "commit"; readonly stamp: Stamp; readonly row: Row }
  | { readonly type: "header"; readonly header: GenesisHeader }
  | { readonly type: "genesis"; readonly row: Row };

export function encodeCommitRow(stamp: Stamp, containerId: string, layout: Layout, cells: readonly CellContent[]): Uint8Array {
  const encoder = emptyEncoder();
  const isRoot = containerId === ROOT_CONTAINER;
  encoding.writeUint8(encoder, COMMIT_ROW | (isRoot ? ROOT_FLAG : 0) | (layout << LAYOUT_SHIFT));
  encoding.writeVarUint(encoder, stamp);
  if (!isRoot) encoding.writeUint8Array(encoder, fromHex(containerId));
  for (const cell of cells) {
    encoding.writeUint8(encoder, cell.kind);
    writeProperty(encoder, layout, cell);
    if (layout === Layout.elements && cell.kind !== CellKind.removed) encoding.writeVarString(encoder, cell.position);
    if (isContainerKind(cell.kind)) encoding.writeUint8Array(encoder, fromHex(cell.content as string));
    else writeContent(encoder, layout, cell);
  }
  return encoding.toUint8Array(encoder);
}

export function encodeGenesisHeader(header: GenesisHeader): Uint8Array {
  const encoder = emptyEncoder();
  encoding.writeUint8(encoder, GENESIS_HEADER);
  encoding.writeVarUint(encoder, header.removalFloor);
  encoding.writeVarUint(encoder, header.vector.length);
  for (const [writer, stamp] of header.vector) {
    encoding.writeVarUint(encoder, writer);
    encoding.writeVarUint(encoder, stamp);
  }
  for (const id of header.containerIds) encoding.writeUint8Array(encoder, fromHex(id));
  return encoding.toUint8Array(encoder);
}

/** Deterministic: the cells are sorted here, and the numbers come from the maps. */
export function encodeGenesisRow(
  row: Row,
  containerNumbers: ReadonlyMap<string, number>,
  writerNumbers: ReadonlyMap<WriterId, number>,
): Uint8Array {
  const encoder = emptyEncoder();
  encoding.writeUint8(encoder, GENESIS_ROW | (row.layout << LAYOUT_SHIFT));
  encoding.writeVarUint(encoder, numberOf(containerNumbers, row.containerId));
  let previous: Cell | undefined;
  for (const cell of sortedForGenesis(row)) {
    const sameDot = previous !== undefined && previous.stamp === cell.stamp && previous.writer === cell.writer;
    const hasPosition = row.layout === Layout.elements && cell.kind !== CellKind.removed;
    const isNext = hasPosition && followsAt(previous, cell.position);
    encoding.writeUint8(encoder, cell.kind | (sameDot ? SAME_DOT_FLAG : 0) | (isNext ? NEXT_POSITION_FLAG : 0));
    if (!sameDot) {
      encoding.writeVarUint(encoder, numberOf(writerNumbers, cell.writer));
      encoding.writeVarUint(encoder, cell.stamp);
    }
    writeProperty(encoder, row.layout, cell);
    if (hasPosition && !isNext) encoding.writeVarString(encoder, cell.position);
    if (isContainerKind(cell.kind)) encoding.writeVarUint(encoder, numberOf(containerNumbers, cell.content as string));
    else writeContent(encoder, row.layout, cell);
    previous = cell;
  }
  return encoding.toUint8Array(encoder);
}

/**
 * `writer` is the Yjs client that inserted the row; `header` the genesis header of the document, which comes first in it.
 * @throws SessionError RECORD_CORRUPT for anything that the encoders above cannot have written.
 */
export function decodeRow(bytes: Uint8Array, writer: WriterId, header: GenesisHeader | undefined, limits: Limits): DecodedRow {
  try {
    return readRow(decoding.createDecoder(bytes), writer, header, limits);
  } catch (error) {
    if (error instanceof SessionError && error.code === "RECORD_CORRUPT") throw error;
    throw corrupt("a row cannot be read", error);
  }
}

/** The commits that a row tells of, without its cells. @throws SessionError RECORD_CORRUPT */
export function readSeen(bytes: Uint8Array, writer: WriterId): readonly Dot[] {
  try {
    const decoder = decoding.createDecoder(bytes);
    const type = decoding.readUint8(decoder) & ROW_TYPE_MASK;
    if (type === COMMIT_ROW) return [[writer, readUnsigned(decoder)]];
    return type === GENESIS_HEADER ? readHeader(decoder).vector : [];
  } catch (error) {
    if (error instanceof SessionError && error.code === "RECORD_CORRUPT") throw error;
    throw corrupt("a row cannot be read", error);
  }
}

/** One encoder serves every row: a row is written in one go, and copied out of it. */
let sharedEncoder = encoding.createEncoder();

function emptyEncoder(): encoding.Encoder {
  sharedEncoder = emptied(sharedEncoder);
  return sharedEncoder;
}

function readRow(decoder: decoding.Decoder, writer: WriterId, header: GenesisHeader | undefined, limits: Limits): DecodedRow {
  const head = decoding.readUint8(decoder);
  const type = head & ROW_TYPE_MASK;
  if (type === GENESIS_HEADER) return { type: "header", header: readHeader(decoder) };
  if (head >> LAYOUT_SHIFT > Layout.members) throw corrupt("layout");
  const layout = (head >> LAYOUT_SHIFT) as Layout;
  if (type === COMMIT_ROW) {
    const stamp = readUnsigned(decoder);
    if (stamp < 1) throw corrupt("stamp");
    const containerId = (head & ROOT_FLAG) !== 0 ? ROOT_CONTAINER : readContainerId(decoder);
    checkRow(containerId, layout);
    const cells: Cell[] = [];
    while (decoding.hasContent(decoder)) {
      const kind = readKind(decoding.readUint8(decoder), containerId, layout);
      const property = readProperty(decoder, layout, kind, limits);
      const position = layout === Layout.elements && kind !== CellKind.removed ? readPosition(decoder, limits) : "";
      const content = isContainerKind(kind) ? readContainerId(decoder) : readContent(decoder, kind, limits);
      cells.push({ property: property ?? readMember(decoder, content), kind, content, position, stamp, writer });
    }
    return { type: "commit", stamp, row: { containerId, layout, cells } };
  }
  if (type !== GENESIS_ROW || header === undefined) throw corrupt("row type");
  const containerId = containerAt(header, readUnsigned(decoder));
  checkRow(containerId, layout);
  const cells: Cell[] = [];
  let dot: Dot | undefined;
  let previous: Cell | undefined;
  while (decoding.hasContent(decoder)) {
    const flags = decoding.readUint8(decoder);
    const kind = readKind(flags & KIND_MASK, containerId, layout);
    if ((flags & SAME_DOT_FLAG) === 0) {
      const entry = header.vector[readUnsigned(decoder)];
      const stamp = readUnsigned(decoder);
      if (entry === undefined || stamp < 1 || stamp > entry[1]) throw corrupt("dot");
      dot = [entry[0], stamp];
    }
    if (dot === undefined) throw corrupt("dot");
    const property = readProperty(decoder, layout, kind, limits);
    const hasPosition = layout === Layout.elements && kind !== CellKind.removed;
    let position = "";
    if (hasPosition) position = (flags & NEXT_POSITION_FLAG) !== 0 ? positionAfter(previous) : readPosition(decoder, limits);
    if (hasPosition && position === "") throw corrupt("position");
    const content = isContainerKind(kind) ? containerAt(header, readUnsigned(decoder), 1) : readContent(decoder, kind, limits);
    previous = { property: property ?? readMember(decoder, content), kind, content, position, stamp: dot[1], writer: dot[0] };
    cells.push(previous);
  }
  return { type: "genesis", row: { containerId, layout, cells } };
}

function readHeader(decoder: decoding.Decoder): GenesisHeader {
  const removalFloor = readUnsigned(decoder);
  const count = readUnsigned(decoder);
  if (count > remaining(decoder) / 2) throw corrupt("vector length");
  const vector: Dot[] = [];
  for (let index = 0; index < count; index++) vector.push([readUnsigned(decoder), readUnsigned(decoder)]);
  const containerIds: string[] = [];
  while (decoding.hasContent(decoder)) containerIds.push(readContainerId(decoder));
  return { removalFloor, vector, containerIds };
}

function sortedForGenesis(row: Row): Cell[] {
  const cells = [...row.cells];
  if (row.layout === Layout.writers) return cells.sort((left, right) => Number(left.property) - Number(right.property));
  if (row.layout !== Layout.elements) return cells.sort((left, right) => (left.property < right.property ? -1 : 1));
  const place = (cell: Cell): string =>
    cell.kind === CellKind.position ? `~${cell.property}` : fullPosition(cell.position, cell.property);
  const places = new Map(cells.map((cell) => [cell, place(cell)]));
  return cells.sort((left, right) => ((places.get(left) ?? "") < (places.get(right) ?? "") ? -1 : 1));
}

/** Most elements stand where appending one after the other puts them: that takes a bit, not a key. */
function followsAt(previous: Cell | undefined, position: string): boolean {
  return position === positionAfter(previous);
}

function positionAfter(previous: Cell | undefined): string {
  if (previous === undefined) return nextPosition(null);
  return previous.position === "" ? "" : nextPosition(previous.position);
}

function writeProperty(encoder: encoding.Encoder, layout: Layout, cell: CellContent): void {
  if (layout === Layout.named) {
    encoding.writeVarString(encoder, cell.kind === CellKind.expiry ? expiringName(cell.property) : cell.property);
  } else if (layout === Layout.writers) encoding.writeVarUint(encoder, Number(cell.property));
  else if (layout === Layout.members) {
    if (cell.kind === CellKind.removed) encoding.writeVarString(encoder, cell.property);
  } else {
    const number = elementNumber(cell.kind === CellKind.position ? cell.property.slice(1) : cell.property);
    encoding.writeUint16(encoder, number % 0x10000);
    encoding.writeUint32(encoder, Math.floor(number / 0x10000));
  }
}

/** Undefined: it follows from the value. */
function readProperty(decoder: decoding.Decoder, layout: Layout, kind: CellKind, limits: Limits): string | undefined {
  if (layout === Layout.named) {
    const property = decoding.readVarString(decoder);
    checkName(property, limits);
    return kind === CellKind.expiry ? expiryProperty(property) : property;
  }
  if (layout === Layout.writers) return String(readUnsigned(decoder));
  if (layout === Layout.members) {
    if (kind === CellKind.value) return undefined;
    const property = decoding.readVarString(decoder);
    if (property === "" || property.length > MEMBER_KEY_LENGTH) throw corrupt("member");
    return property;
  }
  const id = elementIdOf(decoding.readUint16(decoder) + decoding.readUint32(decoder) * 0x10000);
  if (id === undefined || id.length !== ELEMENT_ID_LENGTH) throw corrupt("element id");
  return kind === CellKind.position ? positionProperty(id) : id;
}

function checkRow(containerId: string, layout: Layout): void {
  if (containerId === ROOT_CONTAINER && layout !== Layout.named) throw corrupt("layout");
}

function readKind(kind: number, containerId: string, layout: Layout): CellKind {
  const isMisplaced =
    (kind === CellKind.position && layout !== Layout.elements) ||
    (kind === CellKind.expiry && containerId !== ROOT_CONTAINER) ||
    // The parts of a counter and the elements of a set are plain values.
    (kind > CellKind.value && layout >= Layout.writers);
  if (kind > CellKind.map || isMisplaced) throw corrupt("kind");
  return kind as CellKind;
}

/** What a cell holds that names no container. */
function writeContent(encoder: encoding.Encoder, layout: Layout, { property, kind, content }: CellContent): void {
  if (kind === CellKind.value) {
    writeValue(encoder, content ?? null);
    if (layout === Layout.members && property.startsWith(MEMBER_HASH_MARK)) {
      encoding.writeUint8Array(encoder, fromHex(property.slice(MEMBER_HASH_MARK.length)));
    }
  } else if (kind === CellKind.expiry) encoding.writeVarUint(encoder, content as number);
}

function readContent(decoder: decoding.Decoder, kind: CellKind, limits: Limits): Plain | undefined {
  if (kind === CellKind.value) return readValue(decoder, limits);
  return kind === CellKind.expiry ? readUnsigned(decoder) : undefined;
}

/** What an element of a set is called (`memberProperty`). */
function readMember(decoder: decoding.Decoder, value: Plain | undefined): string {
  const key = valueKey(value ?? null);
  return key.length <= MEMBER_KEY_LENGTH ? key : MEMBER_HASH_MARK + readContainerId(decoder);
}

/** lib0 reads endless zeros as NaN. */
function readUnsigned(decoder: decoding.Decoder): number {
  const number = decoding.readVarUint(decoder);
  if (!Number.isSafeInteger(number)) throw corrupt("number");
  return number;
}

function readPosition(decoder: decoding.Decoder, limits: Limits): string {
  const position = decoding.readVarString(decoder);
  if (position.length > limits.nameBytes * 8 || !/^[0-9A-Za-z]+$/.test(position)) throw corrupt("position");
  // Behind the greatest there is room only for ever longer ones, each as costly to find as it is long; no honest row ever gets there.
  if (nextPosition(position).length > POSITION_AFTER_LENGTH_MAX) throw corrupt("position");
  return position;
}

function readContainerId(decoder: decoding.Decoder): string {
  if (remaining(decoder) < CONTAINER_ID_BYTES) throw corrupt("container id");
  return toHex(decoding.readUint8Array(decoder, CONTAINER_ID_BYTES));
}

function containerAt(header: GenesisHeader, number: number, lowest = 0): string {
  const id = number === 0 ? ROOT_CONTAINER : header.containerIds[number - 1];
  if (id === undefined || number < lowest) throw corrupt("container number");
  return id;
}

function numberOf<T>(numbers: ReadonlyMap<T, number>, of: T): number {
  const number = numbers.get(of);
  if (number === undefined) throw new SessionError("INVARIANT_BROKEN", "A genesis refers to something that is not in its header.");
  return number;
}

function remaining(decoder: decoding.Decoder): number {
  return decoder.arr.length - decoder.pos;
}
