import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expect, onTestFinished, test } from "vitest";
import { session } from "../../../src/adapters/node/index.ts";
import type { NodeSession, NodeSessionOptions, SessionSource } from "../../../src/adapters/node/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { listen, Visitor } from "../koa/library.ts";

const SECRET = "a secret of tests, with its thirty-two bytes and more";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly session: NodeSession;
  readonly sessions: SessionSource;
}

/** Resolves to the JSON that answers; to undefined where it answered by itself. */
type Route = (exchange: Exchange) => unknown;

interface Site {
  readonly visitor: Visitor;
  readonly sessions: SessionSource;
  /** What the listener threw. */
  readonly errors: unknown[];
}

async function start(routes: Readonly<Record<string, Route>>, options: Partial<NodeSessionOptions> = {}): Promise<Site> {
  const sessions = session({ secret: SECRET, onNotice: () => undefined, ...options } as NodeSessionOptions);
  onTestFinished(() => sessions.engine.close());
  const errors: unknown[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://test");
    const body = await routes[url.pathname]?.({ request, response, url, session: await sessions(request, response), sessions });
    if (body !== undefined) response.setHeader("Content-Type", "application/json").end(JSON.stringify(body));
  };
  const { url } = await listen(
    createServer((request, response) => {
      answer(request, response).catch((error: unknown) => {
        errors.push(error);
        if (!response.headersSent) response.writeHead((error as { status?: number }).status ?? 500).end();
      });
    }),
  );
  return { visitor: new Visitor(url), sessions, errors };
}

const ROUTES: Readonly<Record<string, Route>> = {
  "/read": ({ session: found }) => ({ ...found }),
  "/write": ({ session: found, url }) => {
    found[url.searchParams.get("name") ?? "name"] = "Ada";
    return {};
  },
};

test("[A41] a request's session: what was changed in it is there in the next one; who writes nothing gets none", async () => {
  const { visitor } = await start(ROUTES);
  await visitor.send("/read");
  expect(visitor.jar.size).toBe(0);
  const response = await visitor.send("/write");
  expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^sid=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/)]);
  expect(await visitor.json("/read")).toEqual({ name: "Ada" });
});

test("[A41] asked again, it is the same object, which goes on after regenerate, and reads as empty after destroy", async () => {
  const { visitor } = await start({
    ...ROUTES,
    "/login": async ({ request, response, session: found, sessions }) => {
      const isSame = (await sessions(request, response)) === found;
      const before = found.id;
      await found.regenerate({ keep: ["name"] });
      found["user"] = 7;
      return { isSame, isNewId: before !== found.id, all: { ...found } };
    },
    "/logout": async ({ request, response, session: found, sessions }) => {
      await found.destroy();
      const code = ((): unknown => {
        try {
          found["name"] = "Eve";
          return "accepted";
        } catch (error) {
          return (error as { code: string }).code;
        }
      })();
      return { all: { ...found }, isSame: (await sessions(request, response)) === found, code };
    },
  });
  await visitor.send("/write");
  await visitor.send("/write?name=cart");
  const thief = visitor.fork();
  expect(await visitor.json("/login")).toEqual({ isSame: true, isNewId: true, all: { name: "Ada", user: 7 } });
  expect(await thief.json("/read")).toEqual({});
  const stolen = visitor.fork();
  expect(await visitor.json("/logout")).toEqual({ all: {}, isSame: true, code: "SESSION_ENDED" });
  expect(visitor.jar.size).toBe(0);
  expect(await stolen.json("/read")).toEqual({});
});

test("[A41] commit and cookie come before the headers, in each way of answering", async () => {
  const { visitor } = await start({
    ...ROUTES,
    "/write-head": ({ response, session: found }) => {
      found["way"] = "writeHead";
      response.writeHead(200, { "Content-Type": "text/plain" }).end("ok");
    },
    "/implicit": ({ response, session: found }) => {
      found["way"] = "end";
      response.end("ok");
    },
    "/flush": ({ response, session: found }) => {
      found["way"] = "flush";
      response.flushHeaders();
      response.end("ok");
    },
    "/stream": async ({ response, session: found }) => {
      found["way"] = "stream";
      await pipeline(Readable.from(["o", "k"]), response);
    },
    "/late": async ({ response, session: found }) => {
      response.write("o");
      await new Promise(setImmediate);
      found["way"] = "late";
      response.end("k");
    },
  });
  for (const way of ["write-head", "implicit", "flush", "stream", "late"]) {
    const response = await visitor.send(`/${way}`);
    expect([response.status, await response.text()]).toEqual([200, "ok"]);
    expect(await visitor.json("/read")).toEqual({ way: { "write-head": "writeHead", implicit: "end" }[way] ?? way });
  }
});

test("[A41] what cannot be written is answered for: by default with a status, else by onError; once", async () => {
  const broken: Route = ({ response, session: found }) => {
    found["run"] = () => 1;
    response.end("ok");
  };
  const plain = await start({ "/": broken });
  const response = await plain.visitor.send("/");
  expect([response.status, await response.json()]).toEqual([
    500,
    { statusCode: 500, code: "VALUE_REFUSED", error: "Internal Server Error" },
  ]);
  const told: unknown[] = [];
  const own = await start(
    { "/": broken },
    {
      onError: (error, request, answer) => {
        told.push([(error as { code: string }).code, request.url]);
        answer.writeHead(422).end("own");
      },
    },
  );
  const answered = await own.visitor.send("/");
  expect([answered.status, await answered.text(), told]).toEqual([422, "own", [["VALUE_REFUSED", "/"]]]);
});

test("[A41] a session that cannot be loaded rejects with 503, and pages that do not ask for it work", async () => {
  const engine = createEngine();
  const { visitor, errors } = await start(ROUTES, { engine });
  await visitor.send("/write");
  await engine.close();
  expect((await visitor.send("/read")).status).toBe(503);
  expect(errors).toEqual([expect.objectContaining({ code: "SESSION_UNAVAILABLE" })]);
});

test("[A41] the connection decides about the cookie: behind a trusted proxy it is Secure", async () => {
  const headers = { "X-Forwarded-Proto": "https" };
  const trusting = await start(ROUTES, { proxy: true });
  expect((await trusting.visitor.send("/write", headers)).headers.getSetCookie()[0]).toMatch(/^__Host-sid=.*; Secure;/);
  const other = await start(ROUTES);
  expect((await other.visitor.send("/write", headers)).headers.getSetCookie()).toEqual([]);
});

test("[A41] options are looked through at start", () => {
  for (const options of [{ proxy: "yes" }, { onError: true }, { skip: () => true }, { secret: [] }]) {
    const begin = () => session({ secret: SECRET, ...options } as unknown as NodeSessionOptions);
    expect(begin).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  }
});

test("[A41] touch: false for polling lets the session go idle", async () => {
  const { visitor, sessions } = await start(
    { ...ROUTES, "/poll": ({ session: found }) => ({ ...found }) },
    { touch: ({ url }) => url !== "/poll" },
  );
  await visitor.send("/write");
  const touchedAtMs = async (): Promise<number> => {
    for await (const each of sessions.engine.sessions()) return each.touchedAtMs;
    throw new Error("no session");
  };
  const before = await touchedAtMs();
  await visitor.send("/poll");
  expect(await touchedAtMs()).toBe(before);
  await visitor.send("/read");
  expect(await touchedAtMs()).toBeGreaterThan(before);
});
