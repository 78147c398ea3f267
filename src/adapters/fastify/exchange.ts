import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { SessionError } from "../../engine/index.ts";
import { failRaw, forgetBody, gateResponse } from "../http/index.ts";
import type { GateKeeper, RequestSession, SessionObject } from "../http/index.ts";
import type { FastifySettings } from "./options.ts";

/** A slot that every request has from the start, so that all of them have one shape. */
export const EXCHANGE = Symbol("converge-session");

type Held = FastifyRequest & { [EXCHANGE]?: Exchange | null };

/** What stands behind `request.session`; undefined where the request has no session. */
export function exchangeOf(request: object): Exchange | undefined {
  return (request as Held)[EXCHANGE] ?? undefined;
}

/** Whether it is a request of a context that has sessions. */
export function hasSlot(request: object): boolean {
  return EXCHANGE in request;
}

export function attach(request: object, exchange: Exchange): void {
  (request as Held)[EXCHANGE] = exchange;
}

/**
 * One request with its session and its reply. `onSend` commits; the gate sets the cookie when the headers are written, and commits what a hijacked
 * reply or a later hook wrote. A request that never asks for its session pays for no more than this object.
 */
export class Exchange implements GateKeeper {
  readonly #settings: FastifySettings;
  readonly #requestSession: RequestSession;
  /** Undefined for a session that no response tells of. */
  readonly reply: FastifyReply | undefined;
  #isGated = false;
  #isLetGo = false;

  constructor(settings: FastifySettings, requestSession: RequestSession, reply: FastifyReply | undefined) {
    this.#settings = settings;
    this.#requestSession = requestSession;
    this.reply = reply;
    if (requestSession.concernsResponse) this.#gate();
  }

  get session(): SessionObject | null {
    if (this.#isLetGo) return null;
    this.#gate();
    return this.#requestSession.session ?? null;
  }

  set session(value: unknown) {
    this.#isLetGo = value === null || value === undefined;
    if (this.#isLetGo) {
      this.#requestSession.abandon();
      return;
    }
    if (typeof value !== "object") throw new SessionError("VALUE_REFUSED", "request.session can be set to an object or null only.");
    this.#gate();
    this.#requestSession.replace(value as object);
  }

  commit(): void | Promise<void> {
    return this.#requestSession.commit();
  }

  /** The hook `onSend`. What cannot be committed goes to the server's error handler. */
  send(payload: unknown, next: (error: Error | null, payload?: unknown) => void): void {
    const fail = (error: unknown): void => {
      // A stream that will not be sent must not stay open.
      if (payload instanceof Readable) payload.destroy();
      // Fastify's error handlers answer with what the route has set so far: a 503 that still has the Location of a redirect.
      if (this.reply !== undefined) forgetBody(this.reply);
      next(error instanceof Error ? error : new Error(String(error)));
    };
    let committing: void | Promise<void>;
    try {
      committing = this.commit();
    } catch (error) {
      fail(error);
      return;
    }
    if (committing === undefined) next(null, payload);
    else committing.then(() => next(null, payload), fail);
  }

  // GateKeeper

  commitLate(): void | Promise<void> {
    return this.#requestSession.commitLate();
  }

  mark(): ReturnType<GateKeeper["mark"]> {
    return this.#requestSession.mark();
  }

  fail(error: unknown): void {
    const { reply } = this;
    if (reply === undefined) return;
    reply.log.error(error, "the session was not committed");
    failRaw(reply.raw, error);
  }

  get notices(): GateKeeper["notices"] {
    return this.#settings.notices;
  }

  get setTimer(): GateKeeper["setTimer"] {
    return this.#settings.setTimer;
  }

  #gate(): void {
    if (this.#isGated) return;
    this.#isGated = true;
    if (this.reply !== undefined) gateResponse(this.reply.raw, this);
  }
}
