import type { IncomingMessage, ServerResponse } from "node:http";
import type { AttributeTypes, SessionData, SessionDataOf, SessionEngine, SessionHandle } from "../../engine/index.ts";
import { beginRequest, openPresented, rememberSettings } from "../http/index.ts";
import type { Session } from "../http/index.ts";
import { Exchange } from "./exchange.ts";
import { resolveNodeOptions } from "./options.ts";
import type { NodeSessionOptions } from "./options.ts";

/** A request's session: its attributes are plain properties, what it can do is on the prototype. The object goes on after `regenerate()`. */
export type NodeSession<Data extends object = SessionData> = Session & (SessionData extends Data ? Record<string, unknown> : Partial<Data>);

/** What `session()` makes. `Data` is the type of the attributes. */
export interface SessionSource<Data extends object = SessionData> {
  /**
   * The session of a request; asked again, the same object. Whatever is changed in it is written, and its cookie set, before the headers of
   * `response` go out, so ask before the response begins.
   * @throws SessionError (rejects) SESSION_UNAVAILABLE when nobody who could know the session answered
   */
  (request: IncomingMessage, response: ServerResponse): Promise<NodeSession<Data>>;
  /** The one that was given, or the one that was made; close it when the server stops. */
  readonly engine: SessionEngine<Data>;
  /**
   * The session of a request that has no response, such as the `upgrade` of a WebSocket; undefined without a valid id. For a session that
   * outlives the request: see `SessionHandle`.
   * @throws SessionError SESSION_UNAVAILABLE
   */
  open(request: IncomingMessage): Promise<SessionHandle<Data> | undefined>;
}

/**
 * Sessions for plain `node:http`, `https` and `http2`: `const sessions = session({ secret })`, then
 * `const visitor = await sessions(request, response)` in the request listener.
 * @throws SessionError OPTION_INVALID
 */
export function session<Types extends AttributeTypes>(
  options: NodeSessionOptions & { readonly attributes: Types },
): SessionSource<SessionDataOf<Types> & SessionData>;
export function session<Data extends object = SessionData>(options: NodeSessionOptions): SessionSource<Data>;
export function session(options: NodeSessionOptions): SessionSource {
  const settings = resolveNodeOptions(options);
  const { touch } = options;
  const exchanges = new WeakMap<IncomingMessage, Promise<Exchange>>();

  const begin = async (request: IncomingMessage, response: ServerResponse): Promise<Exchange> => {
    const begun = await beginRequest(settings, {
      request,
      source: request,
      cookie: settings.cookieOf(request),
      isSecure: isSecure(request, settings.isProxyTrusted),
      isUse: touch === undefined || touch(request),
    });
    return new Exchange(settings, begun, request, response);
  };

  const sessions = async (request: IncomingMessage, response: ServerResponse): Promise<NodeSession> => {
    let exchange = exchanges.get(request);
    if (exchange === undefined) {
      exchange = begin(request, response);
      exchanges.set(request, exchange);
    }
    return (await exchange).session as NodeSession;
  };

  const open = (request: IncomingMessage): Promise<SessionHandle | undefined> =>
    openPresented(settings, { request, cookie: settings.cookieOf(request), isSecure: isSecure(request, settings.isProxyTrusted) });

  return rememberSettings(Object.assign(sessions, { engine: settings.engine, open }), settings);
}

function isSecure({ socket, headers }: IncomingMessage, isProxyTrusted: boolean): boolean {
  if ("encrypted" in socket && socket.encrypted === true) return true;
  if (!isProxyTrusted) return false;
  const [first = ""] = String(headers["x-forwarded-proto"] ?? "").split(",");
  return first.trim().toLowerCase() === "https";
}
