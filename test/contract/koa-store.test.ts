import { describe, test } from "vitest";
import { storeOver } from "../../src/adapters/koa/external-store.ts";
import { runContract, sessionStoreContract } from "../../src/testing/index.ts";
import { PeerStore } from "../integration/koa/library.ts";

// Of one process at a time: `beside` is left out.
runContract(
  sessionStoreContract({
    name: "a store for koa-session",
    open: (context) => {
      const peer = new PeerStore();
      const open = storeOver(peer, "sess:");
      const store = open(context);
      return {
        store,
        reopen: async () => {
          await store.close();
          return open(context);
        },
      };
    },
    parts: ["reopen"],
  }),
  { describe, test },
);
