import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { SessionEngine, SessionEvent } from "../../../src/index.ts";
import { canonical } from "../../../src/testing/history/check-acked.ts";

/** What a node prints on stderr for each event of that name: what it told before it was killed counts, too. */
export const LOST_WRITE_LINE = "lost-write";

/** What `/stats` says. */
export interface NodeStats {
  readonly rssBytes: number;
  readonly commits: number;
  readonly remoteCommits: number;
  readonly nowMs: number;
  /** How often each type of event came. */
  readonly events: Readonly<Partial<Record<SessionEvent["type"], number>>>;
}

/** The side door of a node, for the runner and the probes: it looks at the engine, past cookies and frameworks. */
export async function startAdmin(engine: SessionEngine, host: string, port: number): Promise<Server> {
  const events: Partial<Record<SessionEvent["type"], number>> = {};
  engine.on("*", ({ type }) => (events[type] = (events[type] ?? 0) + 1));
  const server = createServer((request, response) => {
    void answer(request).then(
      (body) => response.setHeader("content-type", "application/json").end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return server;

  async function answer(request: IncomingMessage): Promise<unknown> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://admin");
    switch (pathname) {
      case "/digests":
        return Promise.all((JSON.parse(await bodyOf(request)) as string[]).map((key) => digestOf(engine, key)));
      case "/peek":
        return (await engine.open(searchParams.get("key") ?? ""))?.get(searchParams.get("name") ?? "") ?? null;
      case "/burst":
        return burst(engine, JSON.parse(await bodyOf(request)) as string[], numberOf("perSecond"), numberOf("seconds"));
      case "/create":
        return create(engine, numberOf("count"));
      case "/stats":
        return stats();
      default:
        throw new Error(`the admin port has no ${pathname}`);
    }

    function numberOf(name: string): number {
      return Number(searchParams.get(name));
    }
  }

  function stats(): NodeStats {
    const { commits, remoteCommits } = engine.stats();
    return { rssBytes: process.memoryUsage.rss(), commits, remoteCommits, nowMs: engine.host.nowMs(), events };
  }
}

/** A few characters that are the same where the session is the same: its contents, or that it is not there. */
async function digestOf(engine: SessionEngine, key: string): Promise<string> {
  try {
    const handle = await engine.open(key);
    if (handle === undefined) return "none";
    return createHash("sha256").update(canonical(handle.data())).digest("base64url").slice(0, 12);
  } catch (error) {
    return `unknown: ${error instanceof Error && "code" in error ? String(error.code) : String(error)}`;
  }
}

const TICK_MS = 10;

/** Keys of new sessions. */
function create(engine: SessionEngine, count: number): string[] {
  return Array.from({ length: count }, () => {
    const draft = engine.draft();
    draft.identify(engine.issueId());
    draft.set("n", 0);
    draft.commit();
    return draft.key ?? "";
  });
}

/** Writes without requests, at a steady rate, round and round; how many. */
async function burst(engine: SessionEngine, keys: readonly string[], perSecond: number, seconds: number): Promise<number> {
  const beganAtMs = performance.now();
  let writes = 0;
  while (writes < perSecond * seconds) {
    const due = Math.min(perSecond * seconds, ((performance.now() - beganAtMs) / 1000) * perSecond);
    for (; writes < due; writes += 1) {
      const key = keys[writes % keys.length] ?? "";
      const session = engine.checkOutHot(key) ?? (await aliveSession(engine, key));
      session.set("n", writes);
      session.commit();
    }
    await pause(TICK_MS);
  }
  return writes;
}

async function aliveSession(engine: SessionEngine, key: string) {
  const opened = await engine.checkOut(key);
  if (opened.kind !== "alive") throw new Error(`a session of the burst is ${opened.kind}`);
  return opened.session;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}
