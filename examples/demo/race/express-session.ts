import express from "express";
import session, { Store } from "express-session";
import type { SessionData } from "express-session";
import { RaceHandlers, type RaceNode, type RaceSession } from "../../../src/testing/index.ts";
import { listen } from "./listen.ts";
import { SECRET } from "./secret.ts";

export interface PeerOptions {
  /** express-session's own default is true, deprecated; its documentation recommends false, and so do we unless told otherwise. */
  readonly resave?: boolean;
  /** What reading a session takes. Default 2 ms: a database in the same rack. */
  readonly readLatencyMs?: number;
  /** What writing one takes. Default 2 ms; 80 ms is one that syncs a disk, or waits for a copy in another place. */
  readonly writeLatencyMs?: number;
}

/** The same routes on Express with express-session, as its own documentation recommends it. */
export async function start(options: PeerOptions = {}, handlers = new RaceHandlers()): Promise<RaceNode> {
  const store = new CopyingStore(options.readLatencyMs ?? 2, options.writeLatencyMs ?? 2);
  const app = express();
  app.use(session({ secret: SECRET, resave: options.resave ?? false, saveUninitialized: false, store }));
  app.use(async (request, response) => {
    const query = new URL(request.originalUrl, "http://race").searchParams;
    const found = (): RaceSession | undefined => request.session as unknown as RaceSession | undefined;
    const answer = await handlers.answer({ path: request.path, query, session: found });
    if ("redirect" in answer) response.redirect(answer.redirect);
    else response.status(answer.status ?? 200).json(answer.body);
  });
  return listen(app);
}

/** Does what every networked store does: copies the session as JSON, and takes its time. */
class CopyingStore extends Store {
  readonly #sessions = new Map<string, string>();
  readonly #readLatencyMs: number;
  readonly #writeLatencyMs: number;

  constructor(readLatencyMs: number, writeLatencyMs: number) {
    super();
    this.#readLatencyMs = readLatencyMs;
    this.#writeLatencyMs = writeLatencyMs;
  }

  override get(id: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    setTimeout(() => {
      const text = this.#sessions.get(id);
      callback(null, text === undefined ? null : (JSON.parse(text) as SessionData));
    }, this.#readLatencyMs);
  }

  override set(id: string, data: SessionData, callback?: (error?: unknown) => void): void {
    const text = JSON.stringify(data);
    this.#write(() => {
      this.#sessions.set(id, text);
      callback?.();
    });
  }

  override destroy(id: string, callback?: (error?: unknown) => void): void {
    this.#write(() => {
      this.#sessions.delete(id);
      callback?.();
    });
  }

  override touch(_id: string, _data: SessionData, callback?: () => void): void {
    this.#write(() => callback?.());
  }

  #write(run: () => void): void {
    setTimeout(run, this.#writeLatencyMs);
  }
}
