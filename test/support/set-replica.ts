/** Part of the kit; the tests of the sync layer look for it here. */
export * from "../../src/testing/replication/set-replica.ts";
