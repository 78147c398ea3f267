import { AsyncLocalStorage } from "node:async_hooks";
import type { ServerResponse } from "node:http";
import { SessionError } from "../../engine/index.ts";
import type { Runtime } from "../../engine/index.ts";
import type { ResponseMark } from "./carrier.ts";
import { HeldResponse } from "./held-response.ts";
import type { Arguments, Method } from "./held-response.ts";
import type { Notices } from "./notices.ts";
import { addMark, forgetBody } from "./response-headers.ts";

/** What the gate asks of a request's session, and of the framework. */
export interface GateKeeper {
  /** Before the headers. What it throws, or rejects with, goes to `fail`. */
  commit(): void | Promise<void>;
  /** Before the end of a body whose headers are gone. */
  commitLate(): void | Promise<void>;
  /** At the moment the headers are written. */
  mark(): ResponseMark | undefined;
  /** The framework's error path. Nothing of the response was sent, unless `response.headersSent`. */
  fail(error: unknown): void;
  readonly notices: Notices;
  readonly setTimer: Runtime["setTimer"];
}

/** How long the error path may take where the application's own response is being swallowed meanwhile. */
const ERROR_PATH_MS = 30_000;

/** Who is calling: the error path of a gate, or the code whose response failed. Made when first needed, as it costs every promise. */
let errorPath: AsyncLocalStorage<ResponseGate> | undefined;

/** By this the methods below, which all responses share, find the gate of theirs. */
const GATE = Symbol("gate");

type Gated = Record<Method, (...args: Arguments) => unknown> & { [GATE]?: ResponseGate };

/** Makes `response` commit the session before its headers go out, whoever sends them and however. */
export function gateResponse(response: ServerResponse, keeper: GateKeeper): void {
  const gated = response as unknown as Gated;
  const gate = new ResponseGate(response, keeper);
  if (gated[GATE] === undefined) {
    gated[GATE] = gate;
    gated.writeHead = writeHead;
    gated.write = write;
    gated.end = end;
    gated.flushHeaders = flushHeaders;
    return;
  }
  // Another middleware's gate is there already: this one stands before it.
  for (const method of ["writeHead", "write", "end", "flushHeaders"] as const) gated[method] = (...args) => gate.call(method, args);
}

function writeHead(this: Gated, ...args: Arguments): unknown {
  return this[GATE]?.call("writeHead", args);
}

function write(this: Gated, ...args: Arguments): unknown {
  return this[GATE]?.call("write", args);
}

function end(this: Gated, ...args: Arguments): unknown {
  return this[GATE]?.call("end", args);
}

function flushHeaders(this: Gated, ...args: Arguments): unknown {
  return this[GATE]?.call("flushHeaders", args);
}

/**
 * - before: nothing of the response was sent.
 * - holding: a commit is under way; what the application sends meanwhile waits in order.
 * - passing: committed; every call goes through.
 * - failed: the error path answers; what the application still sends of its own response is dropped.
 */
type Phase = "before" | "holding" | "passing" | "failed";

/**
 * Stands before `writeHead`, `write`, `end` and `flushHeaders` of one response: Node sends headers by no other way (it calls
 * `writeHead` itself when a body comes without). A body is never split: express-session holds back its last byte, and what wraps
 * `end` behind it hangs (expressjs/session#766).
 */
class ResponseGate {
  readonly #response: ServerResponse;
  readonly #keeper: GateKeeper;
  readonly #writeHead: unknown;
  readonly #write: unknown;
  readonly #end: unknown;
  readonly #flushHeaders: unknown;
  #phase: Phase;
  #held: HeldResponse | undefined;
  #isMarked = false;
  #isLateDone = false;
  /** Set while the code whose response failed may still be sending. */
  #isSwallowing = false;

  constructor(response: ServerResponse, keeper: GateKeeper) {
    this.#response = response;
    this.#keeper = keeper;
    // Called on the response again, by `#send`.
    const before = response as unknown as Record<Method, unknown>;
    this.#writeHead = before.writeHead;
    this.#write = before.write;
    this.#end = before.end;
    this.#flushHeaders = before.flushHeaders;
    this.#phase = response.headersSent ? "passing" : "before";
  }

  call(method: Method, args: Arguments): unknown {
    switch (this.#phase) {
      case "before":
        return this.#afterCommit(false, method, args);
      case "holding":
        return this.#hold(method, args);
      case "passing":
        if (method === "end" && this.#response.headersSent && !this.#isLateDone && !this.#response.writableEnded) {
          this.#isLateDone = true;
          return this.#afterCommit(true, method, args);
        }
        return this.#pass(method, args);
      case "failed":
        return this.#isSwallowing && errorPath?.getStore() !== this ? this.#swallow(method, args) : this.#pass(method, args);
    }
  }

  #afterCommit(isLate: boolean, method: Method, args: Arguments): unknown {
    let committing: void | Promise<void>;
    try {
      committing = isLate ? this.#keeper.commitLate() : this.#keeper.commit();
    } catch (error) {
      this.#fail(error, method === "end");
      return this.#swallow(method, args);
    }
    if (committing === undefined) {
      this.#phase = "passing";
      return this.#pass(method, args);
    }
    const held = new HeldResponse(this.#response);
    this.#held = held;
    this.#phase = "holding";
    const result = this.#hold(method, args);
    committing.then(
      () => this.#release(held),
      (error: unknown) => {
        if (this.#held !== held) return;
        held.drop();
        this.#fail(error, held.hasEnd);
      },
    );
    return result;
  }

  #hold(method: Method, args: Arguments): unknown {
    const held = this.#held;
    if (held === undefined) throw new SessionError("INVARIANT_BROKEN", "A response is held, and nothing holds it.");
    const result = held.add(method, args);
    if (held.isFull) {
      held.drop();
      this.#fail(
        new SessionError("LIMIT_EXCEEDED", "The response outran its session's commit: wait for 'drain' when write() returns false."),
        false,
      );
    }
    return result;
  }

  #release(held: HeldResponse): void {
    // Dropped meanwhile: the error path has the response.
    if (this.#held !== held) return;
    this.#phase = "passing";
    this.#held = undefined;
    try {
      held.replay((method, args) => this.call(method, args));
    } catch (error) {
      // Headers that Node refuses; without a wait, writeHead would have thrown this at the application.
      this.#fail(error, held.hasEnd);
    }
  }

  #pass(method: Method, args: Arguments): unknown {
    // express-session drops what a second `end` brings; Node would emit an error that nobody hears. The callback still gets its answer.
    if (method === "end" && this.#response.writableEnded) return this.#send(method, args.filter(isFunction));
    // Node's responses, those of HTTP/2 too, call `writeHead` themselves where nobody did.
    if (method !== "writeHead" || this.#isMarked || this.#response.headersSent) return this.#send(method, args);
    this.#isMarked = true;
    const mark = this.#keeper.mark();
    if (mark === undefined) return this.#send(method, args);
    const { args: rest, isCacheable } = addMark(this.#response, mark, args);
    if (isCacheable) {
      this.#keeper.notices.notify(
        "cookie-cacheable",
        "A response with a session cookie says Cache-Control: public. A shared cache may give that cookie to others; send private or no-store.",
      );
    }
    return this.#send(method, rest);
  }

  #send(method: Method, args: Arguments): unknown {
    return Reflect.apply(this.#original(method) as (...args: Arguments) => unknown, this.#response, args);
  }

  #original(method: Method): unknown {
    switch (method) {
      case "writeHead":
        return this.#writeHead;
      case "write":
        return this.#write;
      case "end":
        return this.#end;
      case "flushHeaders":
        return this.#flushHeaders;
    }
  }

  #fail(error: unknown, isEnded: boolean): void {
    this.#phase = "failed";
    this.#held = undefined;
    const response = this.#response;
    if (!response.headersSent) {
      forgetBody(response);
      response.statusCode = error instanceof SessionError ? error.status : 500;
    }
    if (isEnded) {
      this.#keeper.fail(error);
      return;
    }
    this.#isSwallowing = true;
    errorPath ??= new AsyncLocalStorage();
    errorPath.run(this, () => this.#keeper.fail(error));
    // An error handler that left its asynchronous context cannot be told from the failed response: answer for it, in the end.
    const cancel = this.#keeper.setTimer(ERROR_PATH_MS, () => {
      if (!response.writableEnded) this.#send("end", []);
    });
    response.once("close", cancel);
  }

  /** The application goes on as if it had been sent; there is no sense in waiting for 'drain', either. */
  #swallow(method: Method, args: Arguments): unknown {
    const callback = args.findLast((argument) => typeof argument === "function");
    if (typeof callback === "function") process.nextTick(callback);
    return method === "write" ? true : this.#response;
  }
}

function isFunction(argument: unknown): boolean {
  return typeof argument === "function";
}
