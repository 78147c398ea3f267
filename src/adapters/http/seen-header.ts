import type { IncomingMessage } from "node:http";
import type { SessionKey } from "../../engine/index.ts";
import type { KeyRing } from "./key-ring.ts";
import { isSlot, NOTHING_SEEN, readSlots, signVersion, SLOTS } from "./version-token.ts";
import type { IsKnown, SeenReading, Slot, VersionToken } from "./version-token.ts";

/**
 * For clients that keep their session in a header: `Session-Seen: 3=<token>, t=<token>` in the response. They keep the last value of each name,
 * forget those with nothing behind the `=`, and send all of them back in a header of the same name.
 */
const SEEN_HEADER = "Session-Seen";

/** All slots twice. What comes behind them is not looked at. */
const PART_COUNT_MAX = SLOTS.length * 2;

/** `way`: of the header that carries the id, so that a token passes by that way only. */
export function readSeenHeader(keys: KeyRing, request: IncomingMessage, way: string, key: SessionKey, isKnown: IsKnown): SeenReading {
  const header = request.headers[SEEN_HEADER.toLowerCase()];
  if (typeof header !== "string") return NOTHING_SEEN;
  const found = header.split(",", PART_COUNT_MAX).flatMap((part) => {
    const equals = part.indexOf("=");
    const slot = part.slice(0, Math.max(equals, 0)).trim();
    return isSlot(slot) ? [[slot, part.slice(equals + 1).trim()] as const] : [];
  });
  return readSlots(keys, (slot) => scopeOf(way, slot), key, found, isKnown);
}

export function seenHeader(
  keys: KeyRing,
  way: string,
  key: SessionKey,
  tokens: ReadonlyMap<Slot, VersionToken | undefined>,
): readonly [name: string, value: string] {
  const parts = [...tokens].map(
    ([slot, token]) => `${slot}=${token === undefined ? "" : signVersion(keys, scopeOf(way, slot), key, token)}`,
  );
  return [SEEN_HEADER, parts.join(", ")];
}

function scopeOf(way: string, slot: Slot): string {
  return `${way} seen ${slot}`;
}
