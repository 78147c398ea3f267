import type { EndReason } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import { draftOf } from "./draft.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey } from "./record.ts";
import type { Delivery } from "./replication.ts";
import type { OnceOptions, SessionChange, SessionData, SessionEngine, SessionHandle } from "./session-engine.ts";
import { cloneValue, type Plain } from "./values.ts";
import type { Verdict } from "./verdict.ts";
import { type ContainerNode, plainOf } from "./view.ts";

/** What a handle needs of its engine, besides what everybody has. */
export interface HandleHost {
  verdictOf(envelope: LiveSession["envelope"]): Verdict;
  /** The attributes now, those out of time left out. */
  viewOf(live: LiveSession): ContainerNode | undefined;
  touch(live: LiveSession): void;
  /** The session that goes on in its place, if there is one in memory. */
  followed(live: LiveSession): LiveSession;
  /** The live session of today, for one that may have gone cold since. */
  reattach(live: LiveSession): LiveSession;
  observe(live: LiveSession, listener: (change: SessionChange) => void): () => void;
}

/** A session outside a request; see `SessionHandle`. It keeps a live session: there is one a key at any time. */
export class LiveHandle implements SessionHandle {
  readonly #engine: SessionEngine;
  readonly #host: HandleHost;
  #held: LiveSession;

  constructor(engine: SessionEngine, host: HandleHost, live: LiveSession) {
    this.#engine = engine;
    this.#host = host;
    this.#held = live;
  }

  /** Where the session was rotated with a grace, the one that goes on in its place. */
  get #live(): LiveSession {
    return (this.#held = this.#host.followed(this.#held));
  }

  get key(): SessionKey {
    return this.#live.key;
  }

  verdict(): Verdict {
    return this.#host.verdictOf(this.#live.envelope);
  }

  get(name: string): unknown {
    const view = this.#view();
    const local = this.#held.local?.get(name);
    if (view !== undefined && local !== undefined) return cloneValue(local);
    const entry = view?.entries.get(name);
    return entry === undefined ? undefined : plainOf(entry);
  }

  data(): SessionData {
    const view = this.#view();
    const data: Record<string, Plain> = {};
    if (view === undefined) return data;
    for (const [name, entry] of [...view.entries].sort(([left], [right]) => (left < right ? -1 : 1))) data[name] = plainOf(entry);
    for (const [name, value] of this.#held.local ?? []) data[name] = cloneValue(value);
    return data;
  }

  async change(change: (draft: SessionData) => void | Promise<void>): Promise<void> {
    const opened = await this.#engine.checkOut(this.key);
    if (opened.kind !== "alive") throw over();
    const { session } = opened;
    await change(draftOf(session));
    if (session.verdict() === "ended" || session.commit() === "discarded") throw over();
    if (this.#engine.persist === "before") await session.answerable();
  }

  touch(): void {
    this.#held = this.#host.reattach(this.#live);
    this.#host.touch(this.#held);
  }

  observe(listener: (change: SessionChange) => void): () => void {
    return this.#host.observe(this.#live, listener);
  }

  end(reason: EndReason = "destroyed"): Promise<Delivery> {
    return this.#engine.end(this.key, reason);
  }

  claim(token: string): Promise<boolean> {
    return this.#engine.claim(this.key, token);
  }

  once<T>(name: string, run: () => T | Promise<T>, options?: OnceOptions): Promise<T> {
    return this.#engine.once(this.key, name, run, options);
  }

  #view(): ContainerNode | undefined {
    const live = this.#live;
    return this.#host.verdictOf(live.envelope) === "ended" ? undefined : this.#host.viewOf(live);
  }
}

function over(): SessionError {
  return new SessionError("SESSION_ENDED", "Not written: this session is over. Observe it to learn of that in time.");
}
