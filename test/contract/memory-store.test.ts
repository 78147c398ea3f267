import { describe, test } from "vitest";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { runContract, sessionStoreContract } from "../../src/testing/index.ts";

runContract(sessionStoreContract({ name: "memory", open: (context) => ({ store: new MemoryStore(context) }), parts: ["appendNow"] }), {
  describe,
  test,
});
