import { toUint8Array, writeUint8, writeVarUint } from "lib0/encoding";
import { KEY_PARTS, type ByteReader, type Fingerprint } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import {
  FINGERPRINT_BYTES,
  KEY_STATE_BYTES,
  readFingerprint,
  readKeyState,
  writeFingerprint,
  writeKeyState,
  type KeyState,
} from "./fingerprints.ts";
import { frameOf } from "./frame-writer.ts";

/** The buckets that sessions fall into by their key are summed up in groups, and those in the root. */
export const DIGEST_GROUPS = 32;
export const DIGEST_GROUP_BUCKETS = KEY_PARTS / DIGEST_GROUPS;
/** Sessions in one frame of a bucket: far more than a bucket holds in a million sessions. */
export const DIGEST_LIST_MAX = 32_768;

/**
 * What the sender holds of the sessions that this connection is about, summed up: fingerprints, XORed.
 * `[u8 26][u8 level][u8 flags]`, and by level
 * - 0 root: `[7 bytes sessions][7 bytes revocations]`; whoever holds the same answers with level 4, whoever differs with
 * - 1 groups: `([7 bytes])` × 32; answered, where groups differ, with
 * - 2 buckets: `[varuint count]([u8 group][7 bytes] × 32)*` of those groups; answered with
 * - 3 list: one frame for each bucket that differs: `[varuint bucket][varuint count]([16 bytes key][7 bytes fingerprint])*`, where the highest bit
 *   of a fingerprint says that it changed a moment ago. Whoever gets it sends the states that differ, and asks for those that it lacks.
 * - 4 done: that was all. With flag 2 there is more that differs, for another time.
 *
 * Flag 1, repair: frames were dropped, or the sides have just met: nothing is left out because it may still be on its way. It goes along in
 * the answers.
 */
export type Digest = { readonly kind: "digest"; readonly isRepair: boolean } & DigestLevel;

export type DigestLevel =
  | { readonly level: "root"; readonly sessions: Fingerprint; readonly revocations: Fingerprint }
  | { readonly level: "groups"; readonly groups: readonly Fingerprint[] }
  | { readonly level: "buckets"; readonly groups: readonly DigestGroup[] }
  | { readonly level: "list"; readonly bucket: number; readonly sessions: readonly KeyState[] }
  | { readonly level: "done"; readonly isPartial: boolean };

/** The buckets of one group. */
export interface DigestGroup {
  readonly group: number;
  readonly buckets: readonly Fingerprint[];
}

export const DIGEST = 26;

const LEVELS = ["root", "groups", "buckets", "list", "done"] as const;
const REPAIR = 1;
const PARTIAL = 2;

export function encodeDigest(message: { readonly isRepair: boolean } & DigestLevel): Uint8Array {
  const encoder = frameOf(DIGEST);
  writeUint8(encoder, LEVELS.indexOf(message.level));
  writeUint8(encoder, (message.isRepair ? REPAIR : 0) | (message.level === "done" && message.isPartial ? PARTIAL : 0));
  switch (message.level) {
    case "root":
      writeFingerprint(encoder, message.sessions);
      writeFingerprint(encoder, message.revocations);
      break;
    case "groups":
      for (const fingerprint of message.groups) writeFingerprint(encoder, fingerprint);
      break;
    case "buckets":
      writeVarUint(encoder, message.groups.length);
      for (const { group, buckets } of message.groups) {
        writeUint8(encoder, group);
        for (const fingerprint of buckets) writeFingerprint(encoder, fingerprint);
      }
      break;
    case "list":
      writeVarUint(encoder, message.bucket);
      writeVarUint(encoder, message.sessions.length);
      for (const session of message.sessions) writeKeyState(encoder, session);
      break;
    case "done":
      break;
  }
  return toUint8Array(encoder);
}

export function decodeDigest(reader: ByteReader): Digest {
  const level = LEVELS[reader.u8()];
  if (level === undefined) throw new ProtocolError("malformed", "a digest frame has a level that this version does not have");
  const flags = reader.u8();
  if (flags > (level === "done" ? REPAIR | PARTIAL : REPAIR))
    throw new ProtocolError("malformed", "a digest frame has a flag that this version does not have");
  const header = { kind: "digest", isRepair: (flags & REPAIR) !== 0 } as const;
  switch (level) {
    case "root":
      return { ...header, level, sessions: readFingerprint(reader), revocations: readFingerprint(reader) };
    case "groups":
      return { ...header, level, groups: fingerprints(reader, DIGEST_GROUPS) };
    case "buckets":
      return { ...header, level, groups: readGroups(reader) };
    case "list": {
      const bucket = reader.varUint(KEY_PARTS - 1);
      const sessions: KeyState[] = [];
      for (let left = reader.count(KEY_STATE_BYTES, DIGEST_LIST_MAX); left > 0; left -= 1) sessions.push(readKeyState(reader));
      return { ...header, level, bucket, sessions };
    }
    case "done":
      return { ...header, level, isPartial: (flags & PARTIAL) !== 0 };
  }
}

function readGroups(reader: ByteReader): DigestGroup[] {
  const groups: DigestGroup[] = [];
  for (let left = reader.count(1 + DIGEST_GROUP_BUCKETS * FINGERPRINT_BYTES, DIGEST_GROUPS); left > 0; left -= 1) {
    const group = reader.u8();
    // Each once, in order: a frame asks for a thousand buckets at most.
    if (group >= DIGEST_GROUPS || group <= (groups.at(-1)?.group ?? -1))
      throw new ProtocolError("malformed", "a digest frame names a group twice");
    groups.push({ group, buckets: fingerprints(reader, DIGEST_GROUP_BUCKETS) });
  }
  return groups;
}

function fingerprints(reader: ByteReader, count: number): Fingerprint[] {
  return Array.from({ length: count }, () => readFingerprint(reader));
}
