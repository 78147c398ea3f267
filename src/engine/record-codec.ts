import { createEncoder, toUint8Array, writeUint8, writeUint8Array, writeVarString, writeVarUint, writeVarUint8Array } from "lib0/encoding";
import type { Encoder } from "lib0/encoding";
import { ByteReader } from "./byte-reader.ts";
import { endEnvelope, type EndReason, type Envelope } from "./envelope.ts";
import { corrupt, SessionError } from "./errors.ts";
import { keyToBytes } from "./key-bytes.ts";
import type { Change, Dot, DroppedCells, Epoch, SessionRecord, WriterId } from "./record.ts";

// What src/sync needs to read and write frames around these layouts.

/** First byte of everything encoded here. Readers refuse any other; a new layout takes the next number. */
const RECORD_CODEC_VERSION = 1;

/** Writers are drawn from [2^32, 2^35): above browsers' 32-bit Yjs client ids, below five varuint bytes after subtracting 2^32. */
const WRITER_MIN = 2 ** 32;
const WRITER_END = 2 ** 35;
const EPOCH_HASH = /^[0-9a-f]{16}$/;
/** Container ids are hashes or short fresh ids; this is only the bound up to which a peer is believed. */
const CONTAINER_ID_BYTES_MAX = 255;
/** The position is the byte that stands for it; 0 means alive. Append only. */
const END_REASONS: readonly EndReason[] = ["destroyed", "rotated", "expired", "revoked"];
const LATER_FLAG = 0x20;
const SUBJECT_FLAG = 0x40;
const SUCCESSOR_FLAG = 0x80;

/**
 * `[u8 version][envelope][document]`; the document is there exactly when the session has not ended:
 * `[varuint epoch counter][8 bytes epoch hash][varuint length][Yjs update V1]`.
 * @throws SessionError INVARIANT_BROKEN when the record is not one (ended with a document, alive without).
 */
export function encodeRecord(record: SessionRecord): Uint8Array {
  const encoder = versioned();
  writeEnvelope(encoder, record.envelope);
  if ((record.envelope.ended === undefined) !== (record.document !== undefined)) {
    throw new SessionError("INVARIANT_BROKEN", "a record has a document exactly when its session has not ended; report this as a bug");
  }
  if (record.document !== undefined) {
    writeEpoch(encoder, record.document.epoch);
    writeVarUint8Array(encoder, record.document.bytes);
  }
  return toUint8Array(encoder);
}

/** The inverse of `encodeRecord`. Shares no memory with `bytes`. @throws SessionError RECORD_CORRUPT */
export function decodeRecord(bytes: Uint8Array): SessionRecord {
  const reader = readVersioned(bytes);
  const envelope = readEnvelope(reader);
  const document = envelope.ended === undefined ? { epoch: readEpoch(reader), bytes: reader.varBytes() } : undefined;
  reader.finish();
  return { envelope, document };
}

/**
 * `[u8 version][16 bytes key][u8 state]`, and for an ended one (state 1 destroyed, 2 rotated, 3 expired, 4 revoked)
 * `[varuint deadlineMs][varuint ended atMs]`; for a living one (state: 0x20 goes on from another, 0x40 subject, 0x80 successor)
 * `[varuint createdAtMs]([16 bytes firstKey][varuint createdAtMs - firstCreatedAtMs])[varuint deadlineMs - createdAtMs][varuint idleTimeoutMs]`
 * `[varuint idleTimeoutStamp][varuint touchedAtMs][varuint subjectAtMs]([16 bytes subject])([16 bytes successor][varuint successor atMs])`.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const encoder = versioned();
  writeEnvelope(encoder, envelope);
  return toUint8Array(encoder);
}

/** The inverse of `encodeEnvelope`. @throws SessionError RECORD_CORRUPT */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const reader = readVersioned(bytes);
  const envelope = readEnvelope(reader);
  reader.finish();
  return envelope;
}

/**
 * `[u8 version][varuint epoch counter][8 bytes epoch hash][varuint writer - 2^32][varuint previousStamp][varuint stamp - previousStamp]`
 * `[varuint count]([varuint writer - 2^32][varuint stamp])*` what its author saw,
 * `[varuint count]([varuint length][container id, UTF-8][varuint writer - 2^32][varuint stamp])*` dropped cells,
 * `[varuint length][Yjs update V1]`.
 */
export function encodeChange(change: Change): Uint8Array {
  const encoder = versioned();
  writeEpoch(encoder, change.epoch);
  writeWriter(encoder, change.writer);
  writeVarUint(encoder, change.previousStamp);
  writeVarUint(encoder, change.stamp - change.previousStamp);
  writeVarUint(encoder, change.seen.length);
  for (const [writer, stamp] of change.seen) {
    writeWriter(encoder, writer);
    writeVarUint(encoder, stamp);
  }
  writeVarUint(encoder, change.dropped.length);
  for (const cells of change.dropped) {
    writeVarString(encoder, cells.containerId);
    writeWriter(encoder, cells.writer);
    writeVarUint(encoder, cells.stamp);
  }
  writeVarUint8Array(encoder, change.update);
  return toUint8Array(encoder);
}

/** The inverse of `encodeChange`. Shares no memory with `bytes`. @throws SessionError RECORD_CORRUPT */
export function decodeChange(bytes: Uint8Array): Change {
  const reader = readVersioned(bytes);
  const epoch = readEpoch(reader);
  const writer = readWriter(reader);
  const previousStamp = reader.varUint();
  const stamp = previousStamp + reader.varUint();
  if (stamp === previousStamp || !Number.isSafeInteger(stamp)) throw corrupt("a stamp does not follow the one before it");
  const seen: Dot[] = [];
  for (let left = reader.count(2); left > 0; left -= 1) seen.push([readWriter(reader), readStamp(reader)]);
  const dropped: DroppedCells[] = [];
  for (let left = reader.count(3); left > 0; left -= 1) {
    dropped.push({ containerId: reader.text(CONTAINER_ID_BYTES_MAX), writer: readWriter(reader), stamp: readStamp(reader) });
  }
  const update = reader.varBytes();
  reader.finish();
  return { epoch, writer, previousStamp, stamp, seen, update, dropped };
}

function versioned(): Encoder {
  const encoder = createEncoder();
  writeUint8(encoder, RECORD_CODEC_VERSION);
  return encoder;
}

function readVersioned(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== RECORD_CODEC_VERSION) throw corrupt("its version is not one that this process reads");
  return reader;
}

function writeEnvelope(encoder: Encoder, envelope: Envelope): void {
  const { key, createdAtMs, firstKey, firstCreatedAtMs, deadlineMs, subject, subjectAtMs, successor, ended } = envelope;
  writeUint8Array(encoder, keyToBytes(key));
  if (ended !== undefined) {
    writeUint8(encoder, END_REASONS.indexOf(ended.reason) + 1);
    writeVarUint(encoder, deadlineMs);
    return writeVarUint(encoder, ended.atMs);
  }
  const isFirst = firstKey === key && firstCreatedAtMs === createdAtMs;
  writeUint8(
    encoder,
    (subject === undefined ? 0 : SUBJECT_FLAG) | (successor === undefined ? 0 : SUCCESSOR_FLAG) | (isFirst ? 0 : LATER_FLAG),
  );
  writeVarUint(encoder, createdAtMs);
  if (!isFirst) {
    writeUint8Array(encoder, keyToBytes(firstKey));
    writeVarUint(encoder, createdAtMs - firstCreatedAtMs);
  }
  writeVarUint(encoder, deadlineMs - createdAtMs);
  writeVarUint(encoder, envelope.idleTimeoutMs);
  writeVarUint(encoder, envelope.idleTimeoutStamp);
  writeVarUint(encoder, envelope.touchedAtMs);
  writeVarUint(encoder, subjectAtMs);
  if (subject !== undefined) writeUint8Array(encoder, keyToBytes(subject));
  if (successor === undefined) return;
  writeUint8Array(encoder, keyToBytes(successor.key));
  writeVarUint(encoder, successor.atMs);
}

function readEnvelope(reader: ByteReader): Envelope {
  const key = reader.key();
  const flags = reader.u8();
  const reason = END_REASONS[flags - 1];
  if (reason !== undefined) {
    const deadlineMs = reader.varUint();
    return endEnvelope({ key, deadlineMs }, { reason, atMs: reader.varUint() });
  }
  if ((flags & ~(LATER_FLAG | SUBJECT_FLAG | SUCCESSOR_FLAG)) !== 0) throw corrupt("its envelope has flags that nobody sets");
  const createdAtMs = reader.varUint();
  const isLater = (flags & LATER_FLAG) !== 0;
  const firstKey = isLater ? reader.key() : key;
  const firstCreatedAtMs = isLater ? createdAtMs - reader.varUint() : createdAtMs;
  if (isLater && firstKey === key && firstCreatedAtMs === createdAtMs) throw corrupt("its envelope is spelled longer than needed");
  const deadlineMs = createdAtMs + reader.varUint();
  if (firstCreatedAtMs < 0) throw corrupt("a birth is out of its range");
  if (!Number.isSafeInteger(deadlineMs)) throw corrupt("a deadline is out of its range");
  const idleTimeoutMs = reader.varUint();
  const idleTimeoutStamp = reader.varUint();
  const touchedAtMs = reader.varUint();
  const subjectAtMs = reader.varUint();
  const subject = (flags & SUBJECT_FLAG) === 0 ? undefined : reader.key();
  const successor = (flags & SUCCESSOR_FLAG) === 0 ? undefined : { key: reader.key(), atMs: reader.varUint() };
  return {
    key,
    createdAtMs,
    firstKey,
    firstCreatedAtMs,
    deadlineMs,
    idleTimeoutMs,
    idleTimeoutStamp,
    touchedAtMs,
    subject,
    subjectAtMs,
    successor,
    ended: undefined,
  };
}

function writeEpoch(encoder: Encoder, epoch: Epoch): void {
  if (!EPOCH_HASH.test(epoch.hash))
    throw new SessionError("INVARIANT_BROKEN", "an epoch's hash is 16 lower-case hex digits; report this as a bug");
  writeVarUint(encoder, epoch.counter);
  for (let index = 0; index < epoch.hash.length; index += 2) writeUint8(encoder, Number.parseInt(epoch.hash.slice(index, index + 2), 16));
}

function readEpoch(reader: ByteReader): Epoch {
  const counter = reader.varUint();
  let hash = "";
  for (const byte of reader.view(8)) hash += byte.toString(16).padStart(2, "0");
  return { counter, hash };
}

function writeWriter(encoder: Encoder, writer: WriterId): void {
  if (!Number.isSafeInteger(writer) || writer < WRITER_MIN || writer >= WRITER_END) {
    throw new SessionError("INVARIANT_BROKEN", "a writer id is an integer in [2^32, 2^35); report this as a bug");
  }
  writeVarUint(encoder, writer - WRITER_MIN);
}

function readWriter(reader: ByteReader): WriterId {
  return WRITER_MIN + reader.varUint(WRITER_END - WRITER_MIN - 1);
}

function readStamp(reader: ByteReader): number {
  const stamp = reader.varUint();
  if (stamp === 0) throw corrupt("a stamp is zero");
  return stamp;
}
