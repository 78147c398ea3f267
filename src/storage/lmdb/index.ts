export { lmdbStore } from "./lmdb-store.ts";
export type { LmdbStoreOptions } from "./lmdb-store.ts";
