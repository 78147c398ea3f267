import type { Envelope } from "./envelope.ts";
import type { Epoch, SessionKey, Stamp, WriterId } from "./record.ts";
import type { Fingerprint } from "./replication.ts";

/** Stands where a text is missing: no text is so long. */
const NO_TEXT = 0xffff_ffff;
const WORD_END = 2 ** 32;

/** Called in the tick of a change; 0 stands for "not held". */
export type FingerprintListener = (key: SessionKey, before: Fingerprint, after: Fingerprint) => void;

/** What a fingerprint is of: a live session, or as much as was read of one at rest. */
export interface SessionState {
  readonly key: SessionKey;
  readonly envelope: Envelope;
  /** Undefined once it ended. */
  readonly document: { readonly epoch: Epoch; readonly vector: ReadonlyMap<WriterId, Stamp> } | undefined;
}

/**
 * Names the state of a session: its key, its epoch, what it has seen, and its envelope without touches; of one that ended the key alone.
 * A session is causally closed, so what it has seen in its epoch says what it holds. 53 bits of two lanes of MurmurHash3 (Appleby, public
 * domain): it tells honest states apart, and proves nothing about hostile ones, which a shared secret keeps out.
 */
export function fingerprintOf({ key, envelope, document }: SessionState): Fingerprint {
  if (envelope.ended !== undefined || document === undefined) return endedFingerprint(key);
  let lowSum = 0;
  let highSum = 0;
  // In whatever order they came.
  for (const [writer, stamp] of document.vector) {
    start(1);
    number(writer);
    number(stamp);
    finish();
    lowSum = (lowSum + low) | 0;
    highSum = (highSum + high) | 0;
  }
  const { epoch } = document;
  start(2);
  text(key);
  word(lowSum);
  word(highSum);
  number(epoch.counter);
  text(epoch.hash);
  number(envelope.idleTimeoutMs);
  number(envelope.idleTimeoutStamp);
  number(envelope.subjectAtMs);
  text(envelope.subject);
  number(envelope.successor?.atMs ?? 0);
  text(envelope.successor?.key);
  return result();
}

/** Who ended it, why and when may differ from replica to replica for a while: that it ended is what they agree on. */
export function endedFingerprint(key: SessionKey): Fingerprint {
  start(3);
  text(key);
  return result();
}

/** The two lanes: of what is mixed by one call at a time. */
let low = 0;
let high = 0;
let count = 0;

function start(seed: number): void {
  low = seed;
  high = ~seed;
  count = 0;
}

function number(value: number): void {
  word(value % WORD_END);
  word(value / WORD_END);
}

function text(value: string | undefined): void {
  if (value === undefined) return word(NO_TEXT);
  word(value.length);
  // Keys and hashes are ASCII: four characters a word.
  for (let at = 0; at < value.length; at += 4) {
    let packed = 0;
    for (let next = at; next < at + 4 && next < value.length; next++) packed = (packed << 8) | value.charCodeAt(next);
    word(packed);
  }
}

function word(value: number): void {
  let first = Math.imul(value, 0xcc9e2d51);
  first = Math.imul((first << 15) | (first >>> 17), 0x1b873593);
  low ^= first;
  low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0;
  let second = Math.imul(value, 0x239b961b);
  second = Math.imul((second << 16) | (second >>> 16), 0xab0e9789);
  high ^= second;
  high = (Math.imul((high << 17) | (high >>> 15), 5) + 0x561ccd1b) | 0;
  count++;
}

function finish(): void {
  low = avalanche(low ^ count);
  high = avalanche(high ^ count);
}

function avalanche(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** 0 is for what is not held. */
function result(): Fingerprint {
  finish();
  return (high & 0x1f_ffff) * WORD_END + (low >>> 0) || 1;
}
