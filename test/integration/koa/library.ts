import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import Koa3 from "koa";
import type Koa from "koa";
import * as peerModule from "koa-session";
import { describe, onTestFinished } from "vitest";
import { session } from "../../../src/adapters/koa/index.ts";
import type { KoaApplication, KoaSessionOptions } from "../../../src/adapters/koa/index.ts";
import { Koa2 } from "../adapters/frameworks.ts";

/*
 * What the scenarios of this folder are written against: a session library for Koa, seen from outside. koa-session runs the same
 * scenarios, and so proves that they say what people have; where ours differs on purpose, the scenario says both with `pick`.
 */

/** `ctx.session`, whichever types the program gives it. */
export interface SessionSurface {
  [name: string]: unknown;
  readonly isNew: boolean;
  readonly length: number;
  readonly populated: boolean;
  readonly externalKey: string | undefined;
  maxAge: number | "session" | undefined;
  toJSON(): Record<string, unknown>;
  save(callback?: (error?: unknown) => void): unknown;
  regenerate(callback?: (error?: unknown) => void): unknown;
  manuallyCommit(): Promise<void>;
}

/** What an application has in hand: the options of koa-session 7. */
export type PeerOptions = Readonly<Record<string, unknown>>;

export interface Setup {
  readonly library: "koa-session" | "converge-session";
  readonly Koa: typeof Koa;
  readonly koaVersion: 2 | 3;
  /** What this library is expected to do, where the two differ on purpose. */
  pick<T>(expectations: { readonly peer: T; readonly ours: T }): T;
}

export const KEYS = ["a secret of tests, with its thirty-two bytes and more", "an older secret of tests, with its thirty-two bytes"];

/** Each scenario, for both libraries on both versions of Koa. */
export function describeLibraries(title: string, scenarios: (setup: Setup) => void): void {
  for (const library of ["koa-session", "converge-session"] as const) {
    for (const koaVersion of [3, 2] as const) {
      describe(`${title}: ${library} on Koa ${koaVersion}`, () => {
        const pick: Setup["pick"] = ({ peer, ours }) => (library === "koa-session" ? peer : ours);
        scenarios({ library, Koa: koaVersion === 3 ? Koa3 : Koa2, koaVersion, pick });
      });
    }
  }
}

/** koa-session's external store, in memory: as an application writes one, and with what it was asked. */
export class PeerStore {
  readonly entries = new Map<string, string>();
  readonly calls: string[] = [];

  get = async (key: string): Promise<unknown> => {
    this.calls.push("get");
    const text = this.entries.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  };

  set = async (key: string, value: object): Promise<void> => {
    this.calls.push("set");
    this.entries.set(key, JSON.stringify(value));
  };

  destroy = async (key: string): Promise<void> => {
    this.calls.push("destroy");
    this.entries.delete(key);
  };
}

/** The middleware as `app.use(session(options, app))` has it. The real library keeps sessions in a store here, as ours does. */
export function sessions(setup: Setup, options: PeerOptions, app: Koa): Koa.Middleware {
  if (setup.library === "koa-session") {
    const make = peerModule.default as unknown as (options: object, app: Koa) => Koa.Middleware;
    return make({ store: new PeerStore(), ...options }, app);
  }
  const middleware = session({ onNotice: () => undefined, ...options } as KoaSessionOptions, app as KoaApplication);
  onTestFinished(() => middleware.engine.close());
  return middleware;
}

export function sessionOf(context: Koa.Context): SessionSurface {
  return (context as unknown as { session: SessionSurface }).session;
}

export interface Site {
  readonly app: Koa;
  readonly url: string;
  /** What reached `app.on("error")`. */
  readonly errors: unknown[];
  readonly visitor: Visitor;
}

export type Route = (context: Koa.Context) => unknown;

/** An application on a free port; what a route resolves to is the body, unless it is undefined. */
export async function startSite(setup: Setup, routes: Readonly<Record<string, Route>>, options: PeerOptions = {}): Promise<Site> {
  return startApp(setup, (app) => {
    app.use(sessions(setup, options, app));
    app.use(async (context) => {
      const body = await routes[context.path]?.(context);
      if (body !== undefined) context.body = body as object;
    });
  });
}

export async function startApp(setup: Setup, build: (app: Koa) => void): Promise<Site> {
  const app = new setup.Koa();
  app.keys = [...KEYS];
  const errors: unknown[] = [];
  app.on("error", (error) => errors.push(error));
  build(app);
  const answer = app.callback();
  const { url } = await listen(createServer((request, response) => void answer(request, response)));
  return { app, url, errors, visitor: new Visitor(url) };
}

export async function listen(server: Server): Promise<{ readonly url: string; readonly server: Server }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** A browser, as far as cookies go. */
export class Visitor {
  readonly url: string;
  readonly jar = new Map<string, string>();

  constructor(url: string, jar: Iterable<[string, string]> = []) {
    this.url = url;
    this.jar = new Map(jar);
  }

  fork(): Visitor {
    return new Visitor(this.url, this.jar);
  }

  async send(path: string, headers: Record<string, string> = {}): Promise<Response> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(this.url + path, { redirect: "manual", headers: { ...(cookie === "" ? {} : { cookie }), ...headers } });
    for (const text of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
      if (value === "" || /expires=Thu, 01 Jan 1970/i.test(text)) this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return response;
  }

  async json(path: string): Promise<unknown> {
    const response = await this.send(path);
    return response.json();
  }
}

/** The attributes of the session cookie that a response sets, sorted; undefined where it sets none. */
export function attributesOf(response: Response, name: string): string[] | undefined {
  const text = response.headers.getSetCookie().find((each) => each.startsWith(`${name}=`));
  return text
    ?.split(/; ?/)
    .slice(1)
    .map((each) => each.toLowerCase().replace(/^expires=.*/, "expires"))
    .sort();
}
