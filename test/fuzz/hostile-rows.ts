import { CellKind, Layout } from "../../src/engine/cells.ts";
import type { Dice } from "../simulation/dice.ts";
import { bytesOf, countOr, hostileNumber, hostileText, hostileVarUint, varUint } from "./hostile-bytes.ts";

/** What rows of one document may refer to. */
export interface RowContext {
  /** Of commit rows; 0 for any. */
  readonly stamp: number;
  readonly containerIds: readonly string[];
  readonly writers: readonly number[];
}

const CONTAINERS: readonly number[] = [CellKind.object, CellKind.array, CellKind.counter, CellKind.register, CellKind.set, CellKind.map];

/** A row (src/engine/row-codec.ts) that is put together well and says what nobody says. */
export function hostileRow(dice: Dice, context: RowContext): Uint8Array {
  switch (dice.weighted({ commit: 10, genesis: 3, header: 1 })) {
    case "commit": {
      const isRoot = dice.chance(0.6);
      const layout = isRoot && dice.chance(0.95) ? Layout.named : dice.whole(0, 4);
      const stamp = context.stamp > 0 && dice.chance(0.9) ? varUint(context.stamp) : hostileVarUint(dice);
      const cells = Array.from({ length: cellCount(dice) }, () => cellOf(dice, context, layout, false));
      return bytesOf((isRoot ? 4 : 0) | (layout << 3), stamp, isRoot ? [] : containerId(dice, context), Buffer.concat(cells));
    }
    case "genesis": {
      const layout = dice.whole(0, 3);
      const cells = Array.from({ length: cellCount(dice) }, () => cellOf(dice, context, layout, true));
      return bytesOf(2 | (layout << 3), dice.chance(0.8) ? varUint(dice.whole(0, 3)) : hostileVarUint(dice), Buffer.concat(cells));
    }
    case "header": {
      const vector = Array.from({ length: dice.whole(0, 4) }, () =>
        bytesOf(
          varUint(dice.chance(0.7) && context.writers.length > 0 ? dice.pick(context.writers) : hostileNumber(dice)),
          hostileVarUint(dice),
        ),
      );
      const ids = Array.from({ length: dice.whole(0, 3) }, () => containerId(dice, context));
      return bytesOf(1, hostileVarUint(dice), countOr(dice, vector.length), Buffer.concat(vector), Buffer.concat(ids));
    }
  }
}

function cellCount(dice: Dice): number {
  return dice.chance(0.02) ? 400 : dice.whole(0, 3);
}

function containerId(dice: Dice, { containerIds }: RowContext): Uint8Array {
  if (containerIds.length > 0 && dice.chance(0.7)) return Buffer.from(dice.pick(containerIds), "hex");
  return dice.chance(0.5) ? new Uint8Array(8) : dice.bytes(8);
}

function text(dice: Dice): Uint8Array {
  const bytes = hostileText(dice);
  return bytesOf(countOr(dice, bytes.length), bytes);
}

function cellOf(dice: Dice, context: RowContext, layout: number, isGenesis: boolean): Uint8Array {
  const kind = dice.chance(0.5) ? CellKind.value : dice.whole(0, 11);
  const flags = isGenesis && dice.chance(0.6) ? dice.pick([16, 32, 48]) : dice.chance(0.03) ? dice.pick([16, 32, 64, 128]) : 0;
  const parts: (number | Uint8Array | readonly number[])[] = [kind | flags];
  if (isGenesis && (flags & 16) === 0) parts.push(varUint(dice.whole(0, 3)), hostileVarUint(dice));
  if (layout === Layout.named) parts.push(text(dice));
  else if (layout === Layout.writers)
    parts.push(varUint(dice.chance(0.7) && context.writers.length > 0 ? dice.pick(context.writers) : hostileNumber(dice)));
  else if (layout === Layout.members) {
    if (kind !== CellKind.value) parts.push(text(dice));
  } else {
    parts.push(dice.bytes(6));
    const position = dice.chance(0.8)
      ? dice.pick(["a0", "a1", "Zz", "a0V", "b00"])
      : dice.pick(["", "a", "a00", "zz".repeat(600), "A".repeat(27), "~"]);
    if (kind !== CellKind.removed && (flags & 32) === 0) parts.push(bytesOf(varUint(position.length), Buffer.from(position)));
  }
  if (kind === CellKind.value) parts.push(hostileValue(dice));
  else if (kind === CellKind.expiry) parts.push(hostileVarUint(dice));
  else if (CONTAINERS.includes(kind)) parts.push(isGenesis ? varUint(dice.whole(0, 4)) : containerId(dice, context));
  if (layout === Layout.members && dice.chance(0.1)) parts.push(dice.bytes(8));
  return bytesOf(...parts);
}

/** Type bytes of lib0's any, and the tags of Dates, BigInts, Maps and Sets. */
export function hostileValue(dice: Dice, depth = 0): Uint8Array {
  if (depth === 0 && dice.chance(0.03)) return deepValue(dice);
  if (depth > 6) return bytesOf(126);
  switch (dice.whole(0, 15)) {
    case 0:
      return bytesOf(dice.pick([126, 121, 120, 127]));
    case 1:
      return bytesOf(125, dice.bytes(dice.whole(1, 6)));
    case 2: {
      const float = Buffer.alloc(5, 124);
      float.writeFloatBE(dice.pick([Number.NaN, Infinity, -Infinity, -0, 0.5, 1e38]), 1);
      return float;
    }
    case 3: {
      const float = Buffer.alloc(9, 123);
      float.writeDoubleBE(dice.pick([Number.NaN, -0, 5e-324, Number.MAX_VALUE, Math.PI]), 1);
      return float;
    }
    case 4:
      return bytesOf(122, dice.bytes(8));
    case 5:
    case 6:
      return bytesOf(119, text(dice));
    case 7:
      return bytesOf(116, countOr(dice, 5), dice.bytes(5));
    case 8:
    case 9: {
      const names = Array.from({ length: dice.whole(0, 3) }, () => bytesOf(text(dice), hostileValue(dice, depth + 1)));
      return bytesOf(118, countOr(dice, names.length), Buffer.concat(names));
    }
    case 10:
    case 11: {
      const elements = Array.from({ length: dice.whole(0, 3) }, () => hostileValue(dice, depth + 1));
      return bytesOf(117, countOr(dice, elements.length), Buffer.concat(elements));
    }
    case 12:
      return bytesOf(117, 3, 127, 125, 0, dice.chance(0.5) ? bytesOf(122, dice.bytes(8)) : hostileValue(dice, depth + 1));
    case 13: {
      const digits = Buffer.from(dice.pick(["1", "-", "-0", "0", "00ff", "f".repeat(40), "f".repeat(20_000), "xyz", ""]));
      return bytesOf(117, 3, 127, 125, 1, 119, varUint(digits.length), digits);
    }
    case 14: {
      const parts = Array.from({ length: dice.whole(0, 4) }, () => hostileValue(dice, depth + 1));
      return bytesOf(117, countOr(dice, parts.length + 2), 127, 125, dice.whole(2, 4), Buffer.concat(parts));
    }
    default:
      return bytesOf(dice.whole(100, 140), dice.bytes(dice.whole(0, 5)));
  }
}

/** Far deeper than any limit: whoever recurses overflows. */
function deepValue(dice: Dice): Uint8Array {
  const level = dice.pick([bytesOf(117, 1), bytesOf(118, 1, 1, 97), bytesOf(117, 3, 127, 125, 3), bytesOf(117, 2, 127, 125, 3)]);
  const depth = dice.pick([31, 32, 33, 34, 200, dice.chance(0.2) ? 10_000 : 1_000]);
  const bytes = Buffer.alloc(level.length * depth + 1, level);
  bytes[bytes.length - 1] = 126;
  return bytes;
}
