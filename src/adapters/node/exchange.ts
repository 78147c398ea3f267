import type { IncomingMessage, ServerResponse } from "node:http";
import { CurrentSession, failRaw, gateResponse, sessionObject } from "../http/index.ts";
import type { GateKeeper, RequestSession, ResponseMark, SessionObject } from "../http/index.ts";
import type { NodeSettings } from "./options.ts";

/** One request with its session and its response. */
export class Exchange implements GateKeeper {
  readonly #settings: NodeSettings;
  readonly #requestSession: RequestSession;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #object: SessionObject | undefined;

  constructor(settings: NodeSettings, requestSession: RequestSession, request: IncomingMessage, response: ServerResponse) {
    this.#settings = settings;
    this.#requestSession = requestSession;
    this.#request = request;
    this.#response = response;
    gateResponse(response, this);
  }

  /**
   * The session, whatever became of it: after `destroy` it reads as empty.
   * @throws SessionError SESSION_UNAVAILABLE
   */
  get session(): SessionObject {
    if (this.#object !== undefined) return this.#object;
    const held = this.#requestSession.held;
    if (held === undefined) throw new TypeError("A session that nobody has seen yet was destroyed.");
    this.#object = sessionObject(new CurrentSession(this.#requestSession, held, undefined));
    return this.#object;
  }

  // GateKeeper

  commit(): void | Promise<void> {
    return this.#requestSession.commit();
  }

  commitLate(): void | Promise<void> {
    return this.#requestSession.commitLate();
  }

  mark(): ResponseMark | undefined {
    return this.#requestSession.mark();
  }

  fail(error: unknown): void {
    const response = this.#response;
    const { onError } = this.#settings;
    if (onError === undefined) {
      failRaw(response, error);
      return;
    }
    onError(error, this.#request, response);
    // Half a body must not look like a whole one.
    if (response.headersSent && !response.writableEnded) response.destroy();
  }

  get notices(): GateKeeper["notices"] {
    return this.#settings.notices;
  }

  get setTimer(): GateKeeper["setTimer"] {
    return this.#settings.setTimer;
  }
}
