import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, Engine, replicaOf, type SessionEngine, type SessionKey, type SessionRecord } from "../src/engine/index.ts";
import { nodeRuntime } from "../src/runtime/index.ts";
import { MemoryStore } from "../src/storage/index.ts";
import { lmdbStore } from "../src/storage/lmdb/index.ts";
import { rounded, spreadOf } from "./measure.ts";

const SESSIONS = 100_000;
const AT_ONCE = 500;
const SINGLE = 500;
const NEVER_MS = 2 ** 42;
const CONTEXT = { sha256: (data: Uint8Array | string): Uint8Array => nodeRuntime.sha256(data), limits: DEFAULT_LIMITS };

/** A session of 0.4 KB JSON, as the engine stores it, and the same after one more request. */
async function twoStates(): Promise<{ jsonBytes: number; first: SessionRecord; second: SessionRecord }> {
  const engine: SessionEngine = new Engine({}, nodeRuntime, (context) => new MemoryStore(context));
  const data: Record<string, unknown> = {
    user: { id: 48_213, name: "Ann Example", roles: ["customer", "reviewer"] },
    cart: [
      { article: 1_001, count: 2, cents: 1_999 },
      { article: 3_107, count: 1, cents: 24_950 },
    ],
    locale: "de-DE",
    theme: "dark",
    csrfToken: "c7J2mXq1T0v9dKf3Lw8sZb5nRy6hPa4e",
    lastPage: "/catalogue/17?sort=price",
    flash: { notice: "Your address was changed. We sent a confirmation to your e-mail address." },
    seen: [1_001, 3_107, 2_204, 1_999, 4_410, 2_711],
  };
  const draft = engine.draft();
  for (const [name, value] of Object.entries(data)) draft.set(name, value);
  const id = engine.issueId();
  const key = engine.keyOf(id);
  draft.identify(id);
  draft.commit();
  const record = async (): Promise<SessionRecord> => {
    const found = await replicaOf(engine.host).record(key);
    if (found === undefined) throw new Error("no record");
    return found;
  };
  const first = await record();
  draft.set("lastPage", "/catalogue/18?sort=name");
  draft.commit();
  const second = await record();
  await engine.close();
  return { jsonBytes: JSON.stringify(data).length, first, second };
}

function keyOf(number: number): SessionKey {
  return Buffer.from(CONTEXT.sha256(Buffer.from(`session ${number}`)).subarray(0, 16)).toString("base64url");
}

function as(key: SessionKey, { envelope, document }: SessionRecord): SessionRecord {
  return { envelope: { ...envelope, key }, document };
}

async function each(count: number, atOnce: number, run: (number: number) => Promise<unknown>): Promise<{ wallUs: number; cpuUs: number }> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  for (let from = 0; from < count; from += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, count - from) }, (_, index) => run(from + index)));
  const wallUs = ((performance.now() - startMs) * 1000) / count;
  const { user, system } = process.cpuUsage(cpu);
  return { wallUs, cpuUs: (user + system) / count };
}

/** What appending, loading and opening cost, and the bytes on the disk; figures of docs/storage.md. The folder is in TMPDIR. */
export async function benchLmdb(): Promise<object> {
  const path = mkdtempSync(join(tmpdir(), "lmdb-bench-"));
  try {
    const { jsonBytes, first, second } = await twoStates();
    const open = (): ReturnType<ReturnType<typeof lmdbStore>> => lmdbStore({ path })(CONTEXT);
    let store = open();
    const created = await each(SESSIONS, AT_ONCE, (number) => store.append(keyOf(number), as(keyOf(number), first), NEVER_MS + number));
    const dataBytes = statSync(join(path, "data.mdb")).size;
    process.stderr.write(`${SESSIONS} sessions are stored\n`);
    const changed = await each(10_000, AT_ONCE, (number) => store.append(keyOf(number), as(keyOf(number), second), NEVER_MS));
    const alone = await each(SINGLE, 1, (number) => store.append(keyOf(20_000 + number), as(keyOf(20_000 + number), second), NEVER_MS));
    const load = (number: number): Promise<unknown> => store.load(keyOf((number * 7_919) % SESSIONS));
    await each(20_000, 1, load);
    const loaded = await each(20_000, 1, load);
    const keys = Array.from({ length: 1_000 }, (_, number) => keyOf(number * 97));
    const versions = spreadOf(
      Array.from({ length: 20 }, () => {
        const startMs = performance.now();
        for (const key of keys) store.version?.(key);
        return ((performance.now() - startMs) * 1000) / keys.length;
      }),
    );
    await store.close();
    const openings: number[] = [];
    for (let round = 0; round < 3; round++) {
      const startMs = performance.now();
      store = open();
      openings.push(performance.now() - startMs);
      if (round < 2) await store.close();
    }
    const startMs = performance.now();
    const discarded = await store.discardExpired(NEVER_MS + SESSIONS, 10_000);
    const discardsPerSecond = Math.round((discarded * 1000) / (performance.now() - startMs));
    await store.close();
    return {
      sessions: SESSIONS,
      jsonBytes,
      documentBytes: first.document?.bytes.length,
      appendsPerSecond: Math.round(1e6 / created.wallUs),
      appendCpuUs: rounded(created.cpuUs, 1),
      mergingAppendsPerSecond: Math.round(1e6 / changed.wallUs),
      mergingAppendCpuUs: rounded(changed.cpuUs, 1),
      appendsPerSecondOneAtATime: Math.round(1e6 / alone.wallUs),
      loadCpuUs: rounded(loaded.cpuUs, 1),
      versionUs: rounded(versions.median, 2),
      discardsPerSecond,
      diskBytesPerSession: Math.round(dataBytes / SESSIONS),
      openMs: Math.round(spreadOf(openings).median),
    };
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
