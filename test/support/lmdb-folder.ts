import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { SessionKey, SessionRecord, SessionStore } from "../../src/engine/index.ts";
import { lmdbStore } from "../../src/storage/lmdb/index.ts";
import { sha256 } from "./manual-runtime.ts";
import type { TestProcess } from "./process.ts";
import { TestWorld } from "./replica.ts";

const MEMORY = "/dev/shm";

/** Keys that lie all over the range of keys. */
export function keyOfNumber(number: number): SessionKey {
  return Buffer.from(sha256(Buffer.from(`session ${number}`))).toString("base64url", 0, 16);
}

/** The same record as of this session. */
export function recordFor(key: SessionKey, record: SessionRecord): SessionRecord {
  return { ...record, envelope: { ...record.envelope, key } };
}

/** `isQuick`: in memory where that is possible, for tests that are not about the disk. */
export function temporaryFolder(isQuick = false): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(isQuick && existsSync(MEMORY) ? MEMORY : tmpdir(), "lmdb-store-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

const world = new TestWorld(999_999);

export function openStore(path: string, mapSizeMax?: number): SessionStore {
  return lmdbStore(mapSizeMax === undefined ? { path } : { path, mapSizeMax })(world.replica().context);
}

/** A record with one attribute of about so many bytes. */
export function recordOf(key: SessionKey, bytes = 200): SessionRecord {
  const replica = world.replica();
  replica.edit((data) => (data["text"] = "x".repeat(bytes)));
  return recordFor(key, replica.record());
}

export async function plainOf(store: SessionStore, key: SessionKey): Promise<Readonly<Record<string, unknown>>> {
  const record = await store.load(key);
  if (record === undefined) return {};
  const replica = world.replica();
  replica.restartFrom(record);
  return replica.plain() as Readonly<Record<string, unknown>>;
}

/** By run and key the number that was acknowledged last, of what `lmdb-writer.ts` printed so far. */
export function ackedBy(run: number, writer: TestProcess): { readonly run: number; readonly last: ReadonlyMap<SessionKey, number> } {
  const last = new Map<SessionKey, number>();
  for (const line of writer.lines) {
    const match = /^acked (\S+) (\d+)$/.exec(line);
    if (match !== null) last.set(match[1] ?? "", Number(match[2]));
  }
  return { run, last };
}

/** Everything that was acknowledged is in the store. Returns how many appends that were. */
export async function expectAcked(store: SessionStore, acked: readonly ReturnType<typeof ackedBy>[]): Promise<number> {
  let count = 0;
  const keys = new Set(acked.flatMap(({ last }) => [...last.keys()]));
  for (const key of keys) {
    const data = await plainOf(store, key);
    for (const { run, last } of acked) {
      const wanted = last.get(key) ?? 0;
      const found = data[`run${run}`] ?? 0;
      expect(found, `run ${run}`).toBeGreaterThanOrEqual(wanted);
      count += wanted;
    }
  }
  return count;
}
