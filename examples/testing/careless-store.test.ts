/** `node --import tsx --test examples/testing/careless-store.test.ts`: fails, and says which laws are broken. */
import { describe, test } from "node:test";
import { runContract, sessionStoreContract } from "../../src/testing/index.ts";
import { CarelessStore } from "./careless-store.ts";

runContract(sessionStoreContract({ name: "careless", open: (context) => ({ store: new CarelessStore(context) }) }), { describe, test });
