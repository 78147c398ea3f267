import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { SessionKey, SessionStore } from "../../src/engine/index.ts";
import { ackedBy, expectAcked, keyOfNumber, openStore, recordOf, temporaryFolder } from "../support/lmdb-folder.ts";
import { memoryMount, requireMounts } from "../support/mounts.ts";
import { startProcess } from "../support/process.ts";
import { eventually } from "../support/eventually.ts";

const NEVER_MS = 2 ** 40;
const MIB = 2 ** 20;

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function folderOn(size: string): string {
  const folder = temporaryFolder();
  cleanUps.push(() => folder.remove());
  const disk = memoryMount(join(folder.path, "disk"), size);
  cleanUps.push(() => disk.unmount());
  return disk.path;
}

/** Appends new sessions until one is refused. Gives those that were not, and the refusal. */
async function fill(store: SessionStore, from: number, bytes: number): Promise<{ readonly keys: SessionKey[]; readonly refusal: unknown }> {
  const keys: SessionKey[] = [];
  for (let number = from; number < from + 10_000; number++) {
    const key = keyOfNumber(number);
    try {
      await store.append(key, recordOf(key, bytes), number % 2 === 0 ? 10 : NEVER_MS);
      keys.push(key);
    } catch (refusal) {
      return { keys, refusal };
    }
  }
  throw new Error("it was never full");
}

test("[ST13] a full disk refuses what is new, keeps what is there, and takes the next append when there is room", async (context) => {
  requireMounts(context);
  const disk = folderOn("2m");
  const ballast = join(disk, "ballast");
  writeFileSync(ballast, Buffer.alloc(MIB / 2));
  const store = openStore(join(disk, "store"));
  cleanUps.push(() => store.close());
  const { keys, refusal } = await fill(store, 0, 2_000);
  expect(keys.length).toBeGreaterThan(50);
  expect(refusal).toMatchObject({ name: "SessionError", code: "STORE_FULL", status: 503 });
  // Again and again: nothing of it hangs, or harms.
  const again = await Promise.allSettled(
    Array.from({ length: 20 }, (_, number) => store.append(keyOfNumber(20_000 + number), recordOf(keyOfNumber(20_000 + number), 9_000), 1)),
  );
  for (const result of again) expect(result).toMatchObject({ status: "rejected", reason: { code: "STORE_FULL" } });
  for (const key of keys) expect(await store.load(key)).toBeDefined();
  rmSync(ballast);
  const late = keyOfNumber(30_000);
  await store.append(late, recordOf(late, 9_000), NEVER_MS);
  await store.close();
  const next = openStore(join(disk, "store"));
  cleanUps.push(() => next.close());
  for (const key of [...keys, late]) expect(await next.load(key)).toBeDefined();
});

test("[ST13] a process whose disk is full lives, and what it had acknowledged is there", async (context) => {
  requireMounts(context);
  const disk = folderOn("1m");
  const writer = startProcess("test/chaos/lmdb-writer.ts", [join(disk, "store"), "1", "4000", "1000"]);
  cleanUps.push(() => writer.stop());
  await writer.waitForLine(/^failed STORE_FULL$/);
  const failed = (): number => writer.lines.filter((line) => line === "failed STORE_FULL").length;
  const before = failed();
  await eventually(() => expect(failed()).toBeGreaterThan(before + 100));
  expect(new Set(writer.lines.filter((line) => line.startsWith("failed")))).toEqual(new Set(["failed STORE_FULL"]));
  writer.signal("SIGKILL");
  await writer.ended();
  const store = openStore(join(disk, "store"));
  cleanUps.push(() => store.close());
  await expectAcked(store, [ackedBy(1, writer)]);
});

test("[ST13] beyond mapSizeMax appending is refused, ends and revocations are not, and room that is made can be used again", async () => {
  const folder = temporaryFolder();
  cleanUps.push(() => folder.remove());
  const store = openStore(folder.path, MIB);
  cleanUps.push(() => store.close());
  const { keys, refusal } = await fill(store, 0, 3_000);
  expect(refusal).toMatchObject({ name: "SessionError", code: "STORE_FULL" });
  expect(keys.length).toBeGreaterThan(100);
  const [first = "", second = ""] = keys;
  const loaded = await store.load(second);
  if (loaded === undefined) throw new Error("it was not stored");
  await store.append(second, { envelope: { ...loaded.envelope, ended: { reason: "destroyed", atMs: 1 } }, document: undefined }, NEVER_MS);
  await store.revoke(first, 5, NEVER_MS);
  expect((await store.load(second))?.envelope.ended).toBeDefined();
  let discarded = 0;
  for (let call = 0; call < 20; call++) discarded += await store.discardExpired(10, 100);
  expect(discarded).toBeGreaterThan(keys.length / 3);
  const more = await fill(store, 50_000, 3_000);
  expect(more.keys.length).toBeGreaterThan(discarded / 3);
});
