import type { FastifyRequest } from "fastify";
import { SessionError } from "../../engine/index.ts";
import type { EngineOptions, SessionEngine } from "../../engine/index.ts";
import { isClassicStore, resolveOptions } from "../http/index.ts";
import type { RequestOptions, ResolvedOptions, SessionOptions } from "../http/index.ts";
import { checkEncode, FASTIFY_SURFACE } from "./session-object.ts";
import { EngineStore, isEngineStore } from "./store.ts";

/** What @fastify/session has, and the other adapters have not, or by another name. */
interface PeerOptions {
  /** The same as `name`, which wins. */
  readonly cookieName?: string | undefined;
  /** The same as `genid`, which wins. */
  readonly idGenerator?: ((request: FastifyRequest) => string) | undefined;
  /** Has no effect: Express of this package has the same cookies as they are. Anything but `s:` and nothing is refused. */
  readonly cookiePrefix?: "s:" | "" | undefined;
  /** `sha256` only. For another one give a signer as `secret`. */
  readonly algorithm?: "sha256" | undefined;
}

/** `store`: one of this package (memory, LMDB); `new session.MemoryStore()` is the default and gives the same as leaving it out. */
export type FastifySessionOptions = RequestOptions<FastifyRequest> &
  PeerOptions &
  (
    | (Omit<EngineOptions, "store"> & { readonly store?: EngineOptions["store"] | EngineStore | undefined; readonly engine?: undefined })
    | { readonly engine: SessionEngine; readonly store?: undefined }
  );

/** What all requests of one registration share. */
export interface FastifySettings extends ResolvedOptions {
  readonly store: EngineStore;
}

/** @throws SessionError OPTION_INVALID */
export function resolveFastifyOptions(options: FastifySessionOptions): FastifySettings {
  const { store, cookieName, idGenerator, cookiePrefix, algorithm, cookie, ...others } = options;
  if (!PREFIXES.has(cookiePrefix)) {
    throw new SessionError(
      "OPTION_INVALID",
      "cookiePrefix cannot be set: leave it out. Express, Fastify and Koa have the same cookie as it is, so that they can share sessions.",
    );
  }
  if (!ALGORITHMS.has(algorithm)) {
    throw new SessionError(
      "OPTION_INVALID",
      'algorithm is "sha256". For another one give a signer: secret: new Signer(secrets, algorithm), with Signer of @fastify/cookie.',
    );
  }
  if (typeof cookie === "object") checkEncode(cookie, "cookie");
  const own = isEngineStore(store) ? store : undefined;
  if (own === undefined && (isClassicStore(store) || store instanceof EngineStore)) {
    throw new SessionError(
      "OPTION_INVALID",
      "store is a store for @fastify/session, which overwrites whole sessions. Leave it out for memory, use lmdbStore() for a disk, relays() for several machines.",
    );
  }
  const name = options.name ?? cookieName;
  const genid = options.genid ?? idGenerator;
  const settings = resolveOptions(
    {
      ...others,
      ...(cookie === undefined ? {} : { cookie }),
      ...(name === undefined ? {} : { name }),
      ...(genid === undefined ? {} : { genid }),
      // The sessions of a store that has some already: those of another registration, or of whoever set them.
      ...(own?.isBound === true ? { engine: own.engine } : {}),
      ...(own === undefined && store !== undefined ? { store } : {}),
    } as SessionOptions<FastifyRequest>,
    { adapter: "Fastify", accessor: "request.session", listsCookie: true, surface: FASTIFY_SURFACE },
  );
  if (own?.isBound === false) own.bind(settings.engine);
  return { ...settings, store: own ?? new EngineStore(settings.engine) };
}

const PREFIXES: ReadonlySet<unknown> = new Set([undefined, "", "s:"]);
const ALGORITHMS: ReadonlySet<unknown> = new Set([undefined, "sha256"]);
