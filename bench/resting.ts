import type { SessionEngine, SessionKey } from "../src/engine/index.ts";
import { smallFixture } from "./fixture.ts";

/** From the build, which is what people run. */
export async function built<T>(path: string): Promise<T> {
  return (await import(new URL(`../dist/${path}`, import.meta.url).href)) as T;
}

/** A session as a request makes it. */
export function createSession(engine: SessionEngine, index: number): SessionKey {
  const session = engine.draft();
  for (const [name, value] of Object.entries(smallFixture(index))) session.set(name, value);
  session.identify(engine.issueId());
  session.commit();
  return session.key ?? "";
}

const realNow = Date.now.bind(Date);
let skewMs = 0;

/** Sets this process' clock forward, so that nobody waits for a timeout of half an hour. */
export function passTime(byMs: number): void {
  skewMs += byMs;
  Date.now = () => realNow() + skewMs;
}

export interface Memory {
  readonly rssBytes: number;
  /** Live objects and buffers. */
  readonly usedBytes: number;
}

/** What is in use when everything is collected that nobody refers to, and what could be given back was. Needs --expose-gc. */
export async function afterGarbage(): Promise<Memory> {
  const gc = globalThis.gc;
  if (gc === undefined) throw new Error("run with --expose-gc");
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    void gc();
  }
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { rssBytes: rss, usedBytes: heapUsed + arrayBuffers };
}
