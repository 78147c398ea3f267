import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import { SessionError } from "../../engine/index.ts";
import { beginRequest, isWithinPath, rememberSettings } from "../http/index.ts";
import { decryptInto, openFor } from "./decrypt.ts";
import type { DecryptCallback } from "./decrypt.ts";
import { attach, Exchange, EXCHANGE, exchangeOf } from "./exchange.ts";
import { resolveFastifyOptions } from "./options.ts";
import type { FastifySessionOptions, FastifySettings } from "./options.ts";
import { EngineStore } from "./store.ts";

/**
 * Sessions for Fastify 5: `app.register(session, { secret })`, then `request.session`. Needs no other plugin; an engine that it makes
 * is closed with the server. What the session layer cannot do goes to the server's error handler. An application written for
 * @fastify/session runs on it as it is, but for docs/migrating.md.
 */
export const session: FastifyPluginCallback<FastifySessionOptions> & {
  readonly Store: typeof EngineStore;
  readonly MemoryStore: typeof EngineStore;
} = Object.assign(plugin, {
  Store: EngineStore,
  MemoryStore: EngineStore,
  // As fastify-plugin does: the decorators and the hooks are those of the context that registers it, and of all inside that.
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "converge-session",
  [Symbol.for("plugin-meta")]: { name: "converge-session", fastify: "5.x" },
});

function plugin(fastify: FastifyInstance, options: FastifySessionOptions, done: (error?: Error) => void): void {
  let settings: FastifySettings;
  try {
    if (fastify.hasRequestDecorator("session")) throw registeredTwice();
    settings = resolveFastifyOptions(options);
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
    return;
  }
  decorate(fastify, settings);
  fastify.addHook("onRequest", beginHook(settings, options));
  fastify.addHook("onSend", (request, _reply, payload, next) => {
    const exchange = exchangeOf(request);
    if (exchange === undefined) next(null, payload);
    else exchange.send(payload, next);
  });
  if (settings.ownsEngine) fastify.addHook("onClose", () => settings.engine.close());
  done();
}

function decorate(fastify: FastifyInstance, settings: FastifySettings): void {
  const { store } = settings;
  fastify.decorateRequest(EXCHANGE, null);
  fastify.decorateRequest("session", {
    getter(this: FastifyRequest) {
      return (exchangeOf(this)?.session ?? null) as unknown as FastifyRequest["session"];
    },
    setter(this: FastifyRequest, value: unknown) {
      const exchange = exchangeOf(this);
      if (exchange !== undefined) exchange.session = value;
    },
  });
  fastify.decorateRequest("sessionStore", { getter: () => store as unknown as FastifyRequest["sessionStore"] });
  fastify.decorate(
    "decryptSession",
    (sessionId: string, request: object, cookieOptions: object | DecryptCallback, callback?: DecryptCallback): void =>
      decryptInto(settings, sessionId, request, cookieOptions, callback),
  );
  fastify.decorate("openSession", rememberSettings(openFor(settings), settings));
}

function beginHook(settings: FastifySettings, { skip, touch }: FastifySessionOptions) {
  return (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void => {
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
      attach(request, new Exchange(settings, begun, reply));
      next();
      return;
    }
    begun.then((requestSession) => attach(request, new Exchange(settings, requestSession, reply))).then(() => next(), next);
  };
}

function registeredTwice(): SessionError {
  return new SessionError(
    "OPTION_INVALID",
    "request.session is there already, in this context or one around it. Register sessions once; contexts beside each other may each have their own, with a cookieName of its own.",
  );
}
