import * as Y from "yjs";
import type { Dice } from "../simulation/dice.ts";
import { bytesOf, countOr, hostileNumber, hostileText, hostileVarUint, varUint } from "./hostile-bytes.ts";

/** Ids and clocks that a hostile update may name: those of the document that it is made for, and any. */
export interface Clocks {
  readonly writer: number;
  /** How far each client of the document goes. */
  readonly known: readonly (readonly [client: number, clock: number])[];
}

export function clocksOf(bytes: Uint8Array, writer: number): Clocks {
  const known = knownIn.get(bytes) ?? [...Y.parseUpdateMeta(bytes).to];
  knownIn.set(bytes, known);
  return { writer, known };
}

/** What was read of bytes of the corpus, which come again and again. */
const knownIn = new WeakMap<Uint8Array, Clocks["known"]>();
const rowsIn = new WeakMap<Uint8Array, readonly Uint8Array[]>();

const HAS_ORIGIN = 0x80;
const HAS_RIGHT = 0x40;
const HAS_SUB = 0x20;
/** Contents by number, as Yjs numbers them (`ContentDeleted` … `Skip`). */
const GC = 0;
const DELETED = 1;
const JSON_CONTENT = 2;
const BINARY = 3;
const STRING = 4;
const EMBED = 5;
const FORMAT = 6;
const TYPE = 7;
const ANY = 8;
const DOC = 9;
const SKIP = 10;

/** A Yjs update (V1) that is put together well and says what nobody says. `row` makes the rows in it. */
export function hostileUpdate(dice: Dice, clocks: Clocks, row: () => Uint8Array): Uint8Array {
  const clients = dice.chance(0.75) ? [clocks.writer] : Array.from({ length: dice.whole(0, 3) }, () => clientOf(dice, clocks));
  const blocks = clients.map((client) => {
    const known = clocks.known.find(([each]) => each === client)?.[1] ?? 0;
    const clock = dice.chance(0.8) ? known : dice.chance(0.5) ? Math.max(0, known + dice.whole(-3, 3)) : hostileNumber(dice);
    const structs = Array.from({ length: dice.chance(0.02) ? 300 : dice.whole(1, 3) }, () => structOf(dice, clocks, row));
    return bytesOf(countOr(dice, structs.length), varUint(client), varUint(clock), Buffer.concat(structs));
  });
  return bytesOf(countOr(dice, blocks.length), Buffer.concat(blocks), deletionsOf(dice, clocks));
}

function clientOf(dice: Dice, { writer, known }: Clocks): number {
  if (dice.chance(0.4) && known.length > 0) return dice.pick(known)[0];
  return dice.chance(0.5) ? writer : dice.pick([0, 1, 77, 2 ** 32 - 1, 2 ** 32, 2 ** 35 - 1, 2 ** 35, 2 ** 53 - 1]);
}

function idOf(dice: Dice, clocks: Clocks): Uint8Array {
  const client = clientOf(dice, clocks);
  const known = clocks.known.find(([each]) => each === client)?.[1] ?? 0;
  return bytesOf(varUint(client), dice.chance(0.7) ? varUint(dice.whole(0, Math.max(0, known))) : hostileVarUint(dice));
}

function structOf(dice: Dice, clocks: Clocks, row: () => Uint8Array): Uint8Array {
  const ref = dice.chance(0.75) ? BINARY : dice.whole(0, 11);
  if (ref === GC || ref === SKIP) return bytesOf(ref, dice.chance(0.5) ? varUint(dice.whole(1, 9)) : hostileVarUint(dice));
  const isPlaced = dice.chance(0.5);
  const flags = isPlaced ? (dice.chance(0.8) ? HAS_ORIGIN : HAS_RIGHT | (dice.chance(0.5) ? HAS_ORIGIN : 0)) : 0;
  const sub = dice.chance(0.04) ? HAS_SUB : 0;
  const parts: (number | Uint8Array)[] = [ref | flags | sub];
  if ((flags & HAS_ORIGIN) !== 0) parts.push(idOf(dice, clocks));
  if ((flags & HAS_RIGHT) !== 0) parts.push(idOf(dice, clocks));
  if (flags === 0) {
    if (dice.chance(0.95)) parts.push(1, text(dice.chance(0.93) ? Buffer.from("s") : hostileText(dice)));
    else parts.push(0, idOf(dice, clocks));
    if (sub !== 0) parts.push(text(hostileText(dice)));
  }
  return bytesOf(...parts, contentOf(dice, ref, row));
}

function contentOf(dice: Dice, ref: number, row: () => Uint8Array): Uint8Array {
  switch (ref) {
    case DELETED:
      return bytesOf(dice.chance(0.5) ? varUint(dice.whole(1, 9)) : hostileVarUint(dice));
    case JSON_CONTENT:
      return bytesOf(countOr(dice, 2), text(Buffer.from('{"a":1}')), text(dice.chance(0.5) ? Buffer.from("undefined") : hostileText(dice)));
    case BINARY: {
      const bytes = row();
      return bytesOf(countOr(dice, bytes.length), bytes);
    }
    case STRING:
      return text(hostileText(dice));
    case EMBED:
      return text(dice.chance(0.7) ? Buffer.from('{"__proto__":{"x":1}}') : hostileText(dice));
    case FORMAT:
      return bytesOf(text(hostileText(dice)), text(Buffer.from("null")));
    case TYPE:
      return bytesOf(dice.whole(0, 8), text(hostileText(dice)));
    case ANY:
      return bytesOf(countOr(dice, 1), anyOf(dice, dice.chance(0.03) ? 3_000 : dice.whole(0, 4)));
    case DOC:
      return bytesOf(text(hostileText(dice)), anyOf(dice, 1));
    default:
      return dice.bytes(dice.whole(0, 8));
  }
}

function text(bytes: Uint8Array): Uint8Array {
  return bytesOf(varUint(bytes.length), bytes);
}

/** What lib0 calls any, nested so deep. */
function anyOf(dice: Dice, depth: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let level = 0; level < depth; level++)
    parts.push(dice.chance(0.5) ? bytesOf(117, 1) : bytesOf(118, 1, text(dice.chance(0.9) ? Buffer.from("a") : Buffer.from("__proto__"))));
  return Buffer.concat([...parts, bytesOf(126)]);
}

function deletionsOf(dice: Dice, clocks: Clocks): Uint8Array {
  if (dice.chance(0.6)) return bytesOf(0);
  const clients = Array.from({ length: dice.whole(0, 2) }, () => {
    const ranges = Array.from({ length: dice.whole(1, 2) }, () => {
      const isSmall = dice.chance(0.6);
      return bytesOf(
        isSmall ? varUint(dice.whole(0, 6)) : hostileVarUint(dice),
        isSmall || dice.chance(0.5) ? varUint(dice.whole(0, 3)) : hostileVarUint(dice),
      );
    });
    return bytesOf(varUint(clientOf(dice, clocks)), countOr(dice, ranges.length), Buffer.concat(ranges));
  });
  return bytesOf(countOr(dice, clients.length), Buffer.concat(clients));
}

/** `update` with one of its rows changed by `change`, and the row's length with it: broken deeper inside than bytes anywhere are. */
export function withOtherRow(dice: Dice, update: Uint8Array, change: (row: Uint8Array) => Uint8Array): Uint8Array {
  const rows = rowsIn.get(update) ?? rowsOf(update);
  rowsIn.set(update, rows);
  if (rows.length === 0) return update;
  const row = dice.pick(rows);
  const prefixed = bytesOf(varUint(row.length), row);
  const at = Buffer.from(update).indexOf(prefixed);
  if (at === -1) return update;
  const other = change(row);
  return bytesOf(update.subarray(0, at), varUint(other.length), other, update.subarray(at + prefixed.length));
}

function rowsOf(update: Uint8Array): readonly Uint8Array[] {
  return Y.decodeUpdate(update).structs.flatMap((struct) =>
    struct instanceof Y.Item && struct.content instanceof Y.ContentBinary ? [struct.content.content] : [],
  );
}
