import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, expect, test, type TestContext } from "vitest";
import { ackedBy, expectAcked, openStore, temporaryFolder } from "../support/lmdb-folder.ts";
import { loopMount, requireMounts } from "../support/mounts.ts";
import { seededRandom } from "../support/manual-runtime.ts";
import { print } from "../support/print.ts";
import { startProcess } from "../support/process.ts";

/** `LMDB_IMAGES=50` for the long run. */
const IMAGES = Number(process.env["LMDB_IMAGES"] ?? 10);
const SEED = Number(process.env["LMDB_SEED"] ?? 1);
const PAUSE_MS_MAX = 60;

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

test(
  `[ST11] the power goes ${IMAGES} times while a process appends: what is on the disk opens, with everything that was acknowledged`,
  { timeout: 30_000 + IMAGES * 5_000 },
  async (context: TestContext) => {
    requireMounts(context);
    const folder = temporaryFolder();
    cleanUps.push(() => folder.remove());
    const [image, copy] = [join(folder.path, "disk.img"), join(folder.path, "copy.img")];
    execFileSync("truncate", ["--size", "64M", image]);
    execFileSync("mkfs.ext4", ["-q", "-F", image]);
    const disk = loopMount(image, join(folder.path, "disk"));
    cleanUps.push(() => disk.unmount());
    const random = seededRandom(SEED);
    const stored = join(disk.path, "store");
    mkdirSync(stored, { mode: 0o700 });
    const writer = startProcess("test/chaos/lmdb-writer.ts", [stored, "1", "8", "400"]);
    cleanUps.push(() => writer.stop());
    await writer.waitForLine(/^acked/);
    let appends = 0;
    for (let cut = 0; cut < IMAGES; cut++) {
      await pause(random() * PAUSE_MS_MAX);
      const acked = ackedBy(1, writer);
      // What the kernel holds back is not in the image's file: a copy of it, taken while it is written, is the disk after a power cut.
      execFileSync("cp", ["--sparse=always", image, copy]);
      const after = loopMount(copy, join(folder.path, "after"));
      cleanUps.push(() => after.unmount());
      const store = openStore(join(after.path, "store"));
      cleanUps.push(() => store.close());
      const count = await expectAcked(store, [acked]);
      await store.close();
      expect(count).toBeGreaterThan(appends);
      appends = count;
      after.unmount();
    }
    print(`${IMAGES} of ${IMAGES} images opened, ${appends} acknowledged appends, none lost (LMDB_SEED=${SEED})`);
  },
);
