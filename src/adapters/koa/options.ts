import type Koa from "koa";
import { SessionError } from "../../engine/index.ts";
import type { EngineOptions, SessionEngine } from "../../engine/index.ts";
import { resolveOptions } from "../http/index.ts";
import type { CookieOptions, Priority, RequestOptions, ResolvedOptions, SameSite, SessionOptions } from "../http/index.ts";
import type { SessionObject } from "./augmentation.ts";
import { isKoaStore, storeOver } from "./external-store.ts";
import type { KoaStore } from "./external-store.ts";

/** The application's own way for ids, instead of the cookie: a header of a mobile client, for example. */
export interface ExternalKey {
  /** The id that the client brings along, as `set` gave it; nothing where there is none. */
  get(context: Koa.Context): string | null | undefined;
  /** Called before the headers go out, when the client has to be told the id of a session. The id is a bearer secret. */
  set(context: Koa.Context, id: string): void;
}

/** What koa-session has, and the other adapters have not. */
interface ClassicOptions {
  /** The name of the cookie; the same as `name`. */
  readonly key?: string | undefined;
  /** Milliseconds that a session may go unused, and that the browser keeps the cookie; `session`: until it closes (default). */
  readonly maxAge?: number | "session" | null | undefined;
  /** @deprecated The old name of `maxAge`. */
  readonly maxage?: number | "session" | null | undefined;
  /** False: nothing is written, and no cookie set, until `ctx.session.manuallyCommit()`. Default true. */
  readonly autoCommit?: boolean | undefined;
  /** Whether another `Set-Cookie` of the same name on the response makes way. Default true. */
  readonly overwrite?: boolean | undefined;
  readonly httpOnly?: boolean | undefined;
  readonly secure?: boolean | "auto" | null | undefined;
  readonly sameSite?: SameSite | boolean | "auto" | null | undefined;
  readonly domain?: string | null | undefined;
  readonly path?: string | null | undefined;
  readonly expires?: Date | null | undefined;
  readonly priority?: Priority | undefined;
  readonly partitioned?: boolean | undefined;
  /** Always so. False is refused. */
  readonly signed?: true | undefined;
  /** Has no effect: a session that is in use goes on, and its cookie is sent again when less than half of its life is left. */
  readonly renew?: boolean | undefined;
  /** What the keys in `store` begin with. */
  readonly prefix?: string | undefined;
  readonly externalKey?: ExternalKey | undefined;
  /** False: the session is not taken (`session:invalid`), and the request begins with a new one. Asked before the first middleware behind. */
  readonly valid?: ((context: Koa.Context, session: Record<string, unknown>) => unknown) | undefined;
  /** Called before something is written; what it writes goes with it. */
  readonly beforeSave?: ((context: Koa.Context, session: SessionObject) => void) | undefined;
  /** Refused: the cookie holds an id, and never the session. */
  readonly encode?: undefined;
  /** Refused, as `encode`. */
  readonly decode?: undefined;
  /** Refused: sessions are stored outside of requests, too. */
  readonly ContextStore?: undefined;
}

/** `store`: one of this package, or one for koa-session, which then serves one process at a time (docs/migrating.md). */
export type KoaSessionOptions = RequestOptions<Koa.Context> &
  ClassicOptions &
  (
    | (Omit<EngineOptions, "store"> & { readonly store?: EngineOptions["store"] | KoaStore | undefined; readonly engine?: undefined })
    | { readonly engine: SessionEngine; readonly store?: undefined }
  );

/** What is asked of an application, of whatever version and type parameters. */
export interface KoaApplication {
  readonly use: unknown;
  readonly keys: unknown;
  readonly proxy: boolean;
  readonly context: object;
}

export interface KoaSettings extends ResolvedOptions, Pick<ClassicOptions, "externalKey" | "valid" | "beforeSave"> {
  readonly autoCommit: boolean;
  readonly overwrite: boolean;
}

/** @throws SessionError OPTION_INVALID */
export function resolveKoaOptions(options: KoaSessionOptions, app: KoaApplication | undefined): KoaSettings {
  check(options);
  const { key, autoCommit = true, overwrite = true, prefix, externalKey, valid, beforeSave, store, cookie, ...others } = options;
  const flat = cookieOf(options);
  const name = options.name ?? key;
  const settings = resolveOptions(
    {
      ...others,
      ...secretOf(options, app),
      ...(name === undefined ? {} : { name }),
      ...(isGiven(store) ? { store: isKoaStore(store) ? storeOver(store, prefix) : store } : {}),
      cookie: typeof cookie === "function" ? (context: Koa.Context) => ({ ...flat, ...cookie(context) }) : { ...flat, ...cookie },
    } as SessionOptions<Koa.Context>,
    { adapter: "Koa", accessor: "ctx.session" },
  );
  return { ...settings, autoCommit, overwrite, externalKey, valid, beforeSave };
}

/** koa-session's options and the cookie's are one object. */
function cookieOf(options: ClassicOptions): CookieOptions {
  const { httpOnly, secure, sameSite, domain, path, expires, priority, partitioned } = options;
  const maxAge = options.maxAge ?? options.maxage;
  const named = { httpOnly, secure, sameSite, domain, path, expires, priority, partitioned, maxAge: maxAge === "session" ? null : maxAge };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined && value !== null));
}

function secretOf(options: Pick<KoaSessionOptions, "secret">, app: KoaApplication | undefined): Pick<KoaSessionOptions, "secret"> {
  if (options.secret !== undefined) return { secret: options.secret };
  const keys = app?.keys;
  if (Array.isArray(keys)) return { secret: keys as readonly string[] };
  if (keys === undefined || keys === null) return {};
  // A Keygrip signs, and tells nobody by what.
  return refuse(
    "app.keys is a Keygrip, which keeps its secrets to itself: set app.keys to an array of secrets, or give the option secret.",
  );
}

const FUNCTIONS = ["valid", "beforeSave"] as const;
const SWITCHES = ["autoCommit", "overwrite", "httpOnly", "rolling", "renew"] as const;

/** What JavaScript may bring along in spite of the types. */
function check(options: KoaSessionOptions): void {
  const given = options as Readonly<Record<string, unknown>>;
  if (isGiven(given["encode"]) || isGiven(given["decode"])) {
    refuse("encode and decode have nothing to do: the cookie holds a signed id, and the session rests in the store. Leave them out.");
  }
  if (isGiven(given["ContextStore"])) {
    refuse("ContextStore is refused: sessions are stored outside of requests, too. Give one store for all of them as the option store.");
  }
  if (given["signed"] === false) {
    refuse("signed: false is refused: anybody could choose ids. Leave it out, and set app.keys or the option secret.");
  }
  for (const name of SWITCHES) {
    if (isGiven(given[name]) && typeof given[name] !== "boolean") refuse(`${name} must be true or false.`);
  }
  for (const name of FUNCTIONS) {
    if (isGiven(given[name]) && typeof given[name] !== "function") refuse(`${name} must be a function of ctx and the session.`);
  }
  const { externalKey, prefix, maxAge, store } = options;
  if (isGiven(store) && typeof store !== "function" && !("append" in store) && !isKoaStore(store)) {
    refuse("store must be one for koa-session, { get, set, destroy }, or one of this package, such as lmdbStore({ path }).");
  }
  if (isGiven(externalKey) && (typeof externalKey.get !== "function" || typeof externalKey.set !== "function")) {
    refuse("externalKey must be { get(ctx), set(ctx, id) }.");
  }
  if (isGiven(externalKey) && options.resolver !== undefined) refuse("externalKey and resolver both say where ids are: give one of them.");
  if (isGiven(prefix) && typeof prefix !== "string") refuse("prefix must be text; it stands before the keys in the option store.");
  if (isGiven(maxAge) && maxAge !== "session" && typeof maxAge !== "number") {
    refuse('maxAge must be a number of milliseconds, or "session" for a cookie that goes with the browser.');
  }
}

function isGiven<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null;
}

function refuse(message: string): never {
  throw new SessionError("OPTION_INVALID", message);
}
