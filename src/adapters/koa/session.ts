import { ServerResponse } from "node:http";
import type { IncomingMessage } from "node:http";
import type Koa from "koa";
import { SessionError } from "../../engine/index.ts";
import type { AttributeTypes, SessionData, SessionDataOf, SessionEngine, SessionHandle } from "../../engine/index.ts";
import { beginRequest, isWithinPath, openPresented, rememberSettings } from "../http/index.ts";
import { Exchange, exchangeOf, extendApplication } from "./exchange.ts";
import { ExternalKeyCarrier } from "./external-key.ts";
import { resolveKoaOptions } from "./options.ts";
import type { KoaApplication, KoaSessionOptions, KoaSettings } from "./options.ts";

/** What `session()` makes: the middleware, and what belongs to its sessions. `Data` is the type of the attributes. */
export type SessionMiddleware<Data extends object = SessionData> = Koa.Middleware & {
  /** The one that was given, or the one that was made; close it when the server stops. */
  readonly engine: SessionEngine<Data>;
  /**
   * The session of a request that has no response, such as the `upgrade` of a WebSocket; undefined without a valid id. For a session that
   * outlives the request: see `SessionHandle`. Behind a TLS proxy, and with options that are asked with `ctx`, give `session()` the application.
   * @throws SessionError SESSION_UNAVAILABLE; OPTION_INVALID where the application would be needed
   */
  open(request: IncomingMessage): Promise<SessionHandle<Data> | undefined>;
};

/**
 * Sessions for Koa 3 and 2: `app.use(session(options, app))`, then `ctx.session`. The secrets are `app.keys` unless the option `secret` says
 * otherwise; with that, the application may be left out. What the session layer cannot do is thrown into Koa's own error path. An application
 * written for koa-session runs on it as it is, but for docs/migrating.md.
 * @throws SessionError OPTION_INVALID
 */
export function session<Types extends AttributeTypes>(
  options: KoaSessionOptions & { readonly attributes: Types },
  app?: KoaApplication,
): SessionMiddleware<SessionDataOf<Types> & SessionData>;
export function session<Data extends object = SessionData>(app: KoaApplication, options?: KoaSessionOptions): SessionMiddleware<Data>;
export function session<Data extends object = SessionData>(options: KoaSessionOptions, app?: KoaApplication): SessionMiddleware<Data>;
export function session(first: KoaApplication | KoaSessionOptions, second?: KoaApplication | KoaSessionOptions): SessionMiddleware {
  return isApplication(first) ? middlewareOf((second ?? {}) as KoaSessionOptions, first) : middlewareOf(first, second as KoaApplication);
}

function middlewareOf(options: KoaSessionOptions, app: KoaApplication | undefined): SessionMiddleware {
  const settings = resolveKoaOptions(options, app);
  const { skip, touch } = options;
  if (app !== undefined) extendApplication(app.context);

  const handle = async (context: Koa.Context, next: Koa.Next): Promise<void> => {
    if (hasSession(context) || skip?.(context) === true) {
      await next();
      return;
    }
    const cookie = settings.cookieOf(context);
    if (!isWithinPath(context.originalUrl, cookie.path)) {
      await next();
      return;
    }
    const begun = beginRequest(withExternalKey(settings, context), {
      request: context.req,
      source: context,
      cookie,
      isSecure: context.secure,
      isUse: touch === undefined || touch(context),
    });
    const exchange = new Exchange(settings, begun instanceof Promise ? await begun : begun, context);
    exchange.attach();
    try {
      await next();
    } catch (error) {
      // The handler's own error tells more than that of the commit which follows it.
      await committed(exchange).catch(() => undefined);
      throw error;
    }
    await exchange.commit();
  };

  const contextOf = (request: IncomingMessage): Koa.Context => {
    if (app !== undefined) return (app as Koa).createContext(request, new ServerResponse(request)) as Koa.Context;
    throw new SessionError("OPTION_INVALID", "open() needs the application here: session(options, app).");
  };
  const needsContext = settings.externalKey !== undefined || typeof options.cookie === "function";

  const open = async (request: IncomingMessage): Promise<SessionHandle | undefined> => {
    const context = needsContext ? contextOf(request) : undefined;
    const ours = context === undefined ? settings : withExternalKey(settings, context);
    return openPresented(ours, { request, cookie: settings.cookieOf(context), isSecure: isSecure(request, app) });
  };
  return rememberSettings(Object.assign(handle, { engine: settings.engine, open }), settings);
}

function isApplication(value: KoaApplication | KoaSessionOptions): value is KoaApplication {
  return "use" in value && typeof value.use === "function";
}

/** Another session middleware, perhaps this one, was here already. */
function hasSession(context: Koa.Context): boolean {
  return exchangeOf(context) !== undefined || Object.hasOwn(context, "session");
}

function withExternalKey(settings: KoaSettings, context: Koa.Context): KoaSettings {
  const { externalKey } = settings;
  return externalKey === undefined ? settings : { ...settings, carriers: [new ExternalKeyCarrier(context, externalKey)] };
}

/** The commit as a promise, whichever way it fails. */
async function committed(exchange: Exchange): Promise<void> {
  await exchange.commit();
}

/** As `ctx.secure` says it, for a request that has no context. */
function isSecure({ socket, headers }: IncomingMessage, app: KoaApplication | undefined): boolean {
  if ("encrypted" in socket && socket.encrypted === true) return true;
  if (app?.proxy !== true) return false;
  const [first = ""] = String(headers["x-forwarded-proto"] ?? "").split(",");
  return first.trim().toLowerCase() === "https";
}
