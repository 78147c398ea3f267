import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { ResponseMark } from "./carrier.ts";

/** What `writeHead` was called with, in any of its forms. */
export type WriteHeadArguments = readonly unknown[];

const CACHEABLE = /\b(public|s-maxage)\b/i;
/** Kept by a shared cache for a while, unless something else forbids it (RFC 9111 section 3). */
const KEPT = /\bmax-age\s*=\s*"?0*[1-9]/i;
const NOT_SHARED = /\b(private|no-store)\b/i;

/**
 * Puts what tells of the session on the response, and gives back what to call the original `writeHead` with. Headers that come as arguments are set
 * first, in each of Node's forms (an object, a flat list, a list of pairs), because there they replace what was set before.
 * Returns whether the cookie makes a response that a shared cache may keep.
 */
export function addMark(
  response: ServerResponse,
  mark: ResponseMark,
  args: WriteHeadArguments,
): { readonly args: WriteHeadArguments; readonly isCacheable: boolean } {
  const [status, second, third] = args;
  const headers = typeof second === "string" ? third : (third ?? second);
  applyHeaders(response, headers);
  const cacheControl = response.getHeader("cache-control");
  const said = Array.isArray(cacheControl) ? cacheControl.join() : String(cacheControl ?? "");
  const isCacheable = CACHEABLE.test(said);
  // A refresh can wait for the next response; a shared cache that keeps a cookie gives it to strangers (CVE-2025-48947).
  const own = isCacheable && mark.isRefresh ? undefined : mark;
  // What a visitor has seen is no stranger's affair, and takes the room of what the stranger himself has seen.
  const seen = isCacheable || (KEPT.test(said) && !NOT_SHARED.test(said)) ? undefined : mark.seen;
  const cookies = [...(own?.setCookie === undefined ? [] : [own.setCookie]), ...(seen?.setCookies ?? [])];
  if (cookies.length > 0) {
    const before = response.getHeader("set-cookie");
    const others = before === undefined ? [] : Array.isArray(before) ? before : [String(before)];
    response.setHeader("Set-Cookie", [...others, ...cookies]);
  }
  const fields = [own?.header, seen?.header].filter((field) => field !== undefined);
  for (const field of fields) response.setHeader(...field);
  if (cacheControl === undefined && cookies.length + fields.length > 0) response.setHeader("Cache-Control", "no-store");
  return { args: typeof second === "string" ? [status, second] : [status], isCacheable: isCacheable && !mark.isRefresh };
}

function applyHeaders(response: ServerResponse, headers: unknown): void {
  if (!Array.isArray(headers)) {
    const fields = (headers ?? {}) as OutgoingHttpHeaders;
    for (const name of Object.keys(fields)) setHeader(response, name, fields[name]);
    return;
  }
  const list: readonly unknown[] = headers;
  const pairs = Array.isArray(list[0]) ? (list as readonly (readonly unknown[])[]) : flatPairs(list);
  const values = new Map<string, { name: string; values: unknown[] }>();
  for (const [name, value] of pairs) {
    const known = values.get(String(name).toLowerCase());
    if (known === undefined) values.set(String(name).toLowerCase(), { name: String(name), values: [value] });
    else known.values.push(value);
  }
  for (const { name, values: all } of values.values()) setHeader(response, name, all.length === 1 ? all[0] : all.flat());
}

/** Node's own check, made before anything is set: an odd list is a mistake of the caller. */
function flatPairs(list: readonly unknown[]): (readonly [unknown, unknown])[] {
  if (list.length % 2 !== 0) throw new TypeError("writeHead: a flat list of headers needs a value for each name.");
  return Array.from({ length: list.length / 2 }, (_, index) => [list[2 * index], list[2 * index + 1]] as const);
}

function setHeader(response: ServerResponse, name: string, value: unknown): void {
  // What is no header value, Node refuses with its own error, exactly as it would have in writeHead.
  response.setHeader(name, value as OutgoingHttpHeader);
}

/** What describes the body that was to be sent; an error page has another one. */
const ABOUT_THE_BODY = ["Content-Length", "Content-Range", "Content-Disposition", "ETag", "Last-Modified", "Location", "Transfer-Encoding"];

export function forgetBody(response: { removeHeader(name: string): unknown }): void {
  for (const name of ABOUT_THE_BODY) response.removeHeader(name);
}
