import { KEY_STATE_BYTES } from "../../src/sync/messages/fingerprints.ts";
import type { Dice } from "../simulation/dice.ts";
import { bytesOf, countOr, hostileNumber, hostileText, hostileVarUint, varUint } from "./hostile-bytes.ts";

/** How a frame is put together: its fields, in order. `keys`: of sessions that there are. */
type Make = (dice: Dice, keys: readonly Uint8Array[]) => Uint8Array;

const key = (dice: Dice, keys: readonly Uint8Array[]): Uint8Array =>
  keys.length > 0 && dice.chance(0.6) ? dice.pick(keys) : dice.chance(0.5) ? new Uint8Array(16) : dice.bytes(16);
const byte = (dice: Dice, max: number): number => (dice.chance(0.8) ? dice.whole(0, max) : dice.whole(0, 255));
const text = (dice: Dice): Uint8Array => {
  const bytes = hostileText(dice);
  return bytesOf(countOr(dice, bytes.length), bytes);
};
/** A count, and so many items; seldom the count lies. */
const list = (dice: Dice, item: () => Uint8Array): Uint8Array => {
  const count = dice.chance(0.05) ? dice.pick([511, 512, 513, 1_024, 1_025, 2_000]) : dice.whole(0, 4);
  const items = Array.from({ length: count }, item);
  return bytesOf(countOr(dice, count), Buffer.concat(items));
};
const fingerprint = (dice: Dice): Uint8Array =>
  bytesOf(dice.bytes(6), dice.chance(0.7) ? dice.whole(0, 31) : dice.pick([0x80, 0x9f, 0xff, 0x20]));
const envelope: Make = (dice, keys) =>
  bytesOf(
    dice.chance(0.95) ? 1 : dice.whole(0, 255),
    key(dice, keys),
    dice.chance(0.6) ? dice.pick([0, 1, 2, 3, 4, 0x20, 0x40, 0x80, 0xe0]) : dice.whole(0, 255),
    ...Array.from({ length: dice.whole(2, 8) }, () => (dice.chance(0.75) ? hostileVarUint(dice) : key(dice, keys))),
  );

/** `[u8 type]` and hostile fields in the right places: whatever a length or count says, kinds that there are not, extremes. */
const FRAMES: readonly Make[] = [
  (dice) => bytesOf(1, hostileVarUint(dice), dice.bytes(48)),
  (dice) => bytesOf(2, hostileVarUint(dice), text(dice), byte(dice, 2), dice.bytes(32), byte(dice, 2), dice.bytes(64)),
  (dice) => bytesOf(3, dice.bytes(16), byte(dice, 2), hostileVarUint(dice), hostileVarUint(dice), dice.bytes(32)),
  (dice) => bytesOf(4, hostileVarUint(dice), hostileVarUint(dice), hostileVarUint(dice)),
  (dice) => bytesOf(5, hostileVarUint(dice), hostileVarUint(dice), byte(dice, 2)),
  (dice, keys) =>
    bytesOf(
      16,
      list(dice, () => bytesOf(key(dice, keys), fingerprint(dice))),
    ),
  (dice, keys) => bytesOf(17, key(dice, keys)),
  (dice, keys) => bytesOf(18, hostileVarUint(dice), key(dice, keys)),
  (dice, keys) => bytesOf(19, hostileVarUint(dice), byte(dice, 3), dice.chance(0.5) ? hostileVarUint(dice) : envelope(dice, keys)),
  (dice, keys) => bytesOf(20, byte(dice, 9), envelope(dice, keys), hostileVarUint(dice), dice.bytes(8), hostileVarUint(dice), 0, 0),
  (dice, keys) =>
    bytesOf(
      21,
      key(dice, keys),
      1,
      hostileVarUint(dice),
      dice.bytes(8),
      hostileVarUint(dice),
      hostileVarUint(dice),
      hostileVarUint(dice),
      list(dice, () => bytesOf(hostileVarUint(dice), hostileVarUint(dice))),
      list(dice, () => bytesOf(text(dice), hostileVarUint(dice), hostileVarUint(dice))),
      countOr(dice, 2),
      0,
      0,
    ),
  (dice, keys) =>
    bytesOf(
      22,
      list(dice, () => bytesOf(key(dice, keys), hostileVarUint(dice))),
    ),
  (dice, keys) => bytesOf(23, envelope(dice, keys)),
  (dice, keys) =>
    bytesOf(
      24,
      hostileVarUint(dice),
      byte(dice, 2),
      list(dice, () => key(dice, keys)),
    ),
  (dice, keys) =>
    bytesOf(
      25,
      list(dice, () => key(dice, keys)),
    ),
  (dice, keys) => bytesOf(26, byte(dice, 5), byte(dice, 4), digestBody(dice, keys)),
  (dice, keys) =>
    bytesOf(
      27,
      byte(dice, 4),
      list(dice, () => bytesOf(key(dice, keys), hostileVarUint(dice))),
    ),
  (dice, keys) =>
    bytesOf(
      28,
      hostileVarUint(dice),
      byte(dice, 3),
      key(dice, keys),
      text(dice),
      dice.bytes(16),
      hostileVarUint(dice),
      hostileVarUint(dice),
      hostileVarUint(dice),
    ),
  (dice) => bytesOf(29, hostileVarUint(dice), byte(dice, 4), dice.chance(0.5) ? dice.bytes(16) : []),
  (dice) => bytesOf(30, byte(dice, 2), hostileVarUint(dice), hostileVarUint(dice)),
  () => bytesOf(31),
  (dice, keys) => bytesOf(32, key(dice, keys), hostileVarUint(dice), dice.bytes(8)),
  (dice) => bytesOf(dice.whole(0, 255), dice.bytes(dice.whole(0, 40))),
];

function digestBody(dice: Dice, keys: readonly Uint8Array[]): Uint8Array {
  const fingerprints = (count: number): Uint8Array => Buffer.concat(Array.from({ length: count }, () => fingerprint(dice)));
  switch (dice.whole(0, 4)) {
    case 0:
      return fingerprints(2);
    case 1:
      return fingerprints(dice.chance(0.9) ? 32 : dice.whole(0, 64));
    case 2: {
      const groups = Array.from({ length: dice.whole(0, 3) }, (_, index) => bytesOf(dice.chance(0.8) ? index : dice.whole(0, 255)));
      return bytesOf(countOr(dice, groups.length), Buffer.concat(groups.map((group) => bytesOf(group, fingerprints(32)))));
    }
    case 3:
      return bytesOf(
        dice.chance(0.8) ? varUint(dice.whole(0, 1_023)) : hostileVarUint(dice),
        list(dice, () => bytesOf(key(dice, keys), dice.bytes(KEY_STATE_BYTES - 16))),
      );
    default:
      return new Uint8Array();
  }
}

/** A frame whose fields stand where they belong and say what nobody says. */
export function hostileFrame(dice: Dice, keys: readonly Uint8Array[]): Uint8Array {
  const bytes = dice.pick(FRAMES)(dice, keys);
  // Seldom something rides along.
  return dice.chance(0.05) ? bytesOf(bytes, dice.bytes(dice.whole(1, 9)), varUint(hostileNumber(dice))) : bytes;
}
