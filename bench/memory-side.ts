import type { SessionData } from "express-session";
import { smallFixture } from "./fixture.ts";
import { afterGarbage, built, createSession, passTime, type Memory } from "./resting.ts";

const SESSIONS = 100_000;
/** Sessions made in one turn of the event loop. */
const BATCH = 500;

async function ours(): Promise<void> {
  const { createEngine } = await built<typeof import("../src/runtime/index.ts")>("runtime/index.js");
  const engine = createEngine();
  kept.push(engine);
  for (let index = 0; index < SESSIONS; index++) {
    createSession(engine, index);
    if (index % BATCH === 0) await turn();
  }
  passTime(61_000);
  while (engine.host.registry.counts().hot > 0) await turn();
}

async function peer(): Promise<void> {
  const { default: session } = await import("express-session");
  const store = new session.MemoryStore();
  kept.push(store);
  for (let index = 0; index < SESSIONS; index++) {
    // What express-session gives its store: the cookie's attributes among the data. Its ids are 24 random bytes as base64url.
    const cookie = new session.Cookie();
    const id = Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url");
    store.set(id, Object.assign({ cookie }, smallFixture(index)) as unknown as SessionData);
    if (index % BATCH === 0) await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function perSession(before: Memory, after: Memory, of: keyof Memory): number {
  return Math.round((after[of] - before[of]) / SESSIONS);
}

/** So that nothing is collected that is measured. */
const kept: unknown[] = [];
const sides: Readonly<Record<string, () => Promise<void>>> = { ours, peer };
const side = sides[process.argv[2] ?? ""];
if (side === undefined) throw new Error(`name a side: ${Object.keys(sides).join(", ")}`);
const before = await afterGarbage();
await side();
const after = await afterGarbage();
const used = perSession(before, after, "usedBytes");
process.stderr.write(
  `${process.argv[2]}: ${used} B a session on the heap and in buffers, RSS ${perSession(before, after, "rssBytes")} B\n`,
);
console.log(perSession(before, after, "rssBytes"));
process.exit(kept.length === 1 ? 0 : 1);
