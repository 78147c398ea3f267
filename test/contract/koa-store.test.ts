import { storeOver } from "../../src/adapters/koa/external-store.ts";
import { PeerStore } from "../integration/koa/library.ts";
import { sessionStoreContract } from "./session-store.contract.ts";

// Of one process at a time: `beside` is left out.
sessionStoreContract("a store for koa-session", (context) => {
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
});
