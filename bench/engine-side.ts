import * as Y from "yjs";
import type { DocumentContext, SessionKey } from "../src/engine/index.ts";
import { sessionFixture } from "./fixture.ts";
import { cpuMicrosecondsPer } from "./measure.ts";

// What people run is the build: from source, the loader's names for inner functions alone cost a tenth of a commit.
const built = async <T>(path: string): Promise<T> => (await import(new URL(`../dist/${path}`, import.meta.url).href)) as T;
const { DEFAULT_LIMITS, replicaOf, SessionDocument } = await built<typeof import("../src/engine/index.ts")>("engine/index.js");
const { createEngine, nodeRuntime } = await built<typeof import("../src/runtime/index.ts")>("runtime/index.js");

const fixture = sessionFixture();

function engineWithSession(): { engine: ReturnType<typeof createEngine>; key: SessionKey } {
  const engine = createEngine({});
  const id = engine.issueId();
  const draft = engine.draft();
  for (const [name, value] of Object.entries(fixture)) draft.set(name, value);
  draft.identify(id);
  draft.commit();
  return { engine, key: engine.keyOf(id) };
}

function plainMap(): Y.Doc {
  const doc = new Y.Doc({ guid: "" });
  doc.transact(() => {
    for (const [name, value] of Object.entries(fixture)) doc.getMap("session").set(name, value);
  });
  return doc;
}

/** What a side costs, in CPU microseconds an operation. */
const sides: Record<string, () => number | Promise<number>> = {
  /** A read-only request: open, three attributes, touch, commit. */
  hotRead: () => {
    const { engine, key } = engineWithSession();
    return cpuMicrosecondsPer(
      () => {
        const session = engine.checkOutHot(key);
        if (session === undefined) throw new Error("not hot");
        if (session.get("user") === undefined || session.get("theme") !== "dark" || session.get("csrfToken") === undefined)
          throw new Error("lost");
        session.touch();
        session.commit();
      },
      300_000,
      30_000,
    );
  },
  commit: () => {
    const { engine, key } = engineWithSession();
    return cpuMicrosecondsPer(
      (index) => {
        const session = engine.checkOutHot(key);
        session?.set("visits", index);
        session?.commit();
      },
      120_000,
      20_000,
    );
  },
  mapSet: () => {
    const doc = plainMap();
    const map = doc.getMap("session");
    let bytes = 0;
    doc.on("update", (update: Uint8Array) => {
      bytes += update.length;
    });
    return cpuMicrosecondsPer((index) => map.set("visits", index), 120_000, 20_000);
  },
  coldLoad: async () => {
    const { engine, key } = engineWithSession();
    const record = (await replicaOf(engine.host).record(key))?.document;
    if (record === undefined) throw new Error("no record");
    const context: DocumentContext = {
      sha256: (bytes) => nodeRuntime.sha256(bytes),
      limits: DEFAULT_LIMITS,
      writer: () => 2 ** 33,
      newWriter: () => 2 ** 33 + 1,
      drawWriter: () => 2 ** 33 + 1,
    };
    return cpuMicrosecondsPer(
      () => {
        if (SessionDocument.load(context, record).root(0).entries.size !== 10) throw new Error("lost");
      },
      20_000,
      5_000,
    );
  },
  mapLoad: () => {
    const update = Y.encodeStateAsUpdate(plainMap());
    return cpuMicrosecondsPer(
      () => {
        const doc = new Y.Doc({ guid: "" });
        Y.applyUpdate(doc, update);
        if (doc.getMap("session").size !== 10) throw new Error("lost");
      },
      20_000,
      5_000,
    );
  },
};

const side = sides[process.argv[2] ?? ""];
if (side === undefined) throw new Error(`name a side: ${Object.keys(sides).join(", ")}`);
console.log(await side());
process.exit(0);
