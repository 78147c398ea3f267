import { crc32 } from "node:zlib";
import { keyToBytes, type SessionKey, type Sha256, type SubjectKey } from "../../engine/index.ts";

/*
 * The one tree of the store. Keys begin with what they are:
 *   [FORMAT]                                  the marker: what wrote this, and which version of this layout
 *   [RECORD][16 bytes key]                    a session: `encodeRecord`
 *   [TIME][u48 discardAtMs][key of an entry]  when an entry may go: records, claims and revocations alike; empty
 *   [SUBJECT][16 bytes subject][16 bytes key] sessions of a subject; empty
 *   [CLAIM][16 bytes key][16 bytes hash of the name]
 *   [REVOCATION][16 bytes subject]            [u48 notBeforeMs]
 *   [HIGH_WATER]                              in the place of discardAtMs: no clock gives less than this
 * Values but the empty ones are a frame: `[u32 CRC-32 of what follows][the entry's key][u48 discardAtMs][u48 transaction][content]`.
 * All numbers big-endian, so that keys sort by time.
 */

const FORMAT = 0x00;
export const RECORD = 0x01;
export const TIME = 0x02;
export const SUBJECT = 0x03;
const CLAIM = 0x04;
export const REVOCATION = 0x05;
const HIGH_WATER = 0x06;
export const FORMAT_VERSION = 1;
export const FORMAT_NAME = "converge-session store";

const ID_BYTES = 16;
const NUMBER_BYTES = 6;
const NUMBER_MAX = 2 ** (8 * NUMBER_BYTES) - 1;
const CRC_BYTES = 4;
const encodeUtf8 = new TextEncoder();

export interface Frame {
  readonly discardAtMs: number;
  /** The transaction that wrote it. */
  readonly transaction: number;
  readonly content: Buffer;
}

export const FORMAT_KEY = Buffer.of(FORMAT);
export const HIGH_WATER_KEY = Buffer.of(HIGH_WATER);

export function recordKey(key: SessionKey): Buffer {
  return prefixed(RECORD, keyToBytes(key));
}

export function subjectEntry(subject: SubjectKey, key: SessionKey): Buffer {
  return prefixed(SUBJECT, keyToBytes(subject), keyToBytes(key));
}

export function subjectPrefix(subject: SubjectKey): Buffer {
  return prefixed(SUBJECT, keyToBytes(subject));
}

/** Names may be of any length, keys not. */
export function claimKey(key: SessionKey, name: string, sha256: Sha256): Buffer {
  return prefixed(CLAIM, keyToBytes(key), sha256(encodeUtf8.encode(name)).subarray(0, ID_BYTES));
}

export function revocationKey(subject: SubjectKey): Buffer {
  return prefixed(REVOCATION, keyToBytes(subject));
}

export function timeEntry(discardAtMs: number, entryKey: Buffer): Buffer {
  const time = Buffer.allocUnsafe(NUMBER_BYTES);
  time.writeUIntBE(discardAtMs, 0, NUMBER_BYTES);
  return prefixed(TIME, time, entryKey);
}

export function readTimeEntry(key: Buffer): { readonly discardAtMs: number; readonly entryKey: Buffer } {
  return { discardAtMs: key.readUIntBE(1, NUMBER_BYTES), entryKey: key.subarray(1 + NUMBER_BYTES) };
}

/** What the layout can hold of an instant: whole milliseconds, later rather than earlier. */
export function storableMs(instantMs: number): number {
  return Math.min(NUMBER_MAX, Math.max(0, Math.ceil(instantMs)));
}

/** The last 16 bytes of a record's or revocation's key, or of a subject entry. */
export function idOf(key: Buffer): Buffer {
  return key.subarray(key.length - ID_BYTES);
}

export function keyText(id: Buffer): SessionKey {
  return id.toString("base64url");
}

/** The first key after all that begin with `prefix`. */
export function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let index = end.length - 1; index >= 0; index--) {
    const byte = end[index] ?? 0;
    end[index] = (byte + 1) & 0xff;
    if (byte !== 0xff) break;
  }
  return end;
}

export function encodeFrame(entryKey: Buffer, discardAtMs: number, transaction: number, content: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(CRC_BYTES + entryKey.length + 2 * NUMBER_BYTES + content.length);
  let at = CRC_BYTES + entryKey.copy(frame, CRC_BYTES);
  at = frame.writeUIntBE(discardAtMs, at, NUMBER_BYTES);
  at = frame.writeUIntBE(transaction, at, NUMBER_BYTES);
  frame.set(content, at);
  frame.writeUInt32BE(crc32(frame.subarray(CRC_BYTES)), 0);
  return frame;
}

/** Undefined when the bytes are not what was written under this key. Shares memory with `frame`. */
export function decodeFrame(entryKey: Buffer, frame: Buffer): Frame | undefined {
  const at = CRC_BYTES + entryKey.length;
  if (frame.length < at + 2 * NUMBER_BYTES || !isOfKey(entryKey, frame)) return undefined;
  if (frame.readUInt32BE(0) !== crc32(frame.subarray(CRC_BYTES))) return undefined;
  return {
    discardAtMs: frame.readUIntBE(at, NUMBER_BYTES),
    transaction: frame.readUIntBE(at + NUMBER_BYTES, NUMBER_BYTES),
    content: frame.subarray(at + 2 * NUMBER_BYTES),
  };
}

/** Without looking at the rest. NaN when it is too short. */
export function transactionOf(entryKey: Buffer, frame: Buffer, frameBytes: number): number {
  const at = CRC_BYTES + entryKey.length + NUMBER_BYTES;
  return frameBytes < at + NUMBER_BYTES ? Number.NaN : frame.readUIntBE(at, NUMBER_BYTES);
}

/** Whether a frame says that it was written under this key. */
export function isOfKey(entryKey: Buffer, frame: Buffer): boolean {
  return entryKey.equals(frame.subarray(CRC_BYTES, CRC_BYTES + entryKey.length));
}

/** The key that a frame says it was written under; as long as the one that it was found under. */
export function keyInFrame(entryKey: Buffer, frame: Buffer): Buffer {
  return Buffer.from(frame.subarray(CRC_BYTES, CRC_BYTES + entryKey.length));
}

function prefixed(kind: number, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(kind), ...parts]);
}
