import type { IncomingMessage, ServerResponse } from "node:http";
import { SessionError } from "../../engine/index.ts";
import { resolveOptions } from "../http/index.ts";
import type { ResolvedOptions, SessionOptions } from "../http/index.ts";

interface PlainOptions {
  /**
   * True: the first value of X-Forwarded-Proto says whether the client came by TLS, as behind a proxy that sets it. Default false: nothing but a
   * TLS socket counts.
   */
  readonly proxy?: boolean | undefined;
  /**
   * Answers where the session cannot be written before the headers go out. Default: a status and a line of JSON. Headers that are gone already
   * (`response.headersSent`) leave nothing to answer: the connection is cut after this returns.
   */
  readonly onError?: ((error: unknown, request: IncomingMessage, response: ServerResponse) => void) | undefined;
}

/** There is no `skip` here: a request that is not asked for its session has none. */
export type NodeSessionOptions = SessionOptions<IncomingMessage> & { readonly skip?: undefined } & PlainOptions;

export interface NodeSettings extends ResolvedOptions {
  readonly isProxyTrusted: boolean;
  readonly onError: PlainOptions["onError"];
}

/** @throws SessionError OPTION_INVALID */
export function resolveNodeOptions(options: NodeSessionOptions): NodeSettings {
  const { proxy, onError, ...others } = options;
  if (proxy !== undefined && typeof proxy !== "boolean") throw new SessionError("OPTION_INVALID", "proxy must be true or false.");
  if (onError !== undefined && typeof onError !== "function") {
    throw new SessionError("OPTION_INVALID", "onError must be a function of the error, the request and the response.");
  }
  if (others.skip !== undefined) {
    throw new SessionError(
      "OPTION_INVALID",
      "skip has nothing to do here: leave it out, and do not ask for the session of such a request.",
    );
  }
  return {
    ...resolveOptions(others as SessionOptions<IncomingMessage>, { adapter: "Node", accessor: "session" }),
    isProxyTrusted: proxy === true,
    onError,
  };
}
