import { MemoryStore } from "../../src/storage/memory-store.ts";
import { sessionStoreContract } from "./session-store.contract.ts";

sessionStoreContract("memory store", (context) => ({ store: new MemoryStore(context) }));
