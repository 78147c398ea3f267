import { generateKeyBetween } from "fractional-indexing";
import type { ContainerKind } from "./cells.ts";
import type { Stamp, WriterId } from "./record.ts";
import { valueKey } from "./value-key.ts";
import type { Plain } from "./values.ts";

/** SHA-256 of bytes, or of the UTF-8 of a text, from the runtime. */
export type Sha256 = (data: Uint8Array | string) => Uint8Array;

/** Container ids are 8 bytes, written as 16 hex digits. */
export const CONTAINER_ID_BYTES = 8;
/** Element ids are 8 base62 digits, the last of which is not "0": they end a position key, and such a key may not end in "0". */
export const ELEMENT_ID_LENGTH = 8;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

export { fromHexString as fromHex } from "lib0/buffer";

/**
 * The id of the first container at a place: whoever creates one there at the same time creates this one, and both contents
 * survive. `place` tells one time of being empty from another: the stamp of the removal, or of the plain value, seen there,
 * or the highest removal that compaction has dropped, whichever is greater (DESIGN 3.2).
 */
export function derivedContainerId(sha256: Sha256, parentId: string, property: string, kind: ContainerKind, place: Stamp): string {
  return shortHash(sha256, `d\0${parentId}\0${property}\0${kind}\0${place}`);
}

/** The id of a container that replaces one: nobody else can have made it. `index` counts within the commit. */
export function freshContainerId(sha256: Sha256, writer: WriterId, stamp: Stamp, index: number): string {
  return shortHash(sha256, `f\0${writer}\0${stamp}\0${index}`);
}

/** The id of an element of a newly created array: the same default array made twice is one. `key` is the canonical text of its value. */
export function derivedElementId(sha256: Sha256, containerId: string, key: string, occurrence: number): string {
  return elementId(sha256(`e\0${containerId}\0${occurrence}\0${key}`));
}

/** The id of an element inserted into an existing array. `index` counts within the commit. */
export function freshElementId(sha256: Sha256, writer: WriterId, stamp: Stamp, index: number): string {
  return elementId(sha256(`i\0${writer}\0${stamp}\0${index}`));
}

/**
 * What the element of a set is called: its canonical text, which tells its value, or a hash of that where it is long. Whoever adds an
 * equal value writes to the same slot.
 */
export function memberProperty(sha256: Sha256, element: Plain): string {
  const key = valueKey(element);
  return key.length <= MEMBER_KEY_LENGTH ? key : `${MEMBER_HASH_MARK}${shortHash(sha256, `m\0${key}`)}`;
}

/** The longest canonical text of an element that is its own name, in UTF-16 units. */
export const MEMBER_KEY_LENGTH = 40;
/** No canonical text begins with it. */
export const MEMBER_HASH_MARK = "#";

/** An element id as a number below 62^8 < 2^48. */
export function elementNumber(id: string): number {
  let number = 0;
  for (const digit of id) number = number * 62 + BASE62.indexOf(digit);
  return number;
}

/** The element id of a number below 62^8; undefined when there is none (too great, or it would end in "0"). */
export function elementIdOf(number: number): string | undefined {
  if (number >= 62 ** ELEMENT_ID_LENGTH || number % 62 === 0) return undefined;
  return base62(number);
}

/** Where an element stands: elements are ordered by this text. The id makes it unique, so that there is room between any two. */
export function fullPosition(position: string, elementIdText: string): string {
  return position + elementIdText;
}

/**
 * Position keys for new elements between two full positions, in order. Balanced, so that keys grow with the logarithm of the
 * count; each is chosen so that with its id behind it, it still sorts where it belongs.
 */
export function positionsBetween(low: string | null, high: string | null, elementIds: readonly string[]): string[] {
  const positions = Array.from<string>({ length: elementIds.length });
  if (high === null) {
    let previous = low;
    elementIds.forEach((id, index) => {
      const position = generateKeyBetween(previous, null);
      positions[index] = position;
      previous = fullPosition(position, id);
    });
    return positions;
  }
  const fill = (from: number, to: number, lowest: string | null, highest: string): void => {
    if (from >= to) return;
    const middle = (from + to) >> 1;
    const id = elementIds[middle] ?? "";
    let position = generateKeyBetween(lowest, highest);
    while (fullPosition(position, id) >= highest) position = generateKeyBetween(lowest, position);
    positions[middle] = position;
    const full = fullPosition(position, id);
    fill(from, middle, lowest, full);
    fill(middle + 1, to, full, highest);
  };
  fill(0, elementIds.length, low, high);
  return positions;
}

/** The position key that appending after `position` gives; what most elements of an array have. */
export function nextPosition(position: string | null): string {
  return generateKeyBetween(position, null);
}

function shortHash(sha256: Sha256, text: string): string {
  return toHex(sha256(text).subarray(0, CONTAINER_ID_BYTES));
}

function elementId(hash: Uint8Array): string {
  let number = 0;
  for (let index = 0; index < 6; index++) number = number * 256 + (hash[index] ?? 0);
  number %= 62 ** ELEMENT_ID_LENGTH;
  return base62(number % 62 === 0 ? number + 1 : number);
}

function base62(number: number): string {
  let text = "";
  for (let rest = number; text.length < ELEMENT_ID_LENGTH; rest = Math.floor(rest / 62)) text = (BASE62[rest % 62] ?? "0") + text;
  return text;
}
