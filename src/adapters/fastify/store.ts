import { EventEmitter } from "node:events";
import { SessionError } from "../../engine/index.ts";
import type { SessionEngine } from "../../engine/index.ts";
import { createEngine } from "../../runtime/index.ts";
import { answerBy, StoredSessions } from "../http/index.ts";
import type { ClassicData, StoreCallback } from "../http/index.ts";

/**
 * `request.sessionStore`: the sessions of one engine by the interface of stores for @fastify/session, for code that wants one. `set` writes what
 * differs from what is there and removes what is not in it, whoever wrote that: for a session that requests write at the same time use
 * `request.session`, or `engine.open`. What ended stays ended: setting it again does nothing.
 *
 * As `MemoryStore` it may be made by itself: with `{ store: new MemoryStore() }` the plugin gives it an engine, which it shares with every
 * further plugin that gets it; without one it makes its own.
 */
export class EngineStore extends EventEmitter {
  #engine: SessionEngine | undefined;

  /** @throws SessionError OPTION_INVALID for the map that @fastify/session's own takes. */
  constructor(engine?: SessionEngine) {
    super();
    if (engine instanceof Map)
      throw new SessionError(
        "OPTION_INVALID",
        "MemoryStore takes no Map: its sessions are in its engine; set() those that should be there.",
      );
    if (engine !== undefined) this.bind(engine);
  }

  get isBound(): boolean {
    return this.#engine !== undefined;
  }

  get engine(): SessionEngine {
    return this.#engine ?? this.bind(createEngine());
  }

  get #sessions(): StoredSessions {
    return new StoredSessions(this.engine);
  }

  bind(engine: SessionEngine): SessionEngine {
    this.#engine = engine;
    return engine;
  }

  get(sessionId: string, callback: StoreCallback<ClassicData | undefined>): void {
    answerBy(this.#sessions.get(sessionId), callback);
  }

  set(sessionId: string, session: object, callback?: StoreCallback): void {
    answerBy(this.#sessions.set(sessionId, session), callback);
  }

  destroy(sessionId: string, callback?: StoreCallback): void {
    answerBy(this.#sessions.destroy(sessionId), callback);
  }
}

/** Whether it is ours as it is: one that was extended to read and write elsewhere is somebody else's. */
export function isEngineStore(store: unknown): store is EngineStore {
  if (!(store instanceof EngineStore)) return false;
  return ["get", "set", "destroy"].every((name) => Reflect.get(store, name) === Reflect.get(EngineStore.prototype, name));
}
