import type { Framework, Script } from "../script.ts";
import { LOGIN, LOOK, step, stepWith } from "./step.ts";

const MINUTE_MS = 60_000;

/** What every session library does, in the words of each. Where the framework's own name for it counts, it is in its own file. */
export function commonScripts(framework: Framework): readonly Script[] {
  return ALL.map((script) => ({ ...script, framework }));
}

type Common = Omit<Script, "framework">;

const READING_AND_WRITING: readonly Common[] = [
  { name: "a visitor who writes nothing gets no cookie", steps: [step(["see"]), step(["see"])] },
  { name: "a session that nobody looks at", steps: [LOGIN, step(), LOOK] },
  { name: "write, then read", steps: [LOGIN, LOOK, LOOK] },
  { name: "two writes keep the id", steps: [LOGIN, step(["set", "theme", "dark"], ["id"]), LOOK] },
  { name: "the same value again sends no cookie", steps: [LOGIN, step(["set", "user", "ann"]), LOOK] },
  { name: "a value set and taken back", steps: [LOGIN, step(["set", "a", 1], ["delete", "a"]), LOOK] },
  { name: "set and deleted before there is a session", steps: [step(["set", "a", 1], ["delete", "a"]), LOOK] },
  { name: "delete an attribute", steps: [step(["assign", { a: 1, b: 2 }]), step(["delete", "a"]), LOOK] },
  { name: "delete the last attribute", steps: [step(["set", "a", 1]), step(["delete", "a"]), LOOK, step(["set", "b", 1]), LOOK] },
  { name: "delete what is not there", steps: [LOGIN, step(["delete", "nobody"]), LOOK] },
  { name: "nested changes in place", steps: [step(["nest", "cart", "lamp", 1]), step(["nest", "cart", "chair", 4]), LOOK] },
  { name: "pushes to an array", steps: [step(["push", "items", "a"]), step(["push", "items", { b: 1 }]), LOOK] },
  { name: "a counter", steps: [step(["increment", "n"]), step(["increment", "n"]), step(["increment", "n"]), LOOK] },
  {
    name: "values of JSON",
    steps: [step(["assign", { text: "ä😀", zero: 0, no: false, nothing: null, list: [1, [2]], object: { a: {} }, empty: "" }]), LOOK],
  },
  { name: "names like those of objects", steps: [step(["assign", { toString: 1, valueOf: 2, hasOwnProperty: 3 }]), LOOK] },
  { name: "names with dots, spaces and numbers", steps: [step(["assign", { "a.b": 1, "a b": 2, "0": 3, "": 4 }]), LOOK] },
  { name: "is it in the session", steps: [LOGIN, step(["in?", "user"], ["in?", "nobody"], ["get", "user"], ["get", "nobody"])] },
  { name: "as JSON, and spread", steps: [LOGIN, step(["json"], ["spread"])] },
  { name: "assign a whole object", steps: [step(["assign", { a: 1, b: { c: 2 } }]), step(["assign", { b: { d: 3 } }]), LOOK] },
  { name: "a date", steps: [step(["put", "at", "date"]), step(["kind", "at"], ["json"])] },
  { name: "a Map", steps: [step(["put", "map", "map"]), step(["kind", "map"])] },
  { name: "bytes", steps: [step(["put", "bytes", "bytes"]), step(["kind", "bytes"])] },
  { name: "not a number", steps: [step(["put", "n", "number"]), step(["get", "n"])] },
  { name: "a function", steps: [LOGIN, step(["put", "f", "function"]), LOOK] },
  { name: "an instance of a class", steps: [LOGIN, step(["put", "url", "instance"]), step(["kind", "url"]), LOOK] },
  { name: "a value that is too large", steps: [LOGIN, step(["put", "notes", "large"]), step(["in?", "notes"]), LOOK] },
  { name: "a name that is ours", steps: [LOGIN, step(["set", "key", "x"]), step(["get", "user"])] },
  { name: "a subject", steps: [LOGIN, step(["set", "subject", "x"]), LOOK] },
  { name: "a long value", steps: [step(["set", "notes", "x".repeat(2_000)]), LOOK] },
  { name: "POST writes as GET does", steps: [stepWith({ method: "POST" }, ["set", "a", 1]), LOOK] },
  { name: "HEAD reads", steps: [LOGIN, stepWith({ method: "HEAD" }, ["see"]), LOOK] },
  { name: "HEAD writes", steps: [stepWith({ method: "HEAD" }, ["set", "a", 1]), LOOK] },
  {
    name: "DELETE with nothing to say",
    steps: [LOGIN, stepWith({ method: "DELETE" }, ["delete", "user"], ["status", 204], ["empty"]), LOOK],
  },
];

const ANSWERS: readonly Common[] = [
  { name: "a redirect after a write", steps: [step(["set", "a", 1], ["redirect", "/next"]), LOOK] },
  { name: "a redirect without a session", steps: [step(["redirect", "/next"])] },
  { name: "a redirect after a read", steps: [LOGIN, step(["see"], ["redirect", "/next"]), LOOK] },
  { name: "204 after a write", steps: [step(["set", "a", 1], ["status", 204], ["empty"]), LOOK] },
  { name: "304 after a read", steps: [LOGIN, step(["see"], ["status", 304], ["empty"]), LOOK] },
  { name: "304 after a write", steps: [LOGIN, step(["set", "a", 1], ["status", 304], ["empty"]), LOOK] },
  { name: "404 after a write", steps: [step(["set", "a", 1], ["status", 404]), LOOK] },
  { name: "500 by status after a write", steps: [step(["set", "a", 1], ["status", 500]), LOOK] },
  { name: "plain text", steps: [step(["set", "a", 1], ["text"]), step(["text"])] },
  { name: "nothing at all in the body", steps: [step(["set", "a", 1], ["empty"]), LOOK] },
  { name: "a stream after a write", steps: [step(["set", "a", 1], ["stream", []]), LOOK] },
  { name: "a stream of a reader", steps: [LOGIN, step(["see"], ["stream", [["see"]]]), LOOK] },
  { name: "an error before a write", steps: [LOGIN, step(["throw"]), LOOK] },
  { name: "an error after a write", steps: [LOGIN, step(["set", "a", 1], ["throw"]), LOOK] },
  { name: "an error after the first write", steps: [step(["set", "a", 1], ["throw"]), LOOK] },
  { name: "a refusal with a status", steps: [LOGIN, step(["set", "a", 1], ["throw-status", 418]), LOOK] },
  { name: "an error nobody handles", app: { hasErrorHandler: false }, steps: [LOGIN, step(["throw"]), LOOK] },
  { name: "an error nobody handles, of one who reads", app: { hasErrorHandler: false }, steps: [LOGIN, step(["see"], ["throw"]), LOOK] },
  {
    name: "headers of the application",
    steps: [step(["set", "a", 1], ["header", "vary", "Accept"], ["header", "cache-control", "max-age=60"])],
  },
  { name: "headers of the application for a reader", steps: [LOGIN, step(["see"], ["header", "cache-control", "public, max-age=60"])] },
  { name: "a cookie of the application beside the session's", steps: [step(["set", "a", 1], ["own-cookie", "theme=dark; Path=/"]), LOOK] },
  { name: "two cookies of the application", steps: [LOGIN, step(["own-cookie", "a=1"], ["own-cookie", "b=2"], ["set", "c", 3]), LOOK] },
  { name: "a cookie of the application, and no session", steps: [step(["own-cookie", "theme=dark; Path=/"]), LOOK] },
];

const COOKIES: readonly Common[] = [
  { name: "no cookie at all", steps: [LOGIN, stepWith({ cookies: () => "" }, ["see"], ["none?"])] },
  {
    name: "a tampered signature",
    steps: [
      LOGIN,
      stepWith({ cookies: (held) => held.replace(/.$/, (last) => (last === "A" ? "B" : "A")), isForgotten: true }, ["see"]),
      LOOK,
    ],
  },
  {
    name: "a tampered id",
    steps: [LOGIN, stepWith({ cookies: (held, name) => held.replaceAll(`${name}=`, `${name}=x`), isForgotten: true }, ["see"]), LOOK],
  },
  {
    name: "an unsigned id",
    steps: [LOGIN, stepWith({ cookies: (_, name) => `${name}=abcdefghijklmnopqrstuvwxyz`, isForgotten: true }, ["see"]), LOOK],
  },
  { name: "an empty cookie", steps: [LOGIN, stepWith({ cookies: (_, name) => `${name}=`, isForgotten: true }, ["see"]), LOOK] },
  { name: "a cookie that is no cookie", steps: [LOGIN, stepWith({ cookies: () => ";;; ==; nonsense", isForgotten: true }, ["see"]), LOOK] },
  {
    name: "a cookie with bad escapes",
    steps: [LOGIN, stepWith({ cookies: (_, name) => `${name}=%E0%A4%A`, isForgotten: true }, ["see"]), LOOK],
  },
  {
    name: "a very long cookie",
    steps: [LOGIN, stepWith({ cookies: (_, name) => `${name}=${"x".repeat(5_000)}`, isForgotten: true }, ["see"]), LOOK],
  },
  { name: "a quoted cookie", steps: [LOGIN, stepWith({ cookies: () => 'other="quoted; value"', isForgotten: true }, ["see"]), LOOK] },
  { name: "among other cookies", steps: [LOGIN, stepWith({ cookies: (held) => `a=1; ${held}; b=2` }, ["id"], ["see"])] },
  {
    name: "without spaces between cookies",
    steps: [LOGIN, stepWith({ cookies: (held) => `a=1;${held.replaceAll("; ", ";")};b=2` }, ["id"], ["see"])],
  },
  { name: "the same cookie twice", steps: [LOGIN, stepWith({ cookies: (held) => `${held}; ${held}` }, ["id"], ["see"]), LOOK] },
  {
    name: "a cookie by a name that ends alike",
    steps: [LOGIN, stepWith({ cookies: (held, name) => held.replace(`${name}=`, `x${name}=`), isForgotten: true }, ["see"])],
  },
  { name: "garbage writes a new session", steps: [stepWith({ cookies: (_, name) => `${name}=garbage` }, ["set", "a", 1]), LOOK] },
  {
    name: "the id of a destroyed session",
    steps: [LOGIN, stepWith({ isForgotten: true }, ["destroy"]), step(["see"]), step(["set", "b", 1], ["see"]), LOOK],
  },
  {
    name: "a session of nobody: valid signature, unknown id",
    steps: [LOGIN, stepWith({ isForgotten: true }, ["destroy"]), stepWith({ isForgotten: true }, ["see"])],
  },
];

const LIVES: readonly Common[] = [
  { name: "destroy, then visit", steps: [LOGIN, step(["destroy"]), step(["see"])] },
  { name: "destroy, then write in the next request", steps: [LOGIN, step(["destroy"]), step(["set", "b", 1]), LOOK] },
  { name: "what the handler has after destroy", steps: [LOGIN, step(["destroy"], ["none?"])] },
  { name: "write, then destroy", steps: [LOGIN, step(["set", "a", 1], ["destroy"]), LOOK] },
  { name: "destroy and redirect", steps: [LOGIN, step(["destroy"], ["redirect", "/"]), LOOK] },
  { name: "destroy and fail", steps: [LOGIN, step(["destroy"], ["throw"]), LOOK] },
  { name: "destroy of a visitor without a session", steps: [step(["destroy"]), step(["see"])] },
  { name: "destroy twice, in two requests", steps: [LOGIN, step(["destroy"]), step(["destroy"]), step(["see"])] },
  { name: "save in the middle", steps: [LOGIN, step(["set", "a", 1], ["save"], ["set", "b", 2]), LOOK] },
  { name: "save, then fail", steps: [LOGIN, step(["set", "a", 1], ["save"], ["throw"]), LOOK] },
  { name: "save of a new session", steps: [step(["set", "a", 1], ["save"], ["id"]), LOOK] },
  { name: "save twice", steps: [LOGIN, step(["set", "a", 1], ["save"], ["save"]), LOOK] },
  { name: "login: regenerate, then write", steps: [step(["set", "cart", 1]), step(["regenerate"], ["set", "user", "ann"]), LOOK] },
  { name: "regenerate of a visitor without a session", steps: [step(["regenerate"], ["set", "a", 1]), LOOK] },
  { name: "regenerate, write and save", steps: [LOGIN, step(["regenerate"], ["set", "a", 1], ["save"], ["id"]), LOOK] },
  { name: "a session an hour later, with a longer life", options: { cookie: undefined, maxAge: undefined }, steps: [LOGIN, LOOK] },
  { name: "unused for 31 minutes", steps: [LOGIN, stepWith({ afterMs: 31 * MINUTE_MS }, ["see"])] },
  { name: "used for 13 hours", steps: [LOGIN, ...Array.from({ length: 32 }, () => stepWith({ afterMs: 25 * MINUTE_MS }, ["see"]))] },
  {
    name: "the old id after regenerate",
    steps: [
      LOGIN,
      stepWith({ isForgotten: true }, ["regenerate"], ["set", "b", 1]),
      stepWith({ isForgotten: true, afterMs: 2 * MINUTE_MS }, ["see"]),
    ],
  },
  {
    name: "the old id right after regenerate",
    steps: [
      LOGIN,
      stepWith({ isForgotten: true }, ["regenerate"], ["set", "b", 1]),
      stepWith({ isForgotten: true }, ["see"]),
      stepWith({ isForgotten: true }, ["set", "c", 1]),
    ],
  },
  { name: "used every minute", steps: [LOGIN, ...[1, 2, 3].map(() => stepWith({ afterMs: MINUTE_MS }, ["id"], ["see"]))] },
];

const ALL: readonly Common[] = [...READING_AND_WRITING, ...ANSWERS, ...COOKIES, ...LIVES];
