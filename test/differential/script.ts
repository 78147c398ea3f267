/** The frameworks whose own session library is compared with ours. */
export const FRAMEWORKS = ["express", "fastify", "koa"] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** Which of the two libraries of a framework stands behind the session. */
const SIDES = ["theirs", "ours"] as const;
export type Side = (typeof SIDES)[number];

/** What a handler does, in order. Those that look at something put it into the answer; `try` puts there whether the operation failed. */
export type Operation =
  | readonly ["see" | "names" | "json" | "id" | "id-length" | "cookie" | "none?" | "spread"]
  | readonly ["get" | "delete" | "increment" | "in?", string]
  | readonly ["set" | "push", string, unknown]
  | readonly ["nest", string, string, unknown]
  | readonly ["assign", Readonly<Record<string, unknown>>]
  | readonly ["touch" | "reset" | "save" | "reload" | "regenerate" | "destroy" | "null" | "undefined" | "drop"]
  | readonly ["put", string, keyof typeof VALUES]
  | readonly ["kind", string]
  | readonly ["replace", Readonly<Record<string, unknown>>]
  | readonly ["maxAge" | "expires", number | null]
  | readonly ["cookie-set", string, unknown]
  | readonly ["try", Operation]
  // @fastify/session only.
  | readonly ["method-get", string]
  | readonly ["method-set", string, unknown]
  | readonly ["modified?" | "saved?" | "encrypted?" | "store?"]
  | readonly ["keep", readonly string[]]
  | readonly ["options", Readonly<Record<string, unknown>>]
  // koa-session only.
  | readonly ["new?" | "length?" | "populated?" | "maxAge?" | "external?" | "commit"]
  | readonly ["session-maxAge", number | "session"]
  // What is answered.
  | readonly ["throw"]
  | readonly ["throw-status" | "status", number]
  | readonly ["redirect", string]
  | readonly ["header", string, string]
  | readonly ["own-cookie", string]
  | readonly ["text" | "empty" | "flush"]
  | readonly ["stream", readonly Operation[]];

/** Values that JSON does not have. */
export const VALUES = {
  date: () => new Date(1_000),
  map: () => new Map([["a", 1]]),
  bytes: () => new Uint8Array([1, 2]),
  number: () => Number.NaN,
  function: () => () => 1,
  instance: () => new URL("http://localhost/"),
  large: () => "x".repeat(70_000),
} as const;

/** One request, and what the handler does in it. */
export interface Step {
  readonly do: readonly Operation[];
  readonly method?: string;
  /** Default `/`. */
  readonly path?: string;
  /** By the header of a proxy. */
  readonly isHttps?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent as the Cookie header, made of what the browser holds. Default: just that. */
  readonly cookies?: (held: string, cookieName: string) => string;
  /** Keeps the answer's cookies out of the jar, as a second tab of another browser would. */
  readonly isForgotten?: boolean;
  /** Time that passes before the request, milliseconds. Default 10. */
  readonly afterMs?: number;
}

export interface Script {
  readonly name: string;
  readonly framework: Framework;
  /** Over those of `BASE_OPTIONS`, given to both libraries alike; undefined takes one out. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Of the application: whether it trusts its proxy, whether it answers errors itself (default: yes). */
  readonly app?: AppOptions;
  readonly steps: readonly Step[];
}

interface AppOptions {
  readonly trustsProxy?: boolean;
  readonly hasErrorHandler?: boolean;
  /** Koa: the data in the cookie, as koa-session has it without a store. */
  readonly inCookie?: boolean;
}

export const SECRET = "a secret for comparing, with its thirty-two bytes and more";
const COOKIE_NAME = "sid";

/**
 * What every script has unless it says otherwise: a name, and what the libraries' defaults differ in and their documentation recommends to
 * set. Scripts about defaults take them out again.
 */
export const BASE_OPTIONS: Readonly<Record<Framework, Readonly<Record<string, unknown>>>> = {
  express: {
    secret: SECRET,
    name: COOKIE_NAME,
    resave: false,
    saveUninitialized: false,
    cookie: { secure: false, sameSite: "lax" },
  },
  fastify: {
    secret: SECRET,
    cookieName: COOKIE_NAME,
    rolling: false,
    saveUninitialized: false,
    cookie: { secure: false, sameSite: "lax" },
  },
  koa: { key: COOKIE_NAME, secure: false, sameSite: "lax", maxAge: 86_400_000 },
};

/** The options of a script, anew each time: libraries write into what they are given. */
export function optionsOf({ framework, options = {} }: Script): Record<string, unknown> {
  const merged = { ...BASE_OPTIONS[framework], ...options };
  return Object.fromEntries(
    Object.entries(merged)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, isPlain(value) ? { ...value } : value]),
  );
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
