import type { IncomingMessage } from "node:http";
import type { Request, RequestHandler, Response } from "express";
import type { AttributeTypes, SessionData, SessionDataOf, SessionEngine, SessionHandle } from "../../engine/index.ts";
import { beginRequest, isWithinPath, openPresented, rememberSettings, withoutParameter } from "../http/index.ts";
import type { RequestSession } from "../http/index.ts";
import { Cookie } from "./classic-cookie.ts";
import { EngineStore } from "./engine-store.ts";
import { Exchange, exchangeOf } from "./exchange.ts";
import { resolveExpressOptions } from "./options.ts";
import type { ExpressSessionOptions } from "./options.ts";
import { ClassicSession, Store } from "./store.ts";

/** What `session()` makes: the middleware, and what belongs to its sessions. `Data` is the type of the attributes. */
export type SessionMiddleware<Data extends object = SessionData> = RequestHandler & {
  /** The one that was given, or the one that was made; close it when the server stops. */
  readonly engine: SessionEngine<Data>;
  /** The sessions by the interface of classic stores; the same as `req.sessionStore`. */
  readonly store: EngineStore;
  /**
   * The session of a request that has no response, such as the `upgrade` of a WebSocket; undefined without a valid id. For a session that
   * outlives the request: see `SessionHandle`. Behind a TLS proxy set the option `proxy`, as such requests know nothing of "trust proxy".
   * @throws SessionError SESSION_UNAVAILABLE
   */
  open(request: IncomingMessage): Promise<SessionHandle<Data> | undefined>;
  /**
   * With the resolver `url()`: `link` with the session's id where the client has no other way to bring it, and the link stays within this origin;
   * else `link` as it is.
   */
  encodeUrl(request: IncomingMessage, link: string): string;
};

type Next = (error?: unknown) => void;

/**
 * Sessions for Express 5 and 4: `app.use(session({ secret }))`, then `req.session`. What the session layer cannot do goes to
 * `next(error)`. The type of the data follows the option `attributes`, or is given: `session<Data>({ … })`. An application written for express-session runs on it as it is, but for docs/migrating.md.
 * @throws SessionError OPTION_INVALID
 */
export const session = Object.assign(createMiddleware, { Store, MemoryStore: EngineStore, Session: ClassicSession, Cookie });

function createMiddleware<Types extends AttributeTypes>(
  options: ExpressSessionOptions & { readonly attributes: Types },
): SessionMiddleware<SessionDataOf<Types> & SessionData>;
function createMiddleware<Data extends object = SessionData>(options: ExpressSessionOptions): SessionMiddleware<Data>;
function createMiddleware<Data extends object>(options: ExpressSessionOptions): SessionMiddleware<Data> {
  const settings = resolveExpressOptions(options);
  const { skip, touch, proxy } = options;
  const parameter = settings.urlParameter;

  const attach = (requestSession: RequestSession, request: Request, response: Response, next: Next): void => {
    const exchange = new Exchange(settings, requestSession, request, response, next);
    exchange.attach();
    if (parameter !== undefined && removeParameter(request, parameter)) exchange.keepUrlPrivate();
  };

  const handle = (request: Request, response: Response, next: Next): void => {
    if (hasSession(request) || skip?.(request) === true) {
      next();
      return;
    }
    const cookie = settings.cookieOf(request);
    if (!isWithinPath(urlOf(request), cookie.path)) {
      next();
      return;
    }
    const begun = beginRequest(settings, {
      request,
      source: request,
      cookie,
      // Express works it out anew for each request.
      isSecure: cookie.attributes.secure !== false && isSecure(request, proxy),
      isUse: touch === undefined || touch(request),
    });
    if (!(begun instanceof Promise)) {
      attach(begun, request, response, next);
      next();
      return;
    }
    begun.then((requestSession) => attach(requestSession, request, response, next)).then(() => next(), next);
  };

  const middleware = Object.assign(handle, {
    engine: settings.engine as unknown as SessionEngine<Data>,
    store: settings.store,
    open: async (request: IncomingMessage) => {
      const incoming = { request, cookie: settings.cookieOf(request), isSecure: isSecure(request, proxy) };
      return (await openPresented(settings, incoming)) as SessionHandle<Data> | undefined;
    },
    encodeUrl: (request: IncomingMessage, link: string) => exchangeOf(request)?.encodeUrl(link) ?? link,
  });
  return rememberSettings(middleware, settings);
}

/** Whether another session middleware, perhaps this one, was here already. Ours is not asked for it: that alone would fail, or begin one. */
function hasSession(request: Request): boolean {
  return Object.hasOwn(request, "session") && (exchangeOf(request) !== undefined || Boolean(request.session));
}

/** A request that never went through an application, as those of socket.io's engine, has one URL only. */
function urlOf({ originalUrl, url }: Partial<Pick<Request, "originalUrl" | "url">>): string {
  return originalUrl ?? url ?? "/";
}

/** express-session's rules: TLS of our own counts always; else what the application trusts, or the option `proxy` says. */
function isSecure(request: IncomingMessage & { readonly secure?: boolean }, proxy: boolean | undefined): boolean {
  if ("encrypted" in request.socket && request.socket.encrypted === true) return true;
  if (proxy === false) return false;
  if (proxy === undefined) return request.secure === true;
  const [first = ""] = String(request.headers["x-forwarded-proto"] ?? "").split(",");
  return first.trim().toLowerCase() === "https";
}

/** Before anybody logs the URL, or gives it to a handler. */
function removeParameter(request: Request, name: string): boolean {
  const bare = withoutParameter(request.url, name);
  if (bare === request.url) return false;
  request.url = bare;
  request.originalUrl = withoutParameter(request.originalUrl, name);
  // Express 4 has parsed it already; in Express 5 this is derived from the URL.
  const query: unknown = request.query;
  if (typeof query === "object" && query !== null) Reflect.deleteProperty(query, name);
  return true;
}
