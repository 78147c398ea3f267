import type { Operation, Script } from "../script.ts";
import { LOGIN, LOOK, step, stepWith } from "./step.ts";

const MINUTE_MS = 60_000;
const FIRST = "the first secret, with its thirty-two bytes and more";
const SECOND = "the second secret, with its thirty-two bytes and more";
const LAX = { secure: false, sameSite: "lax" };

/** What only @fastify/session has. */
export function fastifyScripts(): readonly Script[] {
  return ALL.map((script) => ({ ...script, framework: "fastify" }));
}

const cookieScript = (name: string, cookie: object, ...operations: Operation[]): Omit<Script, "framework"> => ({
  name,
  options: { cookie: { ...LAX, ...cookie } },
  steps: [step(["set", "a", 1], ...operations), LOOK],
});

const ALL: readonly Omit<Script, "framework">[] = [
  {
    name: "get and set",
    steps: [step(["method-set", "a", 1], ["method-get", "a"], ["method-get", "b"]), step(["method-get", "a"], ["get", "a"])],
  },
  { name: "modified or not", steps: [step(["modified?"], ["set", "a", 1], ["modified?"]), step(["modified?"], ["see"], ["modified?"])] },
  { name: "modified in place", steps: [step(["nest", "a", "b", 1]), step(["nest", "a", "b", 2], ["modified?"]), LOOK] },
  { name: "modified and taken back", steps: [step(["set", "a", 1]), step(["set", "a", 2], ["set", "a", 1], ["modified?"])] },
  { name: "saved or not", steps: [step(["saved?"], ["set", "a", 1], ["saved?"], ["save"], ["saved?"]), step(["saved?"])] },
  { name: "modified after save", steps: [step(["set", "a", 1], ["save"], ["modified?"], ["set", "b", 1], ["modified?"])] },
  { name: "the id, also encrypted", steps: [step(["set", "a", 1], ["id"], ["encrypted?"]), step(["id"], ["encrypted?"])] },
  { name: "the store is there", steps: [step(["store?"])] },
  { name: "regenerate and keep some", steps: [step(["assign", { a: 1, b: 2, c: 3 }]), step(["keep", ["a", "b"]], ["see"]), LOOK] },
  { name: "regenerate and keep what is not there", steps: [LOGIN, step(["keep", ["nobody"]], ["set", "a", 1]), LOOK] },
  { name: "regenerate and keep nothing", steps: [LOGIN, step(["keep", []], ["set", "a", 1]), LOOK] },
  { name: "regenerate and nothing else", steps: [LOGIN, step(["regenerate"], ["see"]), step(["see"])] },
  { name: "regenerate twice", steps: [LOGIN, step(["regenerate"], ["regenerate"], ["set", "b", 1], ["id"]), LOOK] },
  { name: "reload takes back", steps: [LOGIN, step(["set", "user", "bob"], ["reload"], ["see"]), LOOK] },
  { name: "reload of nothing", steps: [step(["try", ["reload"]], ["see"]), LOOK] },
  { name: "reload after save", steps: [LOGIN, step(["set", "b", 1], ["save"], ["set", "b", 2], ["reload"], ["see"]), LOOK] },
  {
    name: "touch",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, stepWith({ afterMs: 20_000 }, ["touch"], ["cookie"]), LOOK],
  },
  {
    name: "touch and write",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, stepWith({ afterMs: 20_000 }, ["touch"], ["set", "b", 1]), LOOK],
  },
  { name: "options of one session", steps: [LOGIN, step(["options", { maxAge: MINUTE_MS }], ["set", "b", 1]), LOOK] },
  { name: "options of one session: SameSite", steps: [LOGIN, step(["options", { sameSite: "strict" }], ["set", "b", 1]), LOOK] },
  { name: "options of one session: httpOnly", steps: [step(["set", "a", 1], ["options", { httpOnly: false }]), LOOK] },
  { name: "options with nothing in them", steps: [LOGIN, step(["options", {}]), LOOK] },
  { name: "null for the session", steps: [LOGIN, step(["set", "b", 1], ["null"], ["none?"]), LOOK] },
  cookieScript("a maxAge", { maxAge: MINUTE_MS }, ["cookie"]),
  cookieScript("a cookie until the browser closes", {}, ["cookie"]),
  cookieScript("httpOnly false", { httpOnly: false }),
  cookieScript("SameSite strict", { sameSite: "strict" }),
  cookieScript("SameSite true", { sameSite: true }),
  cookieScript("a domain", { domain: "example.org" }),
  {
    name: "expired after its maxAge",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, stepWith({ afterMs: MINUTE_MS + 1 }, ["see"])],
  },
  {
    name: "alive just before its maxAge",
    options: { cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, stepWith({ afterMs: MINUTE_MS - 5_000 }, ["id"], ["see"])],
  },
  { name: "a maxAge set in a request", steps: [LOGIN, step(["maxAge", 2 * MINUTE_MS], ["set", "b", 1]), LOOK] },
  { name: "only the maxAge set", steps: [LOGIN, step(["maxAge", 2 * MINUTE_MS]), LOOK] },
  { name: "expires as an instant", steps: [LOGIN, step(["expires", 5 * MINUTE_MS], ["set", "b", 1]), LOOK] },
  {
    name: "rolling sends the cookie each time",
    options: { rolling: true, cookie: { ...LAX, maxAge: MINUTE_MS } },
    steps: [LOGIN, LOOK, step()],
  },
  { name: "rolling without a maxAge", options: { rolling: true }, steps: [LOGIN, LOOK] },
  { name: "rolling of visitors", options: { rolling: true }, steps: [step(["see"]), step(["see"])] },
  { name: "every visitor has a session", options: { saveUninitialized: true }, steps: [step(["see"]), step(["see"], ["id"]), LOGIN, LOOK] },
  { name: "every visitor has a session: errors", options: { saveUninitialized: true }, steps: [step(["throw"]), LOOK] },
  { name: "every visitor has a session: redirects", options: { saveUninitialized: true }, steps: [step(["redirect", "/next"]), LOOK] },
  { name: "every visitor has a session: streams", options: { saveUninitialized: true }, steps: [step(["stream", []]), LOOK] },
  {
    name: "default options",
    options: { rolling: undefined, saveUninitialized: undefined, cookie: undefined },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1]), stepWith({ isHttps: true }, ["see"])],
  },
  { name: "the default name", options: { cookieName: undefined }, steps: [LOGIN, LOOK] },
  { name: "a prefix of the cookie's value", options: { cookiePrefix: "s:" }, steps: [LOGIN, LOOK] },
  {
    name: "outside of the path",
    options: { cookie: { ...LAX, path: "/app" } },
    steps: [step(["none?"]), stepWith({ path: "/app" }, ["set", "a", 1]), stepWith({ path: "/app/x" }, ["see"]), step(["none?"])],
  },
  { name: "beside the path", options: { cookie: { ...LAX, path: "/app" } }, steps: [stepWith({ path: "/application" }, ["none?"])] },
  {
    name: "secure over https",
    options: { cookie: { secure: true, sameSite: "lax" }, cookieName: "__Host-sid" },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1]), stepWith({ isHttps: true }, ["id"], ["see"])],
  },
  {
    name: "secure over http",
    options: { cookie: { secure: true, sameSite: "lax" }, cookieName: "__Host-sid" },
    steps: [step(["set", "a", 1]), step(["see"])],
  },
  {
    name: "secure auto over https",
    options: { cookie: { secure: "auto", sameSite: "lax" } },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1]), stepWith({ isHttps: true }, ["see"])],
  },
  { name: "secure auto over http", options: { cookie: { secure: "auto" } }, steps: [step(["set", "a", 1]), LOOK] },
  { name: "several secrets", options: { secret: [FIRST, SECOND] }, steps: [LOGIN, LOOK] },
  {
    name: "ids of one's own",
    options: {
      idGenerator: (() => {
        let next = 0;
        return () => `an-id-of-the-application-${(next += 1)}`;
      })(),
    },
    steps: [LOGIN, LOOK],
  },
  { name: "remember me for a week", steps: [LOGIN, step(["maxAge", 7 * 24 * 60 * MINUTE_MS], ["set", "b", 1]), step(["see"])] },
  { name: "ids that are short", options: { idGenerator: () => "short" }, steps: [LOGIN, step(["id-length"])] },
  { name: "write in a stream", steps: [LOGIN, step(["set", "a", 1], ["stream", [["see"]]]), LOOK] },
  { name: "a visitor's id is not kept", steps: [step(["id"]), step(["id"])] },
];
