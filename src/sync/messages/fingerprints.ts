import { writeUint32, writeUint8, type Encoder } from "lib0/encoding";
import { KEY_BYTES, type ByteReader, type Fingerprint, type SessionKey } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { writeKey } from "./frame-writer.ts";

/** A fingerprint on the wire: `[u32 low][u24 high]`, little-endian. 53 bits are its number; the highest bit may be a flag of its frame. */
export const FINGERPRINT_BYTES = 7;
/** A session and the state that it is in: `[16 bytes key][7 bytes fingerprint]`. */
export const KEY_STATE_BYTES = KEY_BYTES + FINGERPRINT_BYTES;

const LOW_VALUES = 2 ** 32;
const HIGH_MAX = 2 ** 21 - 1;
const FLAG = 0x80_00_00;

/** In which state the sender holds a session. */
export interface KeyState {
  readonly key: SessionKey;
  /** 0: it holds nothing of it. */
  readonly fingerprint: Fingerprint;
  /** It changed a moment ago: what tells it may still be on the way. */
  readonly isRecent: boolean;
}

export function writeFingerprint(encoder: Encoder, fingerprint: Fingerprint, flag = false): void {
  const high = Math.floor(fingerprint / LOW_VALUES) | (flag ? FLAG : 0);
  writeUint32(encoder, fingerprint % LOW_VALUES);
  writeUint8(encoder, high & 0xff);
  writeUint8(encoder, (high >>> 8) & 0xff);
  writeUint8(encoder, high >>> 16);
}

/** @throws ProtocolError where the flag is set: in this place it means nothing. */
export function readFingerprint(reader: ByteReader): Fingerprint {
  return fingerprintAt(reader.view(FINGERPRINT_BYTES), false).fingerprint;
}

export function writeKeyState(encoder: Encoder, { key, fingerprint, isRecent }: KeyState): void {
  writeKey(encoder, key);
  writeFingerprint(encoder, fingerprint, isRecent);
}

export function readKeyState(reader: ByteReader): KeyState {
  const key = reader.key();
  const { fingerprint, flag } = fingerprintAt(reader.view(FINGERPRINT_BYTES), true);
  return { key, fingerprint, isRecent: flag };
}

function fingerprintAt(bytes: Uint8Array, mayFlag: boolean): { readonly fingerprint: Fingerprint; readonly flag: boolean } {
  const [b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0, b6 = 0] = bytes;
  const high = b4 | (b5 << 8) | ((b6 & 0x7f) << 16);
  const flag = (b6 & 0x80) !== 0;
  if (high > HIGH_MAX || (flag && !mayFlag)) throw new ProtocolError("malformed", "a fingerprint has more than 53 bits");
  return { fingerprint: high * LOW_VALUES + ((b0 | (b1 << 8) | (b2 << 16) | (b3 << 24)) >>> 0), flag };
}
