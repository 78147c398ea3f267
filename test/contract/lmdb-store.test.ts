import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { lmdbStore } from "../../src/storage/lmdb/index.ts";
import { sessionStoreContract } from "./session-store.contract.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

sessionStoreContract("LMDB", (context) => {
  const path = mkdtempSync(join(tmpdir(), "lmdb-store-"));
  folders.push(path);
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
  };
});
