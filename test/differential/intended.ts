import type { Difference, Fields } from "./compare.ts";
import { BASE_OPTIONS } from "./script.ts";
import type { Framework, Operation, Script, Side } from "./script.ts";

/** What was asked, and what both sides answered to all of it. */
export interface Observed {
  readonly script: Script;
  readonly steps: { readonly theirs: readonly Fields[]; readonly ours: readonly Fields[] };
}

/** One way in which ours differs on purpose; docs/migrating.md lists them. */
export interface IntendedDifference {
  readonly id: string;
  readonly frameworks: readonly Framework[];
  /** For the reader of docs/migrating.md: what differs, and why. */
  readonly reason: string;
  /** The test that shows it, where no script can. */
  readonly seenIn?: string;
  matches(observed: Observed, difference: Difference): boolean;
}

const ALL: readonly Framework[] = ["express", "fastify", "koa"];

/**
 * At most 15 a framework. None is about data that is lost; of status codes and of whether a cookie is valid only what DESIGN says of the
 * life of a session (timeouts, ids that were replaced), of values, and of the adapters.
 */
export const INTENDED: readonly IntendedDifference[] = [
  {
    id: "visitors",
    frameworks: ["express", "fastify"],
    reason:
      "A visitor who writes nothing gets no session and no cookie, unless `saveUninitialized` is true: it is false here if left out, and neither `save` nor `regenerate` of an empty session begins one. express-session calls its own default deprecated; @fastify/session makes a session for every crawler. `resave` has no effect: a request writes what it changed, and never the rest.",
    matches: (observed, difference) => {
      if (!isOfCookie(difference)) return false;
      const { options = {} } = observed.script;
      if ("saveUninitialized" in options && options["saveUninitialized"] === undefined) return true;
      return sender(observed, difference) === "theirs" && does(observed, difference, "regenerate", "save", "keep");
    },
  },
  {
    id: "stores",
    frameworks: ["express"],
    reason:
      "`store` takes this package's stores, and `session.MemoryStore`. Stores that were written for the other library are refused at start: they overwrite whole sessions, which is how writes get lost. Middlewares that share a `MemoryStore` share the limits and timeouts of the first.",
    matches: ({ script, steps }) => script.options?.["store"] !== undefined && steps.ours[0]?.has("start") === true,
  },
  {
    id: "name",
    frameworks: ALL,
    reason:
      "The cookie is called `__Host-sid` (on loopback `sid`) unless it is given a name, and its signature, in the same cookie, covers that name, so that no other cookie passes for it; a `cookiePrefix` other than `s:` or nothing is refused at start. Cookies of the other library count as none: users log in once more.",
    matches: ({ script }, { field }) => {
      const isRenamed = ["name", "cookieName", "key"].some(
        (name) => script.options !== undefined && name in script.options && script.options[name] === undefined,
      );
      return (field === "cookie.session.name" && isRenamed) || (script.framework === "koa" && field.startsWith("cookie.session.sig"));
    },
  },
  {
    id: "cookie-defaults",
    frameworks: ALL,
    reason:
      "The cookie is Secure and SameSite=Lax unless set otherwise. On plain http it is sent on loopback outside production only; elsewhere the response goes out without it, and a notice says what to set (the framework's setting for proxies, or `secure: false`). `auto` also counts where `cookie` is a function.",
    matches: (observed, difference) => {
      const { field, theirs, ours } = difference;
      if (/^cookie.session.sameSite$|^seen.\d+.sameSite$/.test(field))
        return (theirs ?? null) === null && ours === "lax" && !saysSameSite(observed.script);
      if (observed.script.framework === "koa" && observed.script.options?.["secure"] === true) return theirs === 500 && field === "status";
      const cookie = observed.script.options?.["cookie"];
      // On plain http @fastify/session sends nothing unless told to, and so keeps nothing.
      if (observed.script.framework === "fastify" && saysNothingOfSecure(observed.script)) return theirs === undefined || theirs === "{}";
      return typeof cookie === "function" && saysAuto(cookie as () => object);
    },
  },
  {
    id: "no-store",
    frameworks: ALL,
    reason:
      "A response that sets the session's cookie says `Cache-Control: no-store`, unless the application says something itself: a cache that keeps the cookie gives it to strangers (CVE-2025-48947).",
    matches: ({ steps }, { step, field, ours }) =>
      field === "header.cache-control" && ours === "no-store" && steps.ours[step]?.has("cookie.session") === true,
  },
  {
    id: "timeouts",
    frameworks: ALL,
    reason:
      "A session ends after 30 min without a request (or its `maxAge`), and in any case 12 h after it began, or when its `maxAge` says so, at most 30 days: an end must be remembered for as long.",
    matches: ({ script, steps }, { step, field, theirs, ours }) => {
      // With a maxAge beyond 12 h that is also when the session ends: the cookie says what is left of it.
      if (field === "cookie.session.life")
        return typeof theirs === "number" && typeof ours === "number" && ours < theirs && theirs * 1000 > ABSOLUTE_MS;
      const idleMs = script.steps[step]?.afterMs ?? 0;
      const ageMs = script.steps.slice(0, step + 1).reduce((sum, { afterMs = 0 }) => sum + afterMs, 0);
      const isOver = idleMs > IDLE_MS || ageMs > ABSOLUTE_MS;
      return (
        isOver &&
        steps.theirs[step]?.get("status") === steps.ours[step]?.get("status") &&
        field.startsWith("seen.") &&
        (ours === undefined || ours === "{}")
      );
    },
  },
  {
    id: "replaced-ids",
    frameworks: ALL,
    reason:
      "A request with an id that a login replaced within the last minute reads an empty session, and writing to it is 409 (`SESSION_ROTATED`): the cookie of such a request would else overwrite the cookie of the login.",
    matches: ({ script, steps }, { step, field }) =>
      steps.ours[step]?.get("status") === 409 &&
      (field === "status" || field.startsWith("cookie.session") || field.startsWith("seen.")) &&
      script.steps
        .slice(0, step)
        .some(
          ({ isForgotten, do: operations }) =>
            isForgotten === true && operations.some(([name]) => name === "regenerate" || name === "keep"),
        ),
  },
  {
    id: "failures",
    frameworks: ALL,
    reason:
      "Sessions are written before the headers go out: what cannot be written is an error for the error handler (503, 409, else 500), and not a page that says 200. A store that does not answer fails only who asks for the session, with 503: nobody gets an empty session instead of his own.",
    seenIn: "test/integration/adapters/error-path.test.ts",
    matches: () => false,
  },
  {
    id: "values",
    frameworks: ALL,
    reason:
      "Date, Map, Set, BigInt and bytes come back as what they were. Functions, cycles and instances of classes are refused (`VALUE_REFUSED`), and so is what goes beyond the limits (64 KiB a value unless set): JSON would lose them without a word.",
    matches: ({ script, steps }, { step, field }) => {
      const puts = script.steps.slice(0, step + 1).some(({ do: operations }) => operations.some(([name]) => name === "put"));
      if (!puts) return false;
      return field.startsWith("seen.") || (field === "status" && steps.ours[step]?.get("status") === 500);
    },
  },
  {
    id: "names",
    frameworks: ALL,
    reason:
      "`session.key` is what stores and logs call the session, so no attribute can have the names of the session's own properties: setting one is an error with a code. Any other name is kept, also those that every object has (`toString`) or that begin with `_`. What a library keeps for itself in the session (koa-session's `isNew`, `_expire`) is not among its keys. Text in `subject` is kept, and also says whose session it is.",
    matches: ({ script, steps }, { step, field, ours }) => {
      if (/\.(isNew|_requireSave|_expire)$/.test(field)) return ours === undefined;
      const names = script.steps
        .slice(0, step + 1)
        .flatMap(({ do: operations }) => operations.flatMap((operation) => attributesIn(operation)));
      if (field === "status") return steps.ours[step]?.get("status") === 500 && names.some((name) => OWN_NAMES.has(name));
      return (
        names.some((name) => OBJECT_NAMES.test(name)) &&
        (field === "seen.1" || OBJECT_NAMES.test(field.replace(/^seen\.\d+\./, ""))) &&
        ours !== "{}"
      );
    },
  },
  {
    id: "destroyed-cookies",
    frameworks: ALL,
    reason:
      "`destroy` (with Koa `ctx.session = null`) removes the cookie with that response, if the request brought one along, and a `maxAge` of 0 or less destroys: a browser that keeps a dead cookie only costs a look-up each time.",
    matches: (observed, difference) => {
      const side = sender(observed, difference);
      return isOfCookie(difference) && side !== undefined && observed.steps[side][difference.step]?.get("cookie.session") === "cleared";
    },
  },
  {
    id: "cookie-sent",
    frameworks: ALL,
    reason:
      "The cookie is sent again when less than half of its life is left, and whenever what it says was changed, also if nothing else was; not with every write. `rolling` sends it with every response.",
    matches: (observed, difference) => {
      const side = sender(observed, difference);
      if (!isOfCookie(difference) || side === undefined) return false;
      if (side === "ours" && does(observed, difference, "maxAge", "expires", "cookie-set", "touch", "options")) return true;
      // The same session in the same browser: only when it is told again differs.
      return isKnown(observed.steps[side], difference.step);
    },
  },
  {
    id: "regenerated-cookie",
    frameworks: ["fastify"],
    reason:
      "A session that was regenerated always gets its cookie, and once: @fastify/session removes the cookie where nothing was written after `regenerate`, and sends it twice after `save`.",
    matches: (observed, difference) =>
      isOfCookie(difference) &&
      does(observed, difference, "regenerate", "keep") &&
      observed.steps.ours[difference.step]?.get("cookie.session.count") === 1,
  },
  {
    id: "remember-me",
    frameworks: ["express", "fastify"],
    reason:
      'A `maxAge` beyond the session\'s end ("remember me") also changes its id, as only a new session has a later end; requests with the old id go on in it for a minute.',
    matches: (observed, difference) =>
      difference.field === "cookie.session" &&
      does(observed, difference, "maxAge", "expires") &&
      isSessionName(difference.ours) &&
      isSessionName(difference.theirs),
  },
  {
    id: "path",
    frameworks: ["express"],
    reason: '`cookie.path: "/foo"` does not match `/foobar`, as browsers do not send the cookie there.',
    matches: ({ script }, { step, field }) => field === "seen.0" && script.steps[step]?.path === "/application",
  },
  {
    id: "ids",
    frameworks: ["express", "fastify"],
    reason:
      "A `genid` of less than 22 characters is not taken, but an id of ours; `secret` is required: `req.secret` and cookie-parser's cookies are not looked at. `sessionStore.all` is by `key`, since ids are kept nowhere, and setting a session that ended does nothing.",
    matches: ({ script }, { field }) => script.name === "ids that are short" && field === "seen.0",
  },
  {
    id: "in-cookie",
    frameworks: ["koa"],
    reason:
      "The cookie has the id of the session and never its data: without `store` sessions are in the memory of this process, so they have an `externalKey`, no limit of 4 KB, and can be ended. `ctx.session = {}` empties the session, also if nobody read it before.",
    matches: ({ script }, difference) =>
      script.app?.inCookie === true &&
      difference.field.startsWith("seen.") &&
      (isSessionName(difference.ours) || script.name.includes("replaced by nothing")),
  },
  {
    id: "ended-keys",
    frameworks: ["koa"],
    reason:
      "After `ctx.session = null` an object begins a session with an id of its own: what ended stays ended. After `regenerate` `externalKey` is the new one at once, and not that of the session which is gone.",
    matches: (observed, difference) => {
      if (!isSessionName(difference.ours) || !isSessionName(difference.theirs)) return false;
      if (difference.field !== "cookie.session")
        return does(observed, difference, "regenerate") || endedAndBegan(observed.script, difference.step);
      return endedAndBegan(observed.script, difference.step);
    },
  },
];

const IDLE_MS = 30 * 60_000;
const ABSOLUTE_MS = 12 * 3_600_000;
const OWN_NAMES: ReadonlySet<string> = new Set(["key"]);
const OBJECT_NAMES = /^(toString|valueOf|hasOwnProperty|_\w+)$/;

function isOfCookie({ field }: Difference): boolean {
  return field === "cookie.session" || field.startsWith("cookie.session.");
}

/** The one side that sends a cookie in this answer; undefined where both or none do. */
function sender({ steps }: Observed, { step }: Difference): Side | undefined {
  const [theirs, ours] = [steps.theirs[step]?.has("cookie.session") === true, steps.ours[step]?.has("cookie.session") === true];
  return theirs === ours ? undefined : theirs ? "theirs" : "ours";
}

/** Whether the handler of this request did one of these. */
function does({ script }: Observed, { step }: Difference, ...names: readonly string[]): boolean {
  return script.steps[step]?.do.some((operation) => names.includes(operation[0] === "try" ? operation[1][0] : operation[0])) === true;
}

function isSessionName(value: unknown): boolean {
  return typeof value === "string" && /^session \d+$/.test(value);
}

/** Whether an earlier answer of this side brought the same session. */
function isKnown(side: readonly Fields[], step: number): boolean {
  const name = side[step]?.get("cookie.session");
  return isSessionName(name) && side.slice(0, step).some((fields) => fields.get("cookie.session") === name);
}

/** Whether a request until then ended its session and began another; from then on sessions have other numbers. */
function endedAndBegan({ steps }: Script, step: number): boolean {
  return steps.slice(0, step + 1).some(({ do: operations }) => {
    const end = operations.findIndex(([name]) => name === "null" || name === "destroy");
    return end >= 0 && operations.slice(end).some(([name]) => name === "replace");
  });
}

function attributesIn(operation: Operation): readonly string[] {
  const [name, what] = operation;
  if (name === "set" || name === "method-set") return [what];
  return name === "assign" || name === "replace" ? Object.keys(what) : [];
}

function saysSameSite({ framework, options = {} }: Script): boolean {
  const merged: Readonly<Record<string, unknown>> = { ...BASE_OPTIONS[framework], ...options };
  const cookie = framework === "koa" ? merged : merged["cookie"];
  return typeof cookie === "object" && cookie !== null && (cookie as { sameSite?: unknown }).sameSite !== undefined;
}

function saysNothingOfSecure({ options = {}, app }: Script): boolean {
  return "cookie" in options && options["cookie"] === undefined && app?.trustsProxy !== true;
}

function saysAuto(cookie: () => object): boolean {
  return Object.values(cookie()).includes("auto");
}
