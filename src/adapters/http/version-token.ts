import type { Dot, Seen, SessionKey } from "../../engine/index.ts";
import type { KeyRing } from "./key-ring.ts";

/**
 * What a client is told of its session, and brings back to whatever process it meets next. `dot`: the newest commit that the answering
 * process had made when its response went out; as replicas are causally closed it stands for all that this process had seen. Undefined in the
 * slot for uses only. `touchedAtMs`: the last use that it knew.
 */
export interface VersionToken {
  readonly dot: Dot | undefined;
  readonly touchedAtMs: number;
}

/** A process tells its own in one of eight, so that overlapping responses of two processes do not erase each other's. */
const WRITER_SLOT_COUNT = 8;

/** Where a token stands: of a writer in "0" to "7"; in "t" what no process wrote, a mere use. */
export type Slot = (typeof SLOTS)[number];

export const SLOTS = ["0", "1", "2", "3", "4", "5", "6", "7", "t"] as const;

/** A token in its slot. */
export interface PlacedToken extends VersionToken {
  readonly slot: Slot;
}

/** What a request carried: all slots with anything in them, and of that what was signed for this session. */
export interface SeenReading {
  readonly slots: readonly Slot[];
  readonly tokens: readonly PlacedToken[];
}

/** Whether a token says nothing that is not known here already: then it need not be genuine, for it can do nothing. */
export type IsKnown = (dot: Dot, touchedAtMs: number) => boolean;

export const NOTHING_KNOWN: IsKnown = () => false;

export const NOTHING_SEEN: SeenReading = { slots: [], tokens: [] };

/** Of one slot so many values are looked at: an honest client sends one, or two while a Path or Domain is changed. */
const CANDIDATE_COUNT_MAX = 2;

const WRITER_BYTES = 5;
const STAMP_BYTES = 7;
const TIME_BYTES = 6;
const FIELD_BYTES = WRITER_BYTES + STAMP_BYTES + TIME_BYTES;
/** Half of HMAC-SHA-256: as many bits as the key of a session has (RFC 2104 section 5). */
const MAC_BYTES = 16;
/** How long every token is: base64url without padding. */
export const VERSION_TOKEN_LENGTH = Math.ceil(((FIELD_BYTES + MAC_BYTES) * 4) / 3);
const SHAPE = new RegExp(`^[\\w-]{${VERSION_TOKEN_LENGTH}}$`);

/**
 * Where a token goes. A process keeps the slot that it has; else it takes the one of its writer id, or the next in which no other process tells of this
 * session (`others`): two that share a slot would erase each other's, and a browser that wrote on both at once would miss one of its writes.
 */
export function slotOf({ dot }: VersionToken, others: readonly PlacedToken[] = []): Slot {
  if (dot === undefined) return "t";
  const [writer] = dot;
  const own = others.find((other) => other.dot?.[0] === writer);
  if (own !== undefined) return own.slot;
  const taken = new Set(others.map(({ slot }) => slot));
  for (let step = 0; step < WRITER_SLOT_COUNT; step++) {
    const slot = SLOTS[(writer + step) % WRITER_SLOT_COUNT];
    if (slot !== undefined && !taken.has(slot)) return slot;
  }
  return SLOTS[writer % WRITER_SLOT_COUNT] ?? "t";
}

export function isSlot(text: string): text is Slot {
  return (SLOTS as readonly string[]).includes(text);
}

/**
 * Base64url of `[u40 writer][u56 stamp][u48 touched, milliseconds][16 bytes of HMAC-SHA-256]`, big-endian; writer and stamp are 0 where there is no
 * dot. The MAC covers the session's key and the `scope` (way and slot), so that a token passes in its place and for its session only.
 */
export function signVersion(keys: KeyRing, scope: string, key: SessionKey, { dot, touchedAtMs }: VersionToken): string {
  const bytes = Buffer.alloc(FIELD_BYTES);
  const [writer, stamp] = dot ?? [0, 0];
  bytes.writeUIntBE(writer, 0, WRITER_BYTES);
  bytes.writeUInt8(Math.floor(stamp / 2 ** 48), WRITER_BYTES);
  bytes.writeUIntBE(stamp % 2 ** 48, WRITER_BYTES + 1, STAMP_BYTES - 1);
  bytes.writeUIntBE(Math.max(Math.floor(touchedAtMs), 0), WRITER_BYTES + STAMP_BYTES, TIME_BYTES);
  const mac = keys.mac(covered(scope, key, bytes)).subarray(0, MAC_BYTES);
  return Buffer.concat([bytes, mac]).toString("base64url");
}

/** Undefined for whatever was not signed here, for this place and this session. */
function verifyVersion(keys: KeyRing, scope: string, key: SessionKey, value: string, isKnown: IsKnown): VersionToken | undefined {
  if (!SHAPE.test(value)) return undefined;
  const bytes = Buffer.from(value, "base64url");
  const token = readVersion(bytes);
  const isNothingNew = token.dot !== undefined && isKnown(token.dot, token.touchedAtMs);
  return isNothingNew || isGenuine(keys, scope, key, bytes) ? token : undefined;
}

function isGenuine(keys: KeyRing, scope: string, key: SessionKey, bytes: Buffer): boolean {
  return keys.isMac(covered(scope, key, bytes.subarray(0, FIELD_BYTES)), bytes.subarray(FIELD_BYTES));
}

/** What the bytes of a token say, whoever made them. */
function readVersion(bytes: Buffer): VersionToken {
  const writer = bytes.readUIntBE(0, WRITER_BYTES);
  const stamp = bytes.readUInt8(WRITER_BYTES) * 2 ** 48 + bytes.readUIntBE(WRITER_BYTES + 1, STAMP_BYTES - 1);
  const touchedAtMs = bytes.readUIntBE(WRITER_BYTES + STAMP_BYTES, TIME_BYTES);
  return { dot: writer === 0 ? undefined : [writer, stamp], touchedAtMs };
}

/**
 * Looks through what a request carried, slot by slot: at most two values of each. Those of other sessions (from before a login, say), forged and
 * broken ones are ignored without a word: whoever sends them reads his session as it is here.
 */
export function readSlots(
  keys: KeyRing,
  scopeOf: (slot: Slot) => string,
  key: SessionKey,
  values: Iterable<readonly [slot: Slot, value: string]>,
  isKnown: IsKnown = NOTHING_KNOWN,
): SeenReading {
  const counts = new Map<Slot, number>();
  const tokens: PlacedToken[] = [];
  for (const [slot, value] of values) {
    const count = (counts.get(slot) ?? 0) + 1;
    counts.set(slot, count);
    if (count > CANDIDATE_COUNT_MAX) continue;
    const token = verifyVersion(keys, scopeOf(slot), key, value, isKnown);
    if (token !== undefined) tokens.push({ slot, ...token });
  }
  return counts.size === 0 ? NOTHING_SEEN : { slots: [...counts.keys()], tokens };
}

/** For the engine; undefined where there is nothing to wait for. */
export function seenOf({ tokens }: SeenReading): Seen | undefined {
  if (tokens.length === 0) return undefined;
  return {
    dots: tokens.flatMap(({ dot }) => (dot === undefined ? [] : [dot])),
    touchedAtMs: tokens.reduce((latestMs, { touchedAtMs }) => Math.max(latestMs, touchedAtMs), 0),
  };
}

/** Begins like nothing else that these secrets sign. */
function covered(scope: string, key: SessionKey, fields: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`seen\0${scope}\0${key}\0`), fields]);
}
