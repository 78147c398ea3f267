import { setTimeout as pause } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import type { SessionStore } from "../../src/engine/index.ts";
import { ackedBy, expectAcked, openStore, temporaryFolder } from "../support/lmdb-folder.ts";
import { seededRandom } from "../support/manual-runtime.ts";
import { print } from "../support/print.ts";
import { startProcess, type TestProcess } from "../support/process.ts";

/** `LMDB_KILLS=500` for a long run; `LMDB_SEED` for other moments. */
const KILLS = Number(process.env["LMDB_KILLS"] ?? 24);
const SEED = Number(process.env["LMDB_SEED"] ?? 1);
const AT_ONCE = 3;
const LIFE_MS_MAX = 150;

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

test(
  `[ST2] [ST11] ${KILLS} processes that share a folder are killed while they append: everything that was acknowledged is there`,
  { timeout: 60_000 + KILLS * 2_000 },
  async () => {
    const folder = temporaryFolder();
    cleanUps.push(() => folder.remove());
    const random = seededRandom(SEED);
    const acked: ReturnType<typeof ackedBy>[] = [];
    let appends = 0;
    for (let run = 0; run < KILLS; run += AT_ONCE) {
      const writers = Array.from({ length: AT_ONCE }, (_, index): [number, TestProcess] => {
        const writer = startProcess("test/chaos/lmdb-writer.ts", [folder.path, String(run + index)]);
        cleanUps.push(() => writer.stop());
        return [run + index, writer];
      });
      await Promise.all(writers.map(([, writer]) => writer.waitForLine(/^acked/)));
      for (const [number, writer] of writers) {
        await pause(random() * LIFE_MS_MAX);
        writer.signal("SIGKILL");
        await writer.ended();
        expect(writer.errorOutput()).toBe("");
        acked.push(ackedBy(number, writer));
        // The others still write, and wait for what the dead one held.
        const store: SessionStore = openStore(folder.path);
        appends = await expectAcked(store, acked);
        await store.close();
      }
    }
    expect(acked).toHaveLength(Math.ceil(KILLS / AT_ONCE) * AT_ONCE);
    expect(appends).toBeGreaterThan(KILLS * 5);
    print(`${acked.length} kills, ${appends} acknowledged appends, none lost (LMDB_SEED=${SEED})`);
  },
);
