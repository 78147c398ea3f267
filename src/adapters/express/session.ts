import type { Request, RequestHandler, Response } from "express";
import { SessionError } from "../../engine/index.ts";
import type { SessionEngine } from "../../engine/index.ts";
import { beginRequest, gateResponse, isLoopback, isWithinPath, resolveOptions } from "../http/index.ts";
import type { RequestSession, ResolvedOptions, SessionOptions } from "../http/index.ts";

export type ExpressSessionOptions = SessionOptions<Request>;

/** `engine`: the one that was given, or the one that was made; close it when the server stops. */
export type SessionMiddleware = RequestHandler & { readonly engine: SessionEngine };

type Next = (error?: unknown) => void;

/**
 * Sessions for Express 5: `app.use(session({ secret }))`, then `req.session`. What the session layer cannot do goes to `next(error)`.
 * @throws SessionError OPTION_INVALID
 */
export function session(options: ExpressSessionOptions): SessionMiddleware {
  const settings = resolveOptions(options, { adapter: "Express", accessor: "req.session" });
  const { skip, touch } = options;
  const handle = (request: Request, response: Response, next: Next): void => {
    // Another session middleware was here already, perhaps this one.
    if (Object.hasOwn(request, "session") || skip?.(request) === true || !isWithinPath(request.originalUrl, settings.cookie.path)) {
      next();
      return;
    }
    const begun = beginRequest(settings, {
      cookieHeader: request.headers.cookie,
      isSecure: request.secure,
      isLoopback: isLoopback(request),
      isUse: touch === undefined || touch(request),
    });
    if (!(begun instanceof Promise)) {
      attach(settings, begun, request, response, next);
      next();
      return;
    }
    begun.then((requestSession) => {
      attach(settings, requestSession, request, response, next);
      next();
    }, next);
  };
  return Object.assign(handle, { engine: settings.engine });
}

function attach(settings: ResolvedOptions, requestSession: RequestSession, request: Request, response: Response, next: Next): void {
  let isGated = false;
  let isLetGo = false;
  /** Only now: a request that never asks for its session pays nothing for it. */
  const gate = (): void => {
    if (isGated) return;
    isGated = true;
    gateResponse(response, {
      commit: () => requestSession.commit(),
      commitLate: () => requestSession.commitLate(),
      cookie: () => requestSession.cookie(),
      fail: next,
      notices: settings.notices,
      setTimer: settings.setTimer,
    });
  };
  Object.defineProperty(request, "session", {
    configurable: true,
    get: () => {
      if (isLetGo) return undefined;
      gate();
      return requestSession.session;
    },
    // express-session, `unset: "keep"`: what this request wrote is forgotten, the session lives on.
    set: (value: unknown) => {
      isLetGo = value === null || value === undefined;
      if (isLetGo) {
        requestSession.abandon();
        return;
      }
      if (typeof value !== "object") throw new SessionError("VALUE_REFUSED", "req.session can be set to an object or null only.");
      gate();
      requestSession.replace(value as object);
    },
  });
  Object.defineProperty(request, "sessionID", { configurable: true, get: () => (isLetGo ? undefined : requestSession.session?.id) });
  if (requestSession.concernsResponse) gate();
}
