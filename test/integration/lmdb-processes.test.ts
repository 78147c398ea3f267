import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { keyOfNumber, openStore, plainOf, recordOf, temporaryFolder } from "../support/lmdb-folder.ts";
import { startProcess } from "../support/process.ts";

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function folder(): string {
  const made = temporaryFolder();
  cleanUps.push(() => made.remove());
  return made.path;
}

test("[ST8] of processes that claim the same names at once each name is got once", async () => {
  const path = folder();
  const start = join(path, "start");
  const claimers = [1, 2, 3].map(() => startProcess("test/chaos/lmdb-claimer.ts", [path, start]));
  for (const claimer of claimers) cleanUps.push(() => claimer.stop());
  await Promise.all(claimers.map((claimer) => claimer.waitForLine(/^ready$/)));
  writeFileSync(start, "");
  await Promise.all(claimers.map((claimer) => claimer.waitForLine(/^done$/)));
  const got = claimers.flatMap((claimer) => claimer.lines.filter((line) => line.startsWith("got ")));
  expect(got).toHaveLength(100);
  expect(new Set(got).size).toBe(100);
});

test("[ST10] [ST4] the version tells of what another process appended, in the same turn of the event loop, and both are merged", async () => {
  const path = folder();
  const store = openStore(path);
  cleanUps.push(() => store.close());
  const key = keyOfNumber(0);
  await store.append(key, recordOf(key), 2 ** 40);
  const version = (): number => store.version?.(key) ?? Number.NaN;
  const own = version();
  const writer = startProcess("test/chaos/lmdb-writer.ts", [path, "7", "1"]);
  cleanUps.push(() => writer.stop());
  await writer.waitForLine(/^acked/);
  expect(version()).not.toBe(own);
  // No turn of the event loop between: other processes' appends are seen within one, too.
  const first = version();
  const deadlineMs = performance.now() + 10_000;
  while (version() === first && performance.now() < deadlineMs);
  expect(version()).not.toBe(first);
  await store.append(key, recordOf(key), 2 ** 40);
  expect(Object.keys(await plainOf(store, key)).toSorted()).toEqual(["padding7", "run7", "text"]);
});
