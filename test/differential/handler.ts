import { VALUES } from "./script.ts";
import type { Operation } from "./script.ts";

/** The session of one request, by the methods that its library documents, each as a promise. */
export interface SessionAccess {
  current(): LibrarySession | null | undefined;
  assign(value: unknown): void;
  drop(): void;
  id(): unknown;
  call(method: "save" | "reload" | "regenerate" | "destroy", ...parts: unknown[]): Promise<unknown>;
  /** What only this library has; undefined where it is none of its. */
  own?(operation: Operation, session: LibrarySession): unknown;
}

// oxlint-disable-next-line typescript/no-explicit-any -- three libraries' sessions, driven by data
export type LibrarySession = Record<string, any>;

/** What the framework is to answer. */
export interface Answer {
  readonly seen: unknown[];
  readonly headers: Record<string, string>;
  readonly ownCookies: string[];
  status: number;
  kind: "json" | "redirect" | "text" | "empty" | "stream";
  location: string;
  /** For a stream: what is done after its first chunk went out. */
  readonly late: Operation[];
}

/** By this header a request brings what its handler is to do. */
export const PROGRAM_HEADER = "x-program";

export function programOf(header: string | string[] | undefined): readonly Operation[] {
  return typeof header === "string" ? (JSON.parse(decodeURIComponent(header)) as Operation[]) : [];
}

export function newAnswer(): Answer {
  return { seen: [], headers: {}, ownCookies: [], status: 200, kind: "json", location: "", late: [] };
}

/** Whatever it throws is the framework's to answer. */
export async function perform(access: SessionAccess, program: readonly Operation[], answer: Answer): Promise<void> {
  for (const operation of program) await performOne(access, operation, answer);
}

async function performOne(access: SessionAccess, operation: Operation, answer: Answer): Promise<void> {
  if (operation[0] === "try") {
    try {
      await performOne(access, operation[1], answer);
      answer.seen.push("done");
    } catch {
      answer.seen.push("failed");
    }
    return;
  }
  if (respond(operation, answer)) return;
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the others need a session, below
  switch (operation[0]) {
    case "null":
      return access.assign(null);
    case "undefined":
      return access.assign(undefined);
    case "drop":
      return access.drop();
    case "replace":
      return access.assign({ ...operation[1] });
    case "id":
      answer.seen.push({ id: access.id() ?? null });
      return;
    case "id-length":
      answer.seen.push(String(access.id()).length);
      return;
    case "none?":
      answer.seen.push(access.current() === undefined ? "undefined" : access.current() === null ? "null" : "session");
      return;
  }
  const session = access.current();
  // Every library throws its own TypeError here, and no application means to.
  if (session === null || session === undefined) {
    answer.seen.push("no session");
    return;
  }
  await useSession(access, session, operation, answer);
}

function respond(operation: Operation, answer: Answer): boolean {
  switch (operation[0]) {
    case "throw":
      throw new Error("the handler failed");
    case "throw-status":
      throw Object.assign(new Error("the handler refused"), { status: operation[1], statusCode: operation[1], expose: true });
    case "status":
      answer.status = operation[1];
      return true;
    case "redirect":
      answer.kind = "redirect";
      answer.location = operation[1];
      return true;
    case "header":
      answer.headers[operation[1]] = operation[2];
      return true;
    case "own-cookie":
      answer.ownCookies.push(operation[1]);
      return true;
    case "text":
    case "empty":
      answer.kind = operation[0];
      return true;
    case "stream":
      answer.kind = "stream";
      answer.late.push(...operation[1]);
      return true;
    default:
      return false;
  }
}

async function useSession(access: SessionAccess, session: LibrarySession, operation: Operation, { seen }: Answer): Promise<void> {
  switch (operation[0]) {
    case "see":
      seen.push(attributesOf(typeof session["toJSON"] === "function" ? (session["toJSON"] as () => object).call(session) : session));
      return;
    case "json":
      seen.push(attributesOf(JSON.parse(JSON.stringify(session)) as object));
      return;
    case "spread":
      seen.push(attributesOf({ ...session }));
      return;
    case "names":
      seen.push(Object.keys(session).toSorted());
      return;
    case "get":
      seen.push(session[operation[1]] ?? null);
      return;
    case "in?":
      seen.push(operation[1] in session);
      return;
    case "cookie":
      seen.push(cookieOf(session["cookie"] as object | undefined));
      return;
    case "set":
      session[operation[1]] = operation[2];
      return;
    case "put":
      session[operation[1]] = VALUES[operation[2]]();
      return;
    case "kind":
      seen.push(Object.prototype.toString.call(session[operation[1]]));
      return;
    case "assign":
      Object.assign(session, operation[1]);
      return;
    case "delete":
      delete session[operation[1]];
      return;
    case "increment":
      session[operation[1]] = Number(session[operation[1]] ?? 0) + 1;
      return;
    case "push":
      session[operation[1]] ??= [];
      (session[operation[1]] as unknown[]).push(operation[2]);
      return;
    case "nest":
      session[operation[1]] ??= {};
      (session[operation[1]] as Record<string, unknown>)[operation[2]] = operation[3];
      return;
    case "maxAge":
      (session["cookie"] as LibrarySession)["maxAge"] = operation[1];
      return;
    case "expires":
      (session["cookie"] as LibrarySession)["expires"] = operation[1] === null ? null : new Date(Date.now() + operation[1]);
      return;
    case "cookie-set":
      (session["cookie"] as LibrarySession)[operation[1]] = operation[2];
      return;
    case "touch":
      (session["touch"] as () => void).call(session);
      return;
    case "reset":
      (session["resetMaxAge"] as () => void).call(session);
      return;
    case "save":
    case "reload":
    case "regenerate":
    case "destroy":
      await access.call(operation[0]);
      return;
    default: {
      const answered = await access.own?.(operation, session);
      if (answered !== undefined) seen.push(answered);
    }
  }
}

function attributesOf(session: object): object {
  return Object.fromEntries(Object.entries(session).filter(([name]) => name !== "cookie"));
}

/** As far as it says how long: what a library keeps beside that is its own. */
function cookieOf(cookie: object | undefined): unknown {
  if (cookie === undefined) return "no cookie";
  const { maxAge, originalMaxAge, expires, path, httpOnly, secure, sameSite, domain } = cookie as Record<string, unknown>;
  return {
    maxAge: maxAge ?? null,
    originalMaxAge: originalMaxAge ?? null,
    expires: expires instanceof Date ? expires.getTime() - Date.now() : (expires ?? null),
    path,
    httpOnly,
    secure: secure ?? null,
    sameSite: sameSite ?? null,
    domain: domain ?? null,
  };
}
