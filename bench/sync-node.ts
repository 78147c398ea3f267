import { relays } from "../src/sync/index.ts";
import { createEngine, type OpenSession } from "../src/index.ts";
import { smallFixture } from "./fixture.ts";

// A node of the benchmark, in a process of its own: `sync-node.ts <relay address>`. It does what the parent sends, and answers with a result.

export type SyncTask =
  /** So many sessions of 0.4 KB; `padBytes` more in each. Answers with their keys. */
  | { readonly kind: "create"; readonly count: number; readonly padBytes: number }
  /** Fetches these, and holds them from then on. Answers when all are here. */
  | { readonly kind: "hold"; readonly keys: readonly string[] }
  /** One attribute of 8 bytes each time, one after the other, `pauseMs` apart. Answers with the times of the commits. */
  | { readonly kind: "write"; readonly key: string; readonly count: number; readonly pauseMs: number }
  /** As many as fit, in bursts, over all keys in turn. Answers when all are sent. */
  | { readonly kind: "burst"; readonly keys: readonly string[]; readonly count: number }
  /** Reads the session again and again until the writer's last value is there. Answers with the times at which each could be read. */
  | { readonly kind: "poll"; readonly key: string; readonly count: number }
  /** How many changes came in since the start. */
  | { readonly kind: "count" }
  /** Asks for a session until somebody has it. Answers with the time at which it was here. */
  | { readonly kind: "await"; readonly key: string };

const SECRET = "a secret of benchmarks, with its thirty-two bytes and more";
const BURST = 50;
const [address = ""] = process.argv.slice(2);

const engine = createEngine({
  limits: { sessionCount: 1_000_000 },
  sync: relays([address], { secret: SECRET, alone: "serve" }),
});

async function run(task: SyncTask): Promise<unknown> {
  switch (task.kind) {
    case "create":
      return create(task.count, task.padBytes);
    case "hold":
      for (const key of task.keys) await opened(key);
      return true;
    case "poll":
      return poll(task.key, task.count);
    case "write":
      return write(task.key, task.count, task.pauseMs);
    case "burst":
      return burst(task.keys, task.count);
    case "count":
      return engine.stats().remoteCommits;
    case "await":
      for (;;) {
        if ((await engine.checkOut(task.key).catch(() => undefined))?.kind === "alive") return nowMs();
        await pause(2);
      }
  }
}

/** When each value of the writer could be read here. */
async function poll(key: string, count: number): Promise<number[]> {
  const handle = await engine.open(key);
  const before = handle?.get("value");
  const times: number[] = [];
  while (times.length < count) {
    const value = handle?.get("value");
    const atMs = nowMs();
    // Of those in between, which were never seen, it was readable by now.
    if (value !== before) while (times.length <= Number(value)) times.push(atMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return times;
}

async function create(count: number, padBytes: number): Promise<string[]> {
  const keys: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const session = engine.draft();
    session.identify(engine.issueId());
    for (const [name, value] of Object.entries(smallFixture(index))) session.set(name, value);
    for (let left = padBytes; left > 0; left -= 32_000) session.set(`pad${left}`, "x".repeat(Math.min(left, 32_000)));
    session.set("value", "--------");
    session.commit();
    keys.push(session.key ?? "");
    if (index % 200 === 0) await pause(0);
  }
  return keys;
}

async function write(key: string, count: number, pauseMs: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const session = await opened(key);
    session.set("value", String(index).padStart(8, "0"));
    times.push(nowMs());
    session.commit();
    await pause(pauseMs);
  }
  return times;
}

async function burst(keys: readonly string[], count: number): Promise<true> {
  for (let index = 0; index < count; index += 1) {
    const key = keys[index % keys.length] ?? "";
    const session = engine.checkOutHot(key) ?? (await opened(key));
    session.set("value", String(index).padStart(8, "0"));
    session.commit();
    if (index % BURST === BURST - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return true;
}

async function opened(key: string): Promise<OpenSession> {
  const result = await engine.checkOut(key);
  if (result.kind !== "alive") throw new Error(`The session is ${result.kind}.`);
  return result.session;
}

/** The same clock in every process of this machine. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}

process.on("message", (task: SyncTask) => {
  run(task).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
await engine.ready;
process.send?.({ result: "ready" });
