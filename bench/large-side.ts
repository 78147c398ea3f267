import { largeFixture } from "./fixture.ts";
import { cpuMicrosecondsPer } from "./measure.ts";
import { built } from "./resting.ts";

const { createEngine } = await built<typeof import("../src/runtime/index.ts")>("runtime/index.js");
const engine = createEngine();
const id = engine.issueId();
const draft = engine.draft();
for (const [name, value] of Object.entries(largeFixture())) draft.set(name, value);
draft.identify(id);
draft.commit();
const key = engine.keyOf(id);
const microseconds = cpuMicrosecondsPer(
  () => {
    const session = engine.checkOutHot(key);
    if (session?.get("page7") === undefined) throw new Error("lost");
    session.touch();
    session.commit();
  },
  100_000,
  20_000,
);
console.log(microseconds);
process.exit(0);
