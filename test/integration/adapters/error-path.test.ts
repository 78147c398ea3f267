import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import express from "express";
import type { ErrorRequestHandler } from "express";
import createFastify from "fastify";
import Koa from "koa";
import { afterEach, describe, expect, test } from "vitest";
import { session as expressSession } from "../../../src/adapters/express/index.ts";
import { session as fastifySession } from "../../../src/adapters/fastify/index.ts";
import { session as koaSession } from "../../../src/adapters/koa/index.ts";
import { listen } from "../../../examples/demo/race/listen.ts";
import { SECRET } from "./frameworks.ts";

const OPTIONS = { secret: SECRET, onNotice: () => undefined };

/** What every error handler below answers: the code of the error, and that it was this handler. */
function answerTo(error: unknown): { handler: string; code: unknown } {
  return { handler: "of the application", code: (error as { code?: unknown }).code };
}

describe("error path", () => {
  const closing: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  /** An Express app whose error handler answers in a later turn, and so after the failed route went on. */
  async function startExpress(route: express.RequestHandler): Promise<string> {
    const sessions = expressSession(OPTIONS);
    const app = express();
    app.use(sessions);
    app.use((request, _response, next) => {
      Reflect.set(request.session, "run", () => 1);
      next();
    });
    app.use(route);
    const onError: ErrorRequestHandler = async (error, _request, response, _next) => {
      await nextTurn();
      await nextTurn();
      response.status((error as { status: number }).status).json(answerTo(error));
    };
    app.use(onError);
    const { url, close } = await listen(app, () => sessions.engine.close());
    closing.push(close);
    return url;
  }

  test("[A21] Express: the application's error handler answers for a refused value, with its own headers", async () => {
    const url = await startExpress((_request, response) => void response.set("ETag", '"1"').redirect("/elsewhere"));
    const response = await fetch(url, { redirect: "manual" });
    expect(response.status).toBe(500);
    expect(response.headers.get("location")).toBeNull();
    expect(response.headers.get("etag")).not.toBe('"1"');
    expect(await response.json()).toEqual({ handler: "of the application", code: "VALUE_REFUSED" });
  });

  test("[A21] Express: what the failed route still sends never mixes with the error page", async () => {
    const written: unknown[] = [];
    const url = await startExpress(async (_request, response) => {
      written.push(response.write("one "));
      written.push(await new Promise((resolve) => response.write("two ", resolve)));
      await nextTurn();
      response.end("three");
    });
    const response = await fetch(url);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ handler: "of the application", code: "VALUE_REFUSED" });
    expect(written).toEqual([true, undefined]);
  });

  test("[A21] Fastify: so does setErrorHandler, also for a stream, which is closed", async () => {
    const app = createFastify({ forceCloseConnections: true });
    closing.push(() => app.close());
    await app.register(fastifySession, OPTIONS);
    app.setErrorHandler((error, _request, reply) => reply.status((error as { statusCode: number }).statusCode).send(answerTo(error)));
    const body = Readable.from(["one ", "two "]);
    app.get("/json", async (request) => {
      Reflect.set(request.session, "run", () => 1);
      return { ok: true };
    });
    app.get("/stream", async (request) => {
      Reflect.set(request.session, "run", () => 1);
      return body;
    });
    for (const path of ["/json", "/stream"]) {
      const response = await app.inject(path);
      expect(response.statusCode).toBe(500);
      expect(response.json()).toEqual({ handler: "of the application", code: "VALUE_REFUSED" });
    }
    expect(body.destroyed).toBe(true);
  });

  test("[A21] Koa: so does a middleware that catches", async () => {
    const sessions = koaSession(OPTIONS);
    const app = new Koa();
    app.use(async (context, next) => {
      try {
        await next();
      } catch (error) {
        context.status = (error as { status: number }).status;
        context.body = answerTo(error);
      }
    });
    app.use(sessions);
    app.use((context) => {
      Reflect.set(context.session ?? {}, "run", () => 1);
      context.body = { ok: true };
    });
    const answer = app.callback();
    const { url, close } = await listen(answer, () => sessions.engine.close());
    closing.push(close);
    const response = await fetch(url);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ handler: "of the application", code: "VALUE_REFUSED" });
  });

  test("[A19] Koa: what a middleware further out writes after the route is committed, and its errors reach app.on('error')", async () => {
    const sessions = koaSession(OPTIONS);
    const app = new Koa();
    const errors: unknown[] = [];
    app.on("error", (error) => errors.push((error as { code?: unknown }).code));
    app.use(async (context, next) => {
      await next();
      Reflect.set(
        context.session ?? {},
        context.query["name"] === "run" ? "run" : "outer",
        context.query["name"] === "run" ? () => 1 : true,
      );
    });
    app.use(sessions);
    app.use((context) => {
      context.body = { ...context.session };
    });
    const { url, close } = await listen(app.callback(), () => sessions.engine.close());
    closing.push(close);
    const first = await fetch(url);
    const cookie = first.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    expect(await (await fetch(url, { headers: { cookie } })).json()).toEqual({ outer: true });
    expect((await fetch(`${url}/?name=run`, { headers: { cookie } })).status).toBe(500);
    expect(errors).toEqual(["VALUE_REFUSED"]);
  });

  test("[A18] Koa: without a secret, app.keys are the key ring", async () => {
    const engineOf = (keys?: string[]) => koaSession({ onNotice: () => undefined }, new Koa(keys === undefined ? {} : { keys })).engine;
    expect(() => engineOf()).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    await engineOf([SECRET]).close();
  });

  test("[A19] Fastify: injected requests, which have no socket, get their cookie", async () => {
    const app = createFastify();
    closing.push(() => app.close());
    await app.register(fastifySession, OPTIONS);
    app.get("/", async (request) => {
      Reflect.set(request.session, "name", "Ada");
      return { ok: true };
    });
    const response = await app.inject("/");
    expect(response.cookies).toEqual([expect.objectContaining({ name: "sid", httpOnly: true, sameSite: "Lax" })]);
    expect(response.headers["cache-control"]).toBe("no-store");
  });
});
