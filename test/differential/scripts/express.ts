import { EventEmitter } from "node:events";
import type { Operation, Script } from "../script.ts";
import { LOGIN, LOOK, step, stepWith } from "./step.ts";

const MINUTE_MS = 60_000;
const FIRST = "the first secret, with its thirty-two bytes and more";
const SECOND = "the second secret, with its thirty-two bytes and more";
const LAX = { secure: false, sameSite: "lax" };

/** What only express-session has: its cookie object, its options, its callbacks. */
export function expressScripts(): readonly Script[] {
  return ALL.map((script) => ({ ...script, framework: "express" }));
}

const cookieScript = (name: string, cookie: object, ...operations: Operation[]): Omit<Script, "framework"> => ({
  name,
  options: { cookie: { ...LAX, ...cookie } },
  steps: [step(["set", "a", 1], ...operations), LOOK],
});

const ALL: readonly Omit<Script, "framework">[] = [
  // Lives of cookies
  cookieScript("a maxAge", { maxAge: MINUTE_MS }, ["cookie"]),
  cookieScript("a cookie until the browser closes", {}, ["cookie"]),
  {
    name: "expired after its maxAge",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, stepWith({ afterMs: MINUTE_MS + 1 }, ["see"])],
  },
  {
    name: "expired after its maxAge, with the cookie sent all the same",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS }, genid: undefined },
    steps: [LOGIN, stepWith({ afterMs: MINUTE_MS + 1, cookies: (held) => held }, ["see"]), step(["set", "b", 1]), LOOK],
  },
  {
    name: "alive just before its maxAge",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, stepWith({ afterMs: MINUTE_MS - 5_000 }, ["id"], ["see"])],
  },
  { name: "a maxAge set in a request", steps: [LOGIN, step(["maxAge", 2 * MINUTE_MS], ["set", "b", 1], ["cookie"]), LOOK] },
  { name: "a maxAge set with the first write", steps: [step(["set", "a", 1], ["maxAge", 2 * MINUTE_MS], ["cookie"]), LOOK] },
  { name: "only the maxAge set", steps: [LOGIN, step(["maxAge", 2 * MINUTE_MS]), LOOK] },
  {
    name: "a maxAge taken away",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, step(["maxAge", null], ["set", "b", 1]), LOOK],
  },
  { name: "remember me for a week", steps: [LOGIN, step(["maxAge", 7 * 24 * 60 * MINUTE_MS], ["set", "b", 1]), step(["see"])] },
  { name: "a maxAge of nothing", steps: [LOGIN, step(["maxAge", 0]), LOOK] },
  { name: "a negative maxAge", steps: [LOGIN, step(["maxAge", -1], ["set", "b", 1]), step(["see"])] },
  { name: "expires as an instant", steps: [LOGIN, step(["expires", 5 * MINUTE_MS], ["set", "b", 1]), LOOK] },
  {
    name: "expires taken away",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, step(["expires", null], ["set", "b", 1]), LOOK],
  },
  { name: "touch and resetMaxAge", options: { cookie: { ...LAX, maxAge: MINUTE_MS } }, steps: [LOGIN, step(["touch"], ["reset"]), LOOK] },
  {
    name: "kept alive by being used",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS }, rolling: true },
    steps: [LOGIN, ...[1, 2, 3].map(() => stepWith({ afterMs: 40_000 }, ["id"], ["see"]))],
  },
  {
    name: "rolling sends the cookie each time",
    options: { rolling: true, cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, LOOK, step()],
  },
  { name: "rolling without a maxAge", options: { rolling: true }, steps: [LOGIN, LOOK] },
  { name: "rolling of visitors", options: { rolling: true, cookie: { ...LAX, maxAge: MINUTE_MS } }, steps: [step(["see"]), step(["see"])] },
  {
    name: "rolling and every visitor has a session",
    options: { rolling: true, saveUninitialized: true, cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [step(["see"]), LOOK],
  },
  // What the cookie says
  cookieScript("httpOnly false", { httpOnly: false }, ["cookie"]),
  cookieScript("SameSite strict", { sameSite: "strict" }, ["cookie"]),
  cookieScript("SameSite true", { sameSite: true }),
  cookieScript("SameSite false", { sameSite: false }),
  cookieScript("a domain", { domain: "example.org" }, ["cookie"]),
  cookieScript("a priority", { priority: "high" }),
  cookieScript("a path", { path: "/" }, ["cookie"]),
  {
    name: "outside of the path",
    options: { cookie: { ...LAX, path: "/app" } },
    steps: [step(["none?"]), stepWith({ path: "/app" }, ["set", "a", 1]), stepWith({ path: "/app/x" }, ["see"]), step(["none?"])],
  },
  { name: "beside the path", options: { cookie: { ...LAX, path: "/app" } }, steps: [stepWith({ path: "/application" }, ["none?"])] },
  {
    name: "the path with a query",
    options: { cookie: { ...LAX, path: "/app" } },
    steps: [stepWith({ path: "/app?x=1" }, ["set", "a", 1]), stepWith({ path: "/app?y=2" }, ["see"])],
  },
  {
    name: "the cookie's attributes set in a request",
    steps: [LOGIN, step(["cookie-set", "httpOnly", false], ["cookie-set", "sameSite", "strict"], ["set", "b", 1]), LOOK],
  },
  { name: "a path set in a request", steps: [LOGIN, step(["cookie-set", "path", "/x"], ["set", "b", 1])] },
  { name: "the cookie is a key of the session", steps: [step(["set", "a", 1], ["names"]), step(["names"])] },
  {
    name: "default options",
    options: { cookie: undefined, resave: undefined, saveUninitialized: undefined },
    steps: [step(["see"]), LOGIN, LOOK],
  },
  { name: "the default name", options: { name: undefined }, steps: [LOGIN, LOOK] },
  { name: "the old name of the name", options: { name: undefined, key: "sid" }, steps: [LOGIN, LOOK] },
  // TLS
  {
    name: "secure over https",
    options: { cookie: { secure: true, sameSite: "lax" }, name: "__Host-sid" },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1]), stepWith({ isHttps: true }, ["id"], ["see"])],
  },
  {
    name: "secure over http",
    options: { cookie: { secure: true, sameSite: "lax" }, name: "__Host-sid" },
    steps: [step(["set", "a", 1]), step(["see"])],
  },
  {
    name: "secure, with a proxy nobody trusts",
    options: { cookie: { secure: true, sameSite: "lax" }, name: "__Host-sid" },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1])],
  },
  {
    name: "secure by the option proxy",
    options: { cookie: { secure: true, sameSite: "lax" }, name: "__Host-sid", proxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1]), stepWith({ isHttps: true }, ["see"])],
  },
  {
    name: "proxy false",
    options: { cookie: { secure: true, sameSite: "lax" }, name: "__Host-sid", proxy: false },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1])],
  },
  {
    name: "secure auto over https",
    options: { cookie: { secure: "auto", sameSite: "lax" } },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1]), stepWith({ isHttps: true }, ["see"])],
  },
  { name: "secure auto over http", options: { cookie: { secure: "auto", sameSite: "lax" } }, steps: [step(["set", "a", 1]), LOOK] },
  {
    name: "SameSite auto over https",
    options: { cookie: { secure: "auto", sameSite: "auto" } },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1])],
  },
  { name: "SameSite auto over http", options: { cookie: { secure: "auto", sameSite: "auto" } }, steps: [step(["set", "a", 1])] },
  {
    name: "SameSite none over https",
    options: { cookie: { secure: true, sameSite: "none" }, name: "__Host-sid" },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1])],
  },
  {
    name: "partitioned over https",
    options: { cookie: { secure: true, sameSite: "none", partitioned: true }, name: "__Host-sid" },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1])],
  },
  // A cookie by function
  { name: "a function that gives the cookie", options: { cookie: () => ({ ...LAX, maxAge: MINUTE_MS }) }, steps: [LOGIN, LOOK] },
  { name: "a function that gives secure auto", options: { cookie: () => ({ secure: "auto", sameSite: "lax" }) }, steps: [LOGIN, LOOK] },
  // Secrets
  { name: "several secrets", options: { secret: [FIRST, SECOND] }, steps: [LOGIN, LOOK] },
  // Options
  { name: "every visitor has a session", options: { saveUninitialized: true }, steps: [step(["see"]), step(["see"], ["id"]), LOGIN, LOOK] },
  { name: "every visitor has a session, also who is not looked at", options: { saveUninitialized: true }, steps: [step(), LOOK] },
  { name: "every visitor has a session: errors", options: { saveUninitialized: true }, steps: [step(["throw"]), LOOK] },
  { name: "every visitor has a session: redirects", options: { saveUninitialized: true }, steps: [step(["redirect", "/next"]), LOOK] },
  { name: "every visitor has a session: streams", options: { saveUninitialized: true }, steps: [step(["stream", []]), LOOK] },
  { name: "resave", options: { resave: true }, steps: [LOGIN, LOOK, LOOK] },
  { name: "resave and every visitor", options: { resave: true, saveUninitialized: true }, steps: [step(), LOOK, LOOK] },
  {
    name: "ids of one's own",
    options: {
      genid: (() => {
        let next = 0;
        return () => `an-id-of-the-application-${(next += 1)}`;
      })(),
    },
    steps: [LOGIN, LOOK],
  },
  { name: "unset keep", options: { unset: "keep" }, steps: [LOGIN, step(["set", "b", 1], ["null"], ["none?"]), LOOK] },
  { name: "unset keep, by undefined", options: { unset: "keep" }, steps: [LOGIN, step(["set", "b", 1], ["undefined"], ["none?"]), LOOK] },
  { name: "unset keep, by delete", options: { unset: "keep" }, steps: [LOGIN, step(["set", "b", 1], ["drop"], ["none?"]), LOOK] },
  { name: "unset destroy", options: { unset: "destroy" }, steps: [LOGIN, step(["null"]), step(["see"])] },
  { name: "unset destroy, by delete", options: { unset: "destroy" }, steps: [LOGIN, step(["drop"]), step(["see"])] },
  { name: "unset destroy of a visitor", options: { unset: "destroy" }, steps: [step(["null"]), step(["see"])] },
  // Methods
  { name: "reload takes back", steps: [LOGIN, step(["set", "user", "bob"], ["reload"], ["see"]), LOOK] },
  { name: "reload of nothing", steps: [step(["try", ["reload"]]), LOOK] },
  { name: "reload after save", steps: [LOGIN, step(["set", "b", 1], ["save"], ["set", "b", 2], ["reload"], ["see"]), LOOK] },
  { name: "regenerate twice", steps: [LOGIN, step(["regenerate"], ["regenerate"], ["set", "b", 1], ["id"]), LOOK] },
  { name: "regenerate and nothing else", steps: [LOGIN, step(["regenerate"], ["see"]), step(["see"])] },
  { name: "regenerate, then destroy", steps: [LOGIN, step(["regenerate"], ["set", "b", 1], ["destroy"]), step(["see"])] },
  { name: "regenerate keeps nothing", steps: [step(["assign", { a: 1, b: 2 }]), step(["regenerate"], ["see"], ["set", "c", 3]), LOOK] },
  { name: "regenerate with a maxAge of its own", steps: [LOGIN, step(["regenerate"], ["set", "b", 1], ["maxAge", MINUTE_MS]), LOOK] },
  { name: "destroy, then regenerate nothing", steps: [LOGIN, step(["destroy"], ["regenerate"], ["none?"])] },
  { name: "write in a stream", steps: [LOGIN, step(["set", "a", 1], ["stream", [["see"]]]), LOOK] },
  { name: "the session's id", steps: [step(["id"], ["set", "a", 1]), step(["id"])] },
  {
    name: "a store for express-session",
    options: {
      store: Object.assign(new EventEmitter(), {
        get: (_: string, callback: (error?: unknown) => void) => callback(),
        set: () => undefined,
        destroy: () => undefined,
      }),
    },
    steps: [step(["see"])],
  },
  { name: "ids that are short", options: { genid: () => "short" }, steps: [LOGIN, step(["id-length"])] },
  { name: "a visitor's id is not kept", steps: [step(["id"]), step(["id"])] },
];
