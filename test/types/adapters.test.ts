import { describe, expect, test } from "vitest";
import { errorsOf } from "./program.ts";

const EXPRESS = `
import express from "express";
import { session } from "../../src/adapters/express/index.ts";
const app = express();
app.use(session({ secret: "s", cookie: { maxAge: 1000, sameSite: "lax" } }));
app.get("/", async (req, res) => {
  req.session.cart = [1];
  req.session.cookie.maxAge = 1000;
  const id: string = req.session.id;
  await req.session.regenerate({ keep: ["cart"] });
  req.session.save((error) => res.json({ error }));
  const cart: number = req.session.cart;
});
session({ secret: "s", cookie: { sameSite: "Lax" } });
`;

const PEER_EXPRESS = `
import express from "express";
import peer from "express-session";
import { session } from "../../src/adapters/express/index.ts";
declare module "express-session" {
  interface SessionData { cart: number[] }
}
const app = express();
app.use(session({ secret: "s" }));
app.use(peer({ secret: "s" }));
app.get("/", (req, res) => {
  req.session.cart = [1];
  req.session.regenerate(() => res.end());
  const cart: number[] | undefined = req.session.cart;
  req.session.other;
});
`;

const FASTIFY = `
import createFastify from "fastify";
import { session } from "../../src/adapters/fastify/index.ts";
const app = createFastify();
await app.register(session, { secret: "s", touch: (request) => request.url !== "/poll" });
app.get("/", async (request) => {
  request.session.cart = [1];
  await request.session.regenerate({ keep: true });
  const cart: number = request.session.cart;
  return request.session.id;
});
`;

const PEER_FASTIFY_TYPES = `
import "fastify";
declare module "fastify" {
  interface FastifyRequest { session: FastifySessionObject }
}
export interface FastifySessionObject { sessionId: string; user?: string }
`;

const PEER_FASTIFY = `
import createFastify from "fastify";
import type { FastifySessionObject } from "@fastify/session";
import { session } from "../../src/adapters/fastify/index.ts";
const app = createFastify();
await app.register(session, { secret: "s" });
app.get("/", async (request) => {
  const theirs: FastifySessionObject = request.session;
  return theirs.user;
});
`;

const KOA = `
import Koa from "koa";
import { session } from "../../src/adapters/koa/index.ts";
const app = new Koa();
app.use(session({ secret: "s" }));
app.use(session({}, app));
app.use(async (ctx) => {
  if (ctx.session === null) return;
  ctx.session.cart = [1];
  await ctx.session.regenerate();
  ctx.session = { only: 1 };
  ctx.session = null;
  ctx.session = "text";
  ctx.session.cart;
});
`;

describe("types of the adapters", { timeout: 120_000 }, () => {
  test("[A25] Express alone: req.session has our methods, and attributes are unknown until they are looked at", () => {
    expect(errorsOf(EXPRESS, ["express-session"])).toEqual(["TS2322 test/types/application.ts:12", "TS2769 test/types/application.ts:14"]);
  });

  test("[A25] Express beside express-session: no conflict, and its SessionData types the attributes", () => {
    expect(errorsOf(PEER_EXPRESS, [])).toEqual(["TS2339 test/types/application.ts:15"]);
  });

  test("[A25] Fastify alone", () => {
    expect(errorsOf(FASTIFY, ["@fastify/session"])).toEqual(["TS2322 test/types/application.ts:9"]);
  });

  test("[A25] Fastify beside @fastify/session: no conflict", () => {
    expect(errorsOf(PEER_FASTIFY, [], { "@fastify/session": PEER_FASTIFY_TYPES })).toEqual([]);
  });

  test("[A25] Koa: ctx.session may be null", () => {
    expect(errorsOf(KOA, [])).toEqual(["TS2322 test/types/application.ts:13", "TS18047 test/types/application.ts:14"]);
  });
});
