import type { IncomingMessage } from "node:http";

/**
 * Whether the request comes from this machine and means it: the peer and the Host header are both loopback, and no proxy says that the
 * browser's side of the connection is TLS (then the framework has to be told to trust that proxy).
 */
export function isLoopback(request: IncomingMessage): boolean {
  const forwarded = request.headers["x-forwarded-proto"];
  if (forwarded !== undefined && String(forwarded).toLowerCase().startsWith("https")) return false;
  return isLoopbackAddress(request.socket.remoteAddress) && isLoopbackHost(request.headers.host ?? request.headers[":authority"]);
}

function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && (address === "::1" || /^(::ffff:)?127\./.test(address));
}

function isLoopbackHost(host: string | string[] | undefined): boolean {
  return typeof host === "string" && /^(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

/** Whether a browser sends a cookie with this Path for this URL (RFC 6265 section 5.1.4). */
export function isWithinPath(url: string, cookiePath: string): boolean {
  if (cookiePath === "/") return true;
  const query = url.indexOf("?");
  const path = query === -1 ? url : url.slice(0, query);
  if (!path.startsWith(cookiePath)) return false;
  return path.length === cookiePath.length || cookiePath.endsWith("/") || path[cookiePath.length] === "/";
}
