import { Readable } from "node:stream";
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import { SessionError } from "../../engine/index.ts";
import { beginRequest, failRaw, forgetBody, gateResponse, isWithinPath, resolveOptions } from "../http/index.ts";
import type { RequestSession, ResolvedOptions, SessionOptions } from "../http/index.ts";

export type FastifySessionOptions = SessionOptions<FastifyRequest>;

interface Attached {
  readonly requestSession: RequestSession;
  readonly settings: ResolvedOptions;
  readonly reply: FastifyReply;
  isGated: boolean;
  isLetGo: boolean;
}

const attached = new WeakMap<FastifyRequest, Attached>();

/**
 * Sessions for Fastify 5: `app.register(session, { secret })`, then `request.session`. Needs no other plugin; an engine that it makes
 * is closed with the server. What the session layer cannot do goes to the server's error handler.
 */
export const session: FastifyPluginCallback<FastifySessionOptions> = Object.assign(plugin, {
  // As fastify-plugin does: the decorator and the hooks are the parent's, and so every route's.
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "converge-session",
  [Symbol.for("plugin-meta")]: { name: "converge-session", fastify: "5.x" },
});

function plugin(fastify: Parameters<FastifyPluginCallback>[0], options: FastifySessionOptions, done: (error?: Error) => void): void {
  let settings: ResolvedOptions;
  try {
    settings = resolveOptions(options, { adapter: "Fastify", accessor: "request.session" });
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
    return;
  }
  const { skip, touch } = options;
  fastify.decorateRequest("session", {
    getter(this: FastifyRequest) {
      return read(this) as FastifyRequest["session"];
    },
    setter(this: FastifyRequest, value: unknown) {
      write(this, value);
    },
  });
  fastify.addHook("onRequest", (request, reply, next) => {
    if (skip?.(request) === true) {
      next();
      return;
    }
    const cookie = settings.cookieOf(request);
    if (!isWithinPath(request.raw.url ?? "/", cookie.path)) {
      next();
      return;
    }
    const begun = beginRequest(settings, {
      request: request.raw,
      source: request,
      cookie,
      isSecure: request.protocol === "https",
      isUse: touch === undefined || touch(request),
    });
    if (!(begun instanceof Promise)) {
      attach(settings, begun, request, reply);
      next();
      return;
    }
    begun.then(
      (requestSession) => {
        attach(settings, requestSession, request, reply);
        next();
      },
      (error: Error) => next(error),
    );
  });
  fastify.addHook("onSend", (request, reply, payload, next) => {
    const state = attached.get(request);
    if (state === undefined) {
      next(null, payload);
      return;
    }
    const fail = (error: unknown): void => {
      release(payload);
      // Fastify's error handlers answer with what the route has set so far: a 503 that still has the Location of a redirect.
      forgetBody(reply);
      next(error instanceof Error ? error : new Error(String(error)));
    };
    let committing: void | Promise<void>;
    try {
      committing = state.requestSession.commit();
    } catch (error) {
      fail(error);
      return;
    }
    if (committing === undefined) next(null, payload);
    else committing.then(() => next(null, payload), fail);
  });
  if (settings.ownsEngine) fastify.addHook("onClose", () => settings.engine.close());
  done();
}

function attach(settings: ResolvedOptions, requestSession: RequestSession, request: FastifyRequest, reply: FastifyReply): void {
  const state: Attached = { requestSession, settings, reply, isGated: false, isLetGo: false };
  attached.set(request, state);
  if (requestSession.concernsResponse) gate(state);
}

/** `onSend` commits; the gate sets the cookie when the headers are written, and commits what a hijacked reply or a late hook wrote. */
function gate(state: Attached): void {
  if (state.isGated) return;
  state.isGated = true;
  const { reply, requestSession, settings } = state;
  gateResponse(reply.raw, {
    commit: () => requestSession.commit(),
    commitLate: () => requestSession.commitLate(),
    mark: () => requestSession.mark(),
    fail: (error) => {
      reply.log.error(error, "the session was not committed");
      failRaw(reply.raw, error);
    },
    notices: settings.notices,
    setTimer: settings.setTimer,
  });
}

function read(request: FastifyRequest): unknown {
  const state = attached.get(request);
  if (state === undefined || state.isLetGo) return null;
  gate(state);
  return state.requestSession.session ?? null;
}

function write(request: FastifyRequest, value: unknown): void {
  const state = attached.get(request);
  if (state === undefined) return;
  state.isLetGo = value === null || value === undefined;
  if (state.isLetGo) {
    state.requestSession.abandon();
    return;
  }
  if (typeof value !== "object") throw new SessionError("VALUE_REFUSED", "request.session can be set to an object or null only.");
  gate(state);
  state.requestSession.replace(value as object);
}

/** A stream that will not be sent must not stay open. */
function release(payload: unknown): void {
  if (payload instanceof Readable) payload.destroy();
}
