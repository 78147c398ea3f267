import { SessionError } from "../../engine/index.ts";

/**
 * Where a request's session id stands, and where the response says it: made by `cookie()`, `header()` or `url()`. In a list the first that
 * presents a valid id wins.
 */
export type Resolver =
  | { readonly kind: "cookie" }
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "url"; readonly name: string };

/** The session cookie: the default, and the only choice for pages. */
export function cookie(): Resolver {
  return { kind: "cookie" };
}

/**
 * A request header, for APIs and native clients: the signed id comes in it, and a new one goes out in the response header of the same
 * name; an empty one says that the session is over. No browser sends it by itself, so there is no CSRF by it. In a list before
 * `cookie()`, a client without a session asks for this way by sending the header with any value, such as `new`.
 */
export function header(name = "Session-Id"): Resolver {
  if (!/^[\w-]+$/.test(name)) throw new SessionError("OPTION_INVALID", 'header(name): letters, digits, "-" and "_", as in "Session-Id".');
  return { kind: "header", name };
}

/**
 * A query parameter of links that `encodeUrl` wrote, for clients without cookies. Express only. What stands in a URL is in histories, bookmarks
 * and the logs of every proxy: prefer the other two. It counts only in requests that a page of the same origin made, or that say
 * nothing of who made them.
 */
export function url(parameter = "sid"): Resolver {
  if (!/^[\w-]+$/.test(parameter)) throw new SessionError("OPTION_INVALID", 'url(parameter): letters, digits, "-" and "_", as in "sid".');
  return { kind: "url", name: parameter };
}

const KINDS: ReadonlySet<unknown> = new Set(["cookie", "header", "url"]);

/** @throws SessionError OPTION_INVALID */
export function resolverChain(option: Resolver | readonly Resolver[] | undefined): readonly [Resolver, ...Resolver[]] {
  const chain: readonly Resolver[] = option === undefined ? [cookie()] : "kind" in option ? [option] : option;
  const [first, ...others] = chain;
  const kinds = new Set(chain.map((resolver) => resolver.kind));
  if (first === undefined || kinds.size !== chain.length || chain.some(({ kind }) => !KINDS.has(kind))) {
    throw new SessionError("OPTION_INVALID", "resolver must be cookie(), header(), url(), or a list of these, each at most once.");
  }
  return [first, ...others];
}
