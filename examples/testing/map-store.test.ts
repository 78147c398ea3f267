/** `node --import tsx --test examples/testing/map-store.test.ts` */
import { describe, test } from "node:test";
import { runContract, sessionStoreContract } from "../../src/testing/index.ts";
import { MapStore } from "./map-store.ts";

runContract(sessionStoreContract({ name: "a Map", open: (context) => ({ store: new MapStore(context) }) }), { describe, test });
