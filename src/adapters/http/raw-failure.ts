import { STATUS_CODES } from "node:http";
import type { ServerResponse } from "node:http";
import { SessionError } from "../../engine/index.ts";

/**
 * Answers for a response whose session could not be committed and that its framework has let go of (hijacked, `respond = false`).
 * Headers gone already: the connection is cut, so that the client does not take half a body for a whole one.
 */
export function failRaw(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = error instanceof SessionError ? error.status : 500;
  const code = error instanceof SessionError ? error.code : undefined;
  response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" });
  response.end(JSON.stringify({ statusCode: status, code, error: STATUS_CODES[status] }));
}
