import { Readable } from "node:stream";
import type Koa from "koa";
import { expect, test } from "vitest";
import { createEngine } from "../../../src/runtime/index.ts";
import { describeLibraries, sessionOf, sessions, startApp, startSite } from "./library.ts";

const write = (context: Koa.Context, name: string): void => {
  sessionOf(context)["name"] = name;
};

describeLibraries("responses", (setup) => {
  const reading = (context: Koa.Context): unknown => sessionOf(context).toJSON();

  test("[A39] an error downstream is answered, and what was written before it is kept", async () => {
    const { visitor, errors } = await startApp(setup, (app) => {
      app.use(async (context, next) => {
        try {
          await next();
        } catch (error) {
          context.status = (error as { status: number }).status;
          context.body = (error as Error).message;
        }
      });
      app.use(sessions(setup, {}, app));
      app.use((context) => {
        if (context.path === "/read") {
          context.body = reading(context) as object;
          return;
        }
        write(context, "Ada");
        context.throw(401, "not you");
      });
    });
    const response = await visitor.send("/");
    expect([response.status, await response.text()]).toEqual([401, "not you"]);
    expect(await visitor.json("/read")).toEqual({ name: "Ada" });
    expect(errors).toEqual([]);
  });

  test("[A39] an error that nobody catches, downstream or upstream, goes to Koa, and the cookie is not lost with its headers", async () => {
    const { visitor, errors } = await startApp(setup, (app) => {
      app.use(async (context, next) => {
        await next();
        if (context.path === "/upstream") context.throw(503, "upstream");
      });
      app.use(sessions(setup, {}, app));
      app.use((context) => {
        if (context.path === "/read") {
          context.body = reading(context) as object;
          return;
        }
        write(context, context.path);
        if (context.path === "/downstream") context.throw(502, "downstream");
        context.body = "ok";
      });
    });
    for (const [path, status] of [
      ["/downstream", 502],
      ["/upstream", 503],
    ] as const) {
      visitor.jar.clear();
      expect((await visitor.send(path)).status).toBe(status);
      // Koa takes all headers off; the real library's cookie goes with them, and what it stored is lost.
      expect(await visitor.json("/read")).toEqual(setup.pick<object>({ peer: {}, ours: { name: path } }));
    }
    expect(errors.map((error) => (error as Error).message)).toEqual(["downstream", "upstream"]);
  });

  test("[A39] streams carry the cookie; what is written while they flow is kept where there is a session", async () => {
    const { visitor } = await startSite(setup, {
      "/read": reading,
      "/start": (context) => {
        write(context, "Ada");
        context.type = "text";
        context.body = Readable.from(["one ", "two"]);
      },
      "/late": (context) => {
        const session = sessionOf(context);
        const parts = async function* (): AsyncGenerator<string> {
          yield "one ";
          await Promise.resolve();
          session["late"] = true;
          yield "two";
        };
        context.type = "text";
        context.body = Readable.from(parts());
      },
    });
    const first = await visitor.send("/start");
    expect(await first.text()).toBe("one two");
    expect(await (await visitor.send("/late")).text()).toBe("one two");
    expect(await visitor.json("/read")).toEqual(setup.pick<object>({ peer: { name: "Ada" }, ours: { name: "Ada", late: true } }));
  });

  test("[A39] ctx.respond = false: what goes out by ctx.res is committed before", async () => {
    const { visitor } = await startSite(setup, {
      "/read": reading,
      "/raw": async (context) => {
        write(context, "Ada");
        context.respond = false;
        await sessionOf(context).save();
        context.res.statusCode = 200;
        context.res.end("raw");
      },
      "/raw-alone": (context) => {
        write(context, "Eve");
        context.respond = false;
        context.res.statusCode = 200;
        setImmediate(() => context.res.end("raw"));
      },
    });
    for (const path of ["/raw", "/raw-alone"]) {
      const response = await visitor.send(path);
      expect([response.status, await response.text()]).toEqual([200, "raw"]);
    }
    expect(await visitor.json("/read")).toEqual({ name: "Eve" });
  });

  test("[A39] redirects, empty bodies and HEAD keep what was written", async () => {
    const { visitor } = await startSite(setup, {
      "/read": reading,
      "/redirect": (context) => {
        write(context, "Ada");
        context.redirect("/read");
      },
      "/empty": (context) => {
        write(context, "Eve");
        context.status = 204;
      },
    });
    const response = await visitor.send("/redirect");
    expect([response.status, response.headers.get("location")]).toEqual([302, "/read"]);
    expect(await visitor.json("/read")).toEqual({ name: "Ada" });
    expect((await visitor.send("/empty")).status).toBe(204);
    expect(await visitor.json("/read")).toEqual({ name: "Eve" });
    const head = await fetch(`${visitor.url}/redirect`, { method: "HEAD", redirect: "manual" });
    expect(head.headers.getSetCookie().length).toBeGreaterThan(0);
  });

  test("[A39] what cannot be stored is a 500 by Koa's error path, once, and no cookie", async () => {
    const { visitor, errors } = await startSite(setup, {
      "/big": (context) => {
        sessionOf(context)["big"] = context.query["kind"] === "cycle" ? cycle() : 1n;
        return "ok";
      },
    });
    for (const kind of ["cycle", "ok"]) {
      const response = await visitor.send(`/big?kind=${kind}`);
      const isStored = kind === "ok" && setup.library === "converge-session";
      expect([response.status, response.headers.getSetCookie().length > 0]).toEqual([isStored ? 200 : 500, isStored]);
    }
    expect(errors).toHaveLength(setup.pick({ peer: 2, ours: 1 }));
  });

  test("[A39] parallel requests of one session: what each of them wrote", async () => {
    const names = Array.from({ length: 10 }, (_, index) => `n${index}`);
    const waiting: (() => void)[] = [];
    const { visitor } = await startSite(setup, {
      "/read": reading,
      "/write": (context) => {
        write(context, "Ada");
        return {};
      },
      "/one": async (context) => {
        const session = sessionOf(context);
        // All of them have loaded it before the first one goes on.
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length === names.length) for (const go of waiting) go();
        });
        session[String(context.query["name"])] = 1;
        return {};
      },
    });
    await visitor.send("/write");
    await Promise.all(names.map((name) => visitor.fork().send(`/one?name=${name}`)));
    const kept = Object.keys((await visitor.json("/read")) as object).filter((name) => name !== "name");
    expect(kept).toHaveLength(setup.pick({ peer: 1, ours: 10 }));
  });

  test.runIf(setup.library === "converge-session")("[A15] a session that cannot be loaded fails only who asks for it", async () => {
    const engine = createEngine();
    const { visitor } = await startApp(setup, (app) => {
      app.use(sessions(setup, { engine }, app));
      app.use((context) => {
        context.body = context.path === "/ignore" ? {} : (reading(context) as object);
        if (context.path === "/write") write(context, "Ada");
      });
    });
    await visitor.send("/write");
    await engine.close();
    expect((await visitor.send("/ignore")).status).toBe(200);
    expect((await visitor.send("/read")).status).toBe(503);
  });
});

function cycle(): object {
  const loop: Record<string, unknown> = {};
  loop["loop"] = loop;
  return loop;
}
