import type { EngineOptions } from "../../src/engine/index.ts";
import type { RaceHandlers, RaceNode } from "../../src/testing/index.ts";
import { startExpress, startExpressSession } from "./apps/express.ts";
import { startFastify, startFastifySession } from "./apps/fastify.ts";
import { startKoa, startKoaSession } from "./apps/koa.ts";
import { startNode } from "./apps/node.ts";
import type { PeerSetup } from "./rows.ts";

/** Ours, by the name in the last line. A new adapter adds itself here. */
export const ADAPTERS: Readonly<Record<string, (options: EngineOptions, handlers: RaceHandlers) => Promise<RaceNode>>> = {
  express: startExpress,
  fastify: startFastify,
  koa: startKoa,
  node: startNode,
};

/** What people have now. */
export const PEERS: Readonly<Record<string, (setup: PeerSetup, writeLatencyMs: number, handlers: RaceHandlers) => Promise<RaceNode>>> = {
  "express-session": startExpressSession,
  "@fastify/session": startFastifySession,
  "koa-session": startKoaSession,
};
