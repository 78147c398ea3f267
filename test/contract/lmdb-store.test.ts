import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import type { MergeContext } from "../../src/engine/index.ts";
import { lmdbStore } from "../../src/storage/lmdb/index.ts";
import { runContract, sessionStoreContract, type StoreUnderTest } from "../../src/testing/index.ts";

function openLmdb(context: MergeContext): StoreUnderTest {
  const path = mkdtempSync(join(tmpdir(), "lmdb-store-"));
  const open = lmdbStore({ path });
  const store = open(context);
  return {
    store,
    // The crash itself: test/integration/lmdb-kill.test.ts.
    reopen: async () => {
      await store.close();
      return open(context);
    },
    beside: () => open(context),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

runContract(sessionStoreContract({ name: "LMDB", open: openLmdb, parts: ["reopen", "beside", "scan", "version", "highWaterMs"] }), {
  describe,
  test,
});
