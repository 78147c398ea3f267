import type { Envelope } from "./envelope.ts";

/** 22 characters: base64url of the first 16 bytes of SHA-256("sid\0" + id). All that stores, peers and logs see of an id. */
export type SessionKey = string;

/** 22 characters: base64url of 16 bytes of HMAC-SHA-256 over what the application calls its user. All that stores and peers see of it. */
export type SubjectKey = string;

/** Random id of a process start, and at once its Yjs client id: an integer in [2^32, 2^35). */
export type WriterId = number;

/** Hybrid logical clock: (milliseconds since `firstCreatedAtMs`) * 256 + counter, a safe integer ≥ 1. One per commit. */
export type Stamp = number;

/** (writer, stamp): names one commit of one session. */
export type Dot = readonly [writer: WriterId, stamp: Stamp];

/** Which genesis a document builds on. Higher `counter` is higher; at equal counters the greater `hash` (16 hex digits). */
export interface Epoch {
  readonly counter: number;
  readonly hash: string;
}

/** A session as it is stored and sent: when it lives, and what it holds. `document` is undefined exactly when it ended. */
export interface SessionRecord {
  readonly envelope: Envelope;
  readonly document: DocumentRecord | undefined;
}

/** `bytes` is a Yjs update in format V1; nobody mutates it. */
export interface DocumentRecord {
  readonly epoch: Epoch;
  readonly bytes: Uint8Array;
}

/** All cells that one commit wrote in one container: what a later commit drops when it removes or replaces that container. */
export interface DroppedCells {
  readonly containerId: string;
  readonly writer: WriterId;
  readonly stamp: Stamp;
}

/** One commit on its way to other replicas. Applied only where everything it depends on is covered. */
export interface Change {
  readonly epoch: Epoch;
  readonly writer: WriterId;
  /** Stamp of this writer's commit before this one, 0 for its first: contiguity that holds across epochs. */
  readonly previousStamp: Stamp;
  readonly stamp: Stamp;
  /** Entries of the version vector that its author saw since his previous commit. */
  readonly seen: readonly Dot[];
  /** Yjs update, format V1. */
  readonly update: Uint8Array;
  readonly dropped: readonly DroppedCells[];
}

/** Negative, 0 or positive, as for `sort`. */
export function compareEpochs(left: Epoch, right: Epoch): number {
  if (left.counter !== right.counter) return left.counter - right.counter;
  return left.hash < right.hash ? -1 : left.hash > right.hash ? 1 : 0;
}
