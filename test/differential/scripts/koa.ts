import type { Script } from "../script.ts";
import { LOGIN, LOOK, step, stepWith } from "./step.ts";

const MINUTE_MS = 60_000;
const FIRST = "the first secret, with its thirty-two bytes and more";
const SECOND = "the second secret, with its thirty-two bytes and more";

/** What only koa-session has; each also with the data in the cookie where that is not about its store. */
export function koaScripts(): readonly Script[] {
  return [...ALL, ...ALL.filter(({ name }) => !name.includes("external")).map(inCookie)].map((script) => ({ ...script, framework: "koa" }));
}

type Koa = Omit<Script, "framework">;

function inCookie(script: Koa): Koa {
  return { ...script, name: `in the cookie: ${script.name}`, app: { ...script.app, inCookie: true } };
}

const ALL: readonly Koa[] = [
  { name: "new or not", steps: [step(["new?"]), step(["set", "a", 1], ["new?"]), step(["new?"])] },
  {
    name: "how long, and populated",
    steps: [step(["length?"], ["populated?"], ["set", "a", 1], ["length?"], ["populated?"]), step(["length?"], ["populated?"])],
  },
  { name: "maxAge is read", options: { maxAge: MINUTE_MS }, steps: [LOGIN, step(["maxAge?"])] },
  { name: "maxAge is set", steps: [LOGIN, step(["session-maxAge", MINUTE_MS]), step(["see"], ["maxAge?"])] },
  { name: "maxAge is set with the first write", steps: [step(["set", "a", 1], ["session-maxAge", MINUTE_MS]), step(["see"], ["maxAge?"])] },
  { name: "maxAge session for one session", steps: [LOGIN, step(["session-maxAge", "session"]), step(["see"])] },
  { name: "maxAge session for all", options: { maxAge: "session" }, steps: [LOGIN, LOOK, step(["maxAge?"])] },
  { name: "expired after its maxAge", options: { maxAge: MINUTE_MS }, steps: [LOGIN, stepWith({ afterMs: MINUTE_MS + 1_000 }, ["see"])] },
  {
    name: "expired, with the cookie sent all the same",
    options: { maxAge: MINUTE_MS },
    steps: [LOGIN, stepWith({ afterMs: MINUTE_MS - 1_000 }, ["see"])],
  },
  { name: "null destroys", steps: [LOGIN, step(["null"], ["none?"]), step(["see"], ["new?"])] },
  { name: "null of a visitor", steps: [step(["null"]), step(["see"])] },
  { name: "null, then a new one", steps: [LOGIN, step(["null"], ["replace", { a: 1 }]), step(["see"])] },
  { name: "replaced by an object", steps: [step(["assign", { a: 1, b: 2 }]), step(["replace", { b: 3, c: 4 }], ["see"]), LOOK] },
  { name: "replaced by an object at first", steps: [step(["replace", { a: 1 }], ["see"]), LOOK] },
  { name: "replaced by nothing", steps: [LOGIN, step(["replace", {}], ["see"]), step(["see"])] },
  { name: "save of nothing", steps: [step(["save"]), step(["new?"], ["see"])] },
  { name: "save of what did not change", steps: [LOGIN, step(["save"]), LOOK] },
  { name: "regenerate keeps the data", steps: [step(["assign", { a: 1, b: 2 }]), step(["regenerate"], ["see"]), step(["see"])] },
  { name: "regenerate and write", steps: [LOGIN, step(["set", "b", 1], ["regenerate"], ["set", "c", 2]), step(["see"])] },
  { name: "autoCommit false, and no commit", options: { autoCommit: false }, steps: [step(["set", "a", 1]), step(["see"])] },
  { name: "autoCommit false, and a commit", options: { autoCommit: false }, steps: [step(["set", "a", 1], ["commit"]), step(["see"])] },
  {
    name: "autoCommit false: written after the commit",
    options: { autoCommit: false },
    steps: [step(["set", "a", 1], ["commit"], ["set", "b", 1]), step(["see"])],
  },
  { name: "commit before the end", steps: [step(["set", "a", 1], ["commit"], ["set", "b", 1]), step(["see"])] },
  { name: "rolling", options: { rolling: true, maxAge: MINUTE_MS }, steps: [LOGIN, step(["see"]), step()] },
  { name: "rolling of visitors", options: { rolling: true }, steps: [step(["see"]), step()] },
  {
    name: "renew when more than half is over",
    options: { renew: true, maxAge: MINUTE_MS },
    steps: [LOGIN, stepWith({ afterMs: 20_000 }, ["see"]), stepWith({ afterMs: 20_000 }, ["see"]), stepWith({ afterMs: 40_000 }, ["see"])],
  },
  { name: "names that begin with an underscore", steps: [step(["assign", { _a: 1, b: 2 }]), step(["see"])] },
  { name: "httpOnly false", options: { httpOnly: false }, steps: [LOGIN, LOOK] },
  { name: "SameSite strict", options: { sameSite: "strict" }, steps: [LOGIN, LOOK] },
  { name: "no SameSite", options: { sameSite: undefined }, steps: [LOGIN, LOOK] },
  { name: "a path", options: { path: "/" }, steps: [LOGIN, LOOK] },
  { name: "a domain", options: { domain: "example.org" }, steps: [LOGIN] },
  { name: "the default name", options: { key: undefined }, steps: [LOGIN, LOOK] },
  {
    name: "default options",
    options: { key: undefined, secure: undefined, sameSite: undefined, maxAge: undefined },
    steps: [LOGIN, step(["see"])],
  },
  {
    name: "secure over https",
    options: { secure: true, key: "__Host-sid" },
    app: { trustsProxy: true },
    steps: [stepWith({ isHttps: true }, ["set", "a", 1]), stepWith({ isHttps: true }, ["see"])],
  },
  { name: "secure over http", options: { secure: true, key: "__Host-sid" }, steps: [step(["set", "a", 1]), step(["see"])] },
  { name: "several keys", options: { keys: [FIRST, SECOND] }, steps: [LOGIN, LOOK] },
  { name: "the external key", steps: [LOGIN, step(["external?"]), step(["external?"], ["set", "b", 1])] },
  { name: "external key after regenerate", steps: [LOGIN, step(["external?"], ["regenerate"]), step(["external?"])] },
  {
    name: "an id of one's own, external",
    options: {
      genid: (() => {
        let next = 0;
        return () => `an-id-of-the-application-${(next += 1)}`;
      })(),
    },
    steps: [LOGIN, step(["external?"])],
  },
  {
    name: "a session that is not valid",
    options: { valid: (_: unknown, data: { user?: string }) => data.user !== "ann" },
    steps: [LOGIN, step(["see"])],
  },
  {
    name: "before it is saved",
    options: { beforeSave: (_: unknown, session: Record<string, unknown>) => (session["saved"] = true) },
    steps: [LOGIN, step(["see"])],
  },
  { name: "a stream after a write, later", steps: [LOGIN, step(["set", "a", 1], ["stream", [["see"]]]), LOOK] },
];
