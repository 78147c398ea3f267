import type Koa from "koa";
import { SessionError } from "../../engine/index.ts";
import type { SessionEngine } from "../../engine/index.ts";
import { beginRequest, gateResponse, isWithinPath, rememberSettings, resolveOptions } from "../http/index.ts";
import type { RequestSession, ResolvedOptions, SessionOptions } from "../http/index.ts";

export type KoaSessionOptions = SessionOptions<Koa.Context>;

/** `engine`: the one that was given, or the one that was made; close it when the server stops. */
export type SessionMiddleware = Koa.Middleware & { readonly engine: SessionEngine };

/**
 * Sessions for Koa 3: `app.use(session({ secret }))`, then `ctx.session`; with `session({}, app)` the secrets are `app.keys`.
 * `ctx.session = null` destroys. What the session layer cannot do is thrown into Koa's own error path.
 * @throws SessionError OPTION_INVALID
 */
export function session(options: KoaSessionOptions, app?: Koa): SessionMiddleware {
  const settings = resolveOptions({ ...options, ...secretOf(options, app) }, { adapter: "Koa", accessor: "ctx.session" });
  const { skip, touch } = options;
  const handle = async (context: Koa.Context, next: Koa.Next): Promise<void> => {
    if (Object.hasOwn(context, "session") || skip?.(context) === true) {
      await next();
      return;
    }
    const cookie = settings.cookieOf(context);
    if (!isWithinPath(context.originalUrl, cookie.path)) {
      await next();
      return;
    }
    const begun = beginRequest(settings, {
      request: context.req,
      source: context,
      cookie,
      isSecure: context.secure,
      isUse: touch === undefined || touch(context),
    });
    const requestSession = begun instanceof Promise ? await begun : begun;
    attach(settings, requestSession, context);
    try {
      await next();
    } catch (error) {
      // The handler's own error tells more than that of the commit which follows it.
      await committed(requestSession).catch(() => undefined);
      throw error;
    }
    await requestSession.commit();
  };
  return rememberSettings(Object.assign(handle, { engine: settings.engine }), settings);
}

/** The commit as a promise, whichever way it fails. */
async function committed(requestSession: RequestSession): Promise<void> {
  await requestSession.commit();
}

function secretOf(options: KoaSessionOptions, app: Koa | undefined): Pick<KoaSessionOptions, "secret"> {
  if (options.secret !== undefined) return { secret: options.secret };
  const keys: unknown = app?.keys;
  return Array.isArray(keys) ? { secret: keys as readonly string[] } : {};
}

function attach(settings: ResolvedOptions, requestSession: RequestSession, context: Koa.Context): void {
  let isGated = false;
  const gate = (): void => {
    if (isGated) return;
    isGated = true;
    gateResponse(context.res, {
      commit: () => requestSession.commit(),
      commitLate: () => requestSession.commitLate(),
      mark: () => requestSession.mark(),
      fail: (error) => {
        context.onerror(error instanceof Error ? error : new Error(String(error)));
        // Koa leaves a response alone whose headers are gone; half a body must not look like a whole one.
        if (context.res.headersSent && !context.res.writableEnded) context.res.destroy();
      },
      notices: settings.notices,
      setTimer: settings.setTimer,
    });
  };
  Object.defineProperty(context, "session", {
    configurable: true,
    get: () => {
      gate();
      return requestSession.session ?? null;
    },
    set: (value: unknown) => {
      gate();
      if (value === null || value === undefined) void requestSession.destroy(false);
      else if (typeof value === "object") requestSession.replace(value);
      else throw new SessionError("VALUE_REFUSED", "ctx.session can be set to an object or null only.");
    },
  });
  if (requestSession.concernsResponse) gate();
}
