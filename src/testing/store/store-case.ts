import { deepStrictEqual } from "node:assert/strict";
import type { SessionKey, SessionRecord, SessionStore, SubjectKey } from "../../engine/index.ts";
import type { SampleRecords } from "./sample-records.ts";

/** What a store can do beyond what every store must, and what the contract needs to look at it. */
export type StorePart = (typeof STORE_PARTS)[number];

export const STORE_PARTS = ["reopen", "beside", "appendNow", "scan", "version", "highWaterMs"] as const;

/** One law of the store, as a case over an opened store. */
export interface StoreCase {
  readonly name: string;
  /** Left out for stores that lack one of these. */
  readonly needs?: readonly StorePart[];
  readonly run: (on: OpenedStore) => Promise<void>;
}

/** An empty store, and what else a case needs. All that is opened here is closed after the case. */
export interface OpenedStore extends SampleRecords {
  readonly store: SessionStore;
  /** What the author says that it has, and what it has. */
  readonly promised: readonly StorePart[];
  readonly found: readonly StorePart[];
  /** Another empty one. */
  readonly another: () => Promise<SessionStore>;
  /** What the next process finds. */
  readonly reopen: () => Promise<SessionStore>;
  /** A second store on the same place, where there is such a thing; otherwise the same once more. */
  readonly beside: () => SessionStore;
}

export const SUBJECTS = ["AAAAAAAAAAAAAAAAAAAAAA", "DAAAAAAAAAAAAAAAAAAAAA"] as const;
/** Later than any instant of these cases. */
export const NEVER_MS = 2 ** 40;

/** Stores may give bytes as `Buffer`, and leave out what is undefined. */
export function sameRecord(actual: SessionRecord | undefined, expected: SessionRecord | undefined, message?: string): void {
  deepStrictEqual(plain(actual), plain(expected), message);
}

function plain(record: SessionRecord | undefined): unknown {
  if (record === undefined) return undefined;
  const { envelope, document } = record;
  return JSON.parse(
    JSON.stringify({
      envelope,
      document: document === undefined ? null : { epoch: document.epoch, bytes: Buffer.from(document.bytes).toString("hex") },
    }),
  );
}

export async function listed(store: SessionStore, subject?: SubjectKey): Promise<SessionKey[]> {
  const keys: SessionKey[] = [];
  for await (const key of store.keys(subject)) keys.push(key);
  return keys.toSorted();
}

/** Calls in a row, until enough of them found nothing that every part of the store was looked at. */
export async function discardAll(store: SessionStore, nowMs: number, limit = 10): Promise<number> {
  let discarded = 0;
  for (let call = 0; call < 20; call += 1) discarded += await store.discardExpired(nowMs, limit);
  return discarded;
}
