import type { RaceCourse } from "../../src/testing/index.ts";

const REQUEST_MS = 15_000;

/** One answer, whatever its status; the body may still be on its way. */
export interface Exchange {
  readonly status: number;
  readonly location: string;
  /** The body as JSON; undefined for a redirect, which `drain` reads. */
  readonly body: unknown;
  /** The session cookies that this answer sets, ended ones not among them, and what else belongs to them not either. */
  readonly cookies: ReadonlyMap<string, string>;
  /** What the browser sends from now on. */
  readonly jar: string;
  drain(): Promise<unknown>;
}

/** Asks as a browser does that has the cookies of `jar`, and keeps those that are set. Resolves for redirects when the headers are here. */
export async function exchange(url: string, path: string, jar: string): Promise<Exchange> {
  const response = await fetch(url + path, {
    redirect: "manual",
    signal: AbortSignal.timeout(REQUEST_MS),
    headers: jar === "" ? {} : { cookie: jar },
  });
  const held = new Map(jar === "" ? [] : jar.split("; ").map((pair) => splitPair(pair)));
  const cookies = new Map<string, string>();
  for (const line of response.headers.getSetCookie()) {
    const [name, value] = splitPair(line.split(";")[0] ?? "");
    const isOver = value === "" || /max-age=0|expires=thu, 01 jan 1970/i.test(line);
    if (isOver) held.delete(name);
    else {
      held.set(name, value);
      // `sid-3` tells what the browser has seen, `koa.sess.sig` signs another: neither opens anything.
      if (!/-\d$|\.sig$/.test(name)) cookies.set(name, value);
    }
  }
  const isRedirect = response.status >= 300 && response.status < 400;
  const body: unknown = isRedirect ? undefined : await response.json();
  return {
    status: response.status,
    location: response.headers.get("location") ?? "",
    body,
    cookies,
    jar: [...held].map(([name, value]) => `${name}=${value}`).join("; "),
    drain: () => (isRedirect ? response.arrayBuffer() : Promise.resolve()),
  };
}

/** Whether these cookies open a session with anything in it, on any node, after all that was on its way has arrived. */
export async function isAlive(course: RaceCourse, jar: string): Promise<boolean> {
  for (const url of course.urls) await course.login(url);
  const seen = await Promise.all(course.urls.map((url) => exchange(url, "/session", jar)));
  return seen.some(({ body }) => Object.keys(body ?? {}).some((name) => name !== "session"));
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf("=");
  return [pair.slice(0, equals), pair.slice(equals + 1)];
}
