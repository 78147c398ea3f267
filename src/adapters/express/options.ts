import type { Request } from "express";
import { SessionError } from "../../engine/index.ts";
import type { EngineOptions, SessionEngine } from "../../engine/index.ts";
import { isClassicStore, resolveOptions, UrlCarrier } from "../http/index.ts";
import type { RequestOptions, SessionOptions } from "../http/index.ts";
import { EngineStore } from "./engine-store.ts";
import type { ExpressSettings } from "./exchange.ts";

/** What express-session has, and the other adapters have not. */
interface ClassicOptions {
  /** `true`: the first value of X-Forwarded-Proto says whether the client came by TLS. `false`: nothing but a TLS socket. Default: `req.secure`. */
  readonly proxy?: boolean | undefined;
  /** What `req.session = null` (or `delete`) means: `keep` (default) forgets what this request wrote, `destroy` ends the session. */
  readonly unset?: "keep" | "destroy" | undefined;
  /** Has no effect: a request writes what it changed, and never overwrites. */
  readonly resave?: boolean | undefined;
  /** The old name of `name`. */
  readonly key?: string | undefined;
}

/** `store`: one of this package (memory, LMDB); `new session.MemoryStore()` is the default and gives the same as leaving it out. */
export type ExpressSessionOptions = RequestOptions<Request> &
  ClassicOptions &
  (
    | (Omit<EngineOptions, "store"> & { readonly store?: EngineOptions["store"] | EngineStore | undefined; readonly engine?: undefined })
    | { readonly engine: SessionEngine; readonly store?: undefined }
  );

export interface ResolvedExpressOptions extends ExpressSettings {
  readonly store: EngineStore;
  /** Where the resolver `url()` looks. */
  readonly urlParameter: string | undefined;
}

/** @throws SessionError OPTION_INVALID */
export function resolveExpressOptions(options: ExpressSessionOptions): ResolvedExpressOptions {
  const { store, unset, proxy, key, resave: _ignored, ...others } = options;
  if (!UNSETS.has(unset)) {
    throw new SessionError("OPTION_INVALID", 'unset must be "keep" or "destroy".');
  }
  if (proxy !== undefined && typeof proxy !== "boolean") {
    throw new SessionError("OPTION_INVALID", 'proxy must be true or false; left out, the setting "trust proxy" of the application counts.');
  }
  const own = store instanceof EngineStore ? store : undefined;
  if (own === undefined && isClassicStore(store)) {
    throw new SessionError(
      "OPTION_INVALID",
      "store is a store for express-session, which overwrites whole sessions. Leave it out for memory, use lmdbStore() for a disk, relays() for several machines.",
    );
  }
  const name = options.name ?? key;
  const settings = resolveOptions(
    {
      ...others,
      ...(name === undefined ? {} : { name }),
      // The sessions of a store that has some already: those of another middleware, or of whoever set them.
      ...(own?.isBound === true ? { engine: own.engine } : {}),
      ...(own === undefined && store !== undefined ? { store } : {}),
    } as SessionOptions<Request>,
    { adapter: "Express", accessor: "req.session", listsCookie: true, takesUrls: true },
  );
  if (own?.isBound === false) own.bind(settings.engine);
  return {
    ...settings,
    store: own ?? new EngineStore(settings.engine),
    isUnsetDestroying: unset === "destroy",
    urlParameter: settings.carriers.find((carrier) => carrier instanceof UrlCarrier)?.parameter,
  };
}

const UNSETS: ReadonlySet<unknown> = new Set([undefined, "keep", "destroy"]);
